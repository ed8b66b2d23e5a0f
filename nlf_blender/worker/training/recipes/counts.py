# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that count something, checked before hours of work begin."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from ....errors import UserError


def require_counts(options: argparse.Namespace, least: Mapping[str, int]) -> None:
    """UserError naming the options, of these names, that are given and below their least value."""
    given = {name: getattr(options, name) for name in least}
    wrong = [
        f"--{name.replace('_', '-')} {value} (at least {least[name]})"
        for name, value in given.items()
        if value is not None and value < least[name]
    ]
    if wrong:
        raise UserError(
            "Option out of range", f"These cannot be: {', '.join(wrong)}.", "Give larger numbers."
        )

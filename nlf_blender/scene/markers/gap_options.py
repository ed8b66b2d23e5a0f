# SPDX-License-Identifier: GPL-3.0-or-later
"""When localized markers are shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gaps:
    """threshold: markers that are less sure than this many metres are not shown; fill: they are
    shown all the same, where the body has them, and also where they were not seen."""

    threshold: float = 0.3
    fill: bool = False

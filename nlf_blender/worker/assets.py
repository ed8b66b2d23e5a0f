# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the files lie that ship with the extension."""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "assets"
OPEN_BODY = ASSETS / "open_body.npz"

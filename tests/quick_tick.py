# SPDX-License-Identifier: GPL-3.0-or-later
"""Ticks of what runs beside Blender: none of them may wait for anything."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

MOST_SECONDS = 0.05


def quick_tick(tick: Callable[[], object]) -> None:
    """Tick once; fails if that took long. Garbage is not collected meanwhile: with what earlier
    tests left, torch's modules among it, that alone takes a tenth of a second."""
    gc.disable()
    try:
        began = time.perf_counter()
        tick()
        seconds = time.perf_counter() - began
    finally:
        gc.enable()
    assert seconds < MOST_SECONDS

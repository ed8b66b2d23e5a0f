# SPDX-License-Identifier: GPL-3.0-or-later
"""How the process treats memory that it frees."""

from __future__ import annotations

import ctypes
import sys

# glibc's mallopt: its options, and values with which freed memory stays in the process.
_OPTIONS = {
    -3: 1 << 30,  # M_MMAP_THRESHOLD: blocks below this do not come from the system each for itself
    -1: (1 << 31) - 1,  # M_TRIM_THRESHOLD: as much as this may lie free at the end
    -2: 64 << 20,  # M_TOP_PAD: asked for beyond what is needed
}


def keep_freed_memory() -> bool:
    """Let freed memory be used again instead of going back to the system, where the C library can;
    returns whether it can. A network's maps of some megabytes come and go in every layer, and
    mapping fresh pages for each is half of BlazePose's time on a CPU."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(name, value) for name, value in _OPTIONS.items())

# SPDX-License-Identifier: GPL-3.0-or-later
"""How Blender counts a video's frames: by time, at one rate, whatever the times of its pictures.

Its frame n, from 0, shows the last picture whose time is n / rate or earlier. At a constant rate
that is picture n. At a variable one a picture may be shown in several frames, or in none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64Array = NDArray[np.float64]
ROUNDING_SECONDS = 6e-4  # containers that round to milliseconds are off by up to 0.5 ms
SNAP_FRAMES = (0.02, 0.25)  # least and most of a frame that a time is moved by to a whole frame


def rounding(rate: float) -> float:
    """How far from a whole frame of a rate a time may be that means it, in frames."""
    return float(np.clip(ROUNDING_SECONDS * rate, *SNAP_FRAMES))


def first_shown(times: ArrayLike, rate: float) -> Float64Array:
    """The frames [T], from 0, in which Blender first shows pictures at these increasing times [T]
    in seconds; where it never shows one, between whole frames, its own time."""
    places = np.asarray(times, dtype=np.float64) * rate
    whole = np.ceil(places - rounding(rate))
    hidden = np.append(whole[1:] <= whole[:-1], False)
    return np.where(hidden, places, whole)

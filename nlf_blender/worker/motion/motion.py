# SPDX-License-Identifier: GPL-3.0-or-later
"""One person's motion in the world, as every step of the clean-up takes and gives it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PersonMotion:
    """A person through T consecutive localized frames, gaps included.

    frame [T]: indices into the source; time [T]: seconds; shot [T]: number of the shot, which a
    step never works across; rotations [T,J,3,3]: of the root from SMPL's axes to the world, of the
    other joints relative to the parent; root [T,3]: where the root joint is, metres, world.

    evidence [T]: whether the person was seen; where not, rotations and root are filled in.
    turn_sigma [T,J]: standard deviation of each joint's turn as fitted, radians; place_sigma [T]:
    of the root's place, metres; both large without evidence. The body's shape: betas [B], scale.
    """

    frame: NDArray[np.int64]
    time: Float64Array
    shot: NDArray[np.int64]
    rotations: Float64Array
    root: Float64Array
    evidence: NDArray[np.bool_]
    turn_sigma: Float64Array
    place_sigma: Float64Array
    betas: Float64Array
    scale: float

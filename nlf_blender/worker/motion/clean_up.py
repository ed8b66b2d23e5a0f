# SPDX-License-Identifier: GPL-3.0-or-later
"""One person: from fitted sightings in the world to clean motion."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...body.body_data import BodyData
from ...body.rotations import matrix_from_rotvec
from ...protocol.solve_settings import SolveSettings
from .contacts import find_contacts
from .feet import hold_feet
from .flips import repair_flips
from .gaps import fill_gaps
from .ground import World
from .motion import Float64Array, PersonMotion
from .outliers import reject_outliers
from .smoothing import smooth_motion
from .take_rows import TakeRows
from .track_fit import TrackFit


@dataclass(frozen=True, eq=False)
class CleanMotion:
    """before, after: as fitted, gaps filled, and clean, in the same T frames of the world; contacts
    [T,4]; usable [T]: whether the localized points tell, that is, whether the person was seen there
    and not turned back."""

    before: PersonMotion
    after: PersonMotion
    contacts: np.ndarray
    usable: np.ndarray


def fitted_motion(rows: TakeRows, chosen: np.ndarray, fit: TrackFit) -> PersonMotion:
    """A person's sightings [n] as fitted, in the camera's axes; frames in which they were not seen
    are left out."""
    return PersonMotion(
        frame=rows.frame[chosen],
        time=rows.time[chosen],
        shot=rows.shot[chosen],
        rotations=matrix_from_rotvec(fit.pose),
        root=fit.root,
        evidence=np.ones(len(chosen), dtype=bool),
        turn_sigma=fit.turn_sigma,
        place_sigma=rows.uncertainty[chosen].astype(np.float64),
        betas=fit.betas,
        scale=1.0,
    )


def placed(
    motion: PersonMotion, root_joint: int, world: Float64Array, size: float = 1.0
) -> PersonMotion:
    """A motion in the camera's axes put into the world, by world [T,4,4] from camera space. size:
    what the person's size and distance are multiplied by, so that they look the same."""
    turn = world[:, :3, :3]
    rotations = motion.rotations.copy()
    rotations[:, root_joint] = turn @ rotations[:, root_joint]
    root = (turn @ (size * motion.root)[..., None])[..., 0] + world[:, :3, 3]
    return replace(motion, rotations=rotations, root=root, scale=size * motion.scale)


def clean_up(
    seen: PersonMotion, rows: TakeRows, world: World, body: BodyData, settings: SolveSettings
) -> CleanMotion:
    """The clean motion of a person from sightings in the world."""
    localized = (rows.frames, rows.times, rows.shots)
    before = fill_gaps(seen, *localized)
    turned_back = np.zeros(len(seen.frame), dtype=bool)
    motion = seen
    if settings.repair_flips:
        view = seen.root - world.matrices(seen.frame)[:, :3, 3]
        motion, turned_back = repair_flips(motion, body, view)
    if settings.reject_outliers:
        motion = reject_outliers(motion)
    motion = fill_gaps(motion, *localized)
    eyes = world.matrices(motion.frame)[:, :3, 3]
    motion = smooth_motion(motion, settings.smoothing, eyes)
    contacts = find_contacts(motion, body, world.floor, eyes)
    if settings.hold_feet:
        motion = hold_feet(motion, contacts, body, world.floor, eyes)
    usable = before.evidence.copy()
    usable[before.evidence] = ~turned_back
    return CleanMotion(before, motion, contacts, usable)

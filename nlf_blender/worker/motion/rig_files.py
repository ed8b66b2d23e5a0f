# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the motions of a person's rigs, which are fitted to their clean points."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...protocol.motion_files import read_doubt, read_points, read_rig, write_rig
from ...protocol.solution import SetFiles
from ..rigs.fit_rig import VERSION, fit_rig_motion
from ..rigs.personal_rest import PersonalRests
from .motion import PersonMotion
from .solution_files import generation, is_whole
from .solved_sets import SolvedSet


def write_rig_file(
    folder: Path,
    person: int,
    one: SolvedSet,
    files: SetFiles,
    motion: PersonMotion,
    rests: Callable[[], PersonalRests],
    device: str,
    on_block: Callable[[int], None],
) -> str:
    """Write the motion of a rig unless it is there; its name.

    files: of its points, in the frames of the person's clean motion; rests: gives the set's.
    on_block(frames done) is called after each block. OSError from the disk.
    """
    assert one.rig is not None
    made_of = np.frombuffer(f"{VERSION} {files.points} {files.doubt}".encode(), np.uint8)
    name = f"rig_{one.slug}_{person:03d}.{generation(made_of, motion.betas)}.npz"
    if not is_whole(folder / name, read_rig):
        points, doubt = read_points(folder / files.points), read_doubt(folder / files.doubt)
        rest = rests().of(motion.betas)
        fit = fit_rig_motion(one.rig, rest, points, doubt, device=device, on_block=on_block)
        write_rig(folder / name, fit.arrays(motion.frame, motion.time))
    return name

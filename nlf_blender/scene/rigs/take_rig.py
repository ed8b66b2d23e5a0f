# SPDX-License-Identifier: GPL-3.0-or-later
"""The rigs that were solved in a take, as a person of it moves where they are in the scene.

Where the artist moved or scaled an imported person, the rig goes with them.
"""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ...body.conventions import BLENDER_FROM_CAMERA
from ...errors import UserError
from ...protocol.motion_files import read_motion, read_rig
from ...protocol.point_set import RIG, PointSet, read_point_set
from ...protocol.rows import read_rows
from ...protocol.solution import SOLUTION_FOLDER, PersonInfo, read_solution
from ...protocol.take import read_info
from ...protocol.take_sets import POINTS_FILE, RIG_FILE, SETS_FOLDER, take_sets
from ..footage.objects import person_id, take_collection, take_folder
from ..footage.options import stored_options
from ..footage.scene_time import stored_time_map
from ..footage.time_map import Samples
from ..photo_ground import find_ground
from ..take_people import Take, read_take
from .apply_rig import RigMotion
from .motion_origin import MotionOrigin

NAME = "nlf_track"  # of an imported rig: the person's name in the take


def solved_rig(
    rig: bpy.types.Object, person: bpy.types.Object, scene: bpy.types.Scene
) -> RigMotion:
    """What was solved of an artist's rig for the imported person whose rig `person` is.

    A photo's pose is keyed at the scene's current frame. UserError if nothing was solved of this
    rig, or the take is gone or damaged.
    """
    folder = take_folder(person)
    if folder is None:
        raise UserError(
            "Nobody chosen",
            f"{person.name} is nobody who was imported from a take.",
            "Choose the rig of an imported person.",
        )
    sets = _rig_sets(folder)
    fitting = {
        slug: points
        for slug, points in sets.items()
        if points.rig and all(name in rig.pose.bones for name in points.rig.joint_names)
    }
    # of several with these bones, the one of this name
    order = sorted(fitting, key=lambda slug: (fitting[slug].name != rig.name, slug))
    if not order:
        raise _nothing(rig, folder, [points.name for points in sets.values()])
    slug, points = order[0], fitting[order[0]]
    if read_info(folder).is_footage:
        return _of_footage(rig, person, folder, slug, points)
    return _of_photo(person, folder, slug, points, scene)


def _rig_sets(folder: Path) -> dict[str, PointSet]:
    return {
        slug: read_point_set(folder / SETS_FOLDER / slug / POINTS_FILE)
        for slug, info in take_sets(folder).items()
        if info.kind == RIG
    }


def _nothing(rig: bpy.types.Object, folder: Path, others: list[str]) -> UserError:
    there = f"it has {', '.join(others)}" if others else "it has no rigs"
    return UserError(
        "Rig not solved",
        f"The take {folder} has nothing of {rig.name}: {there}.",
        "Add the rig, and localize it in this take.",
    )


def _of_footage(
    rig: bpy.types.Object, person: bpy.types.Object, folder: Path, slug: str, points: PointSet
) -> RigMotion:
    number, times = person_id(person), stored_time_map(person)
    info = next((one for one in read_solution(folder).people if one.id == number), None)
    files = None if info is None else next((one for one in info.sets if one.slug == slug), None)
    if info is None or files is None or not files.rig or times is None:
        raise _nothing(rig, folder, [])
    motion = read_rig(folder / SOLUTION_FOLDER / files.rig)
    if motion["pose"].shape[1] != len(points.rig.joint_names):
        raise _nothing(rig, folder, [points.name])
    motion["root"] = motion["root"] - _travel(person, folder, info, motion["time"])
    placement = np.array(person.matrix_world, dtype=np.float64)
    name = f"{rig.name} {info.name}"
    origin = MotionOrigin(folder, info.id, files.rig)
    return RigMotion(points.rig, motion, times.samples(motion["time"]), placement, name, origin)


def _travel(
    person: bpy.types.Object, folder: Path, info: PersonInfo, times: Float64Array
) -> Float64Array:
    """What an import in place leaves out of a person's way over the ground, at times [T,3]."""
    collection = take_collection(person)
    if collection is None or not stored_options(collection)[0].in_place:
        return np.zeros(3)
    motion = read_motion(folder / SOLUTION_FOLDER / info.file)
    way = motion["root"] - motion["root"][0]
    columns = [np.interp(times, motion["time"], way[:, axis]) for axis in (0, 1)]
    return np.stack([*columns, np.zeros(len(times))], axis=1)


def _of_photo(
    person: bpy.types.Object,
    folder: Path,
    slug: str,
    points: PointSet,
    scene: bpy.types.Scene,
) -> RigMotion:
    take = read_take(folder)
    path, row = folder / SETS_FOLDER / slug / RIG_FILE, _row_of(person, take)
    if row is None or not path.is_file():
        raise _nothing(person, folder, [])
    motion = {name: values[row : row + 1] for name, values in read_rig(path).items()}
    from_camera = np.eye(4)
    from_camera[:3, :3] = BLENDER_FROM_CAMERA
    from_camera[2, 3] = find_ground(take).height
    placement = np.array(person.matrix_world, dtype=np.float64) @ from_camera
    frame = np.array([float(scene.frame_current)])
    samples = Samples(frame, np.zeros(1, dtype=np.int64), np.zeros(1), exact=True)
    return RigMotion(points.rig, motion, samples, placement, f"{points.name} {person[NAME]}")


def _row_of(person: bpy.types.Object, take: Take) -> int | None:
    """The first row of somebody in a photo, the one that is imported."""
    track = next((one.track.id for one in take.people if one.track.name == person.get(NAME)), None)
    rows = read_rows(take.folder, take.info.chunks)
    own = np.flatnonzero(rows["track"] == track) if track is not None else np.zeros(0, dtype=int)
    return int(own[rows["frame"][own].argmin()]) if len(own) else None

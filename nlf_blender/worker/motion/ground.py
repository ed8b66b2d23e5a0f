# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the world is: which way is up and where the floor is, seen from the camera.

A camera that stands still knows neither. Both follow from the feet of all people over the whole
clip: a robust plane through the places where feet stood (`ground_fit.py`), together with what is
likely anyway. A camera whose motion was solved has its world, which nothing here moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...body.body_data import BodyData
from ...body.conventions import BLENDER_FROM_CAMERA
from ...protocol.cameras import CameraMotion
from ...protocol.solve_settings import LEVEL_GROUND, NO_GROUND
from .foot_points import foot_points, joint_frames, shoulders_of
from .ground_fit import LEVEL_UP, Plane, Seen, fit_height, fit_plane
from .motion import Float64Array, PersonMotion
from .stances import smooth_feet, stances_of

# In the world of a solved camera: the floor is at 0 if feet stand this near to it, metres.
SAME_FLOOR = 0.15
MOST_SPREAD = 0.08  # metres; of feet that are said to stand on one floor


@dataclass(frozen=True, eq=False)
class World:
    """The world of a take. static [4,4]: from camera space to it, None for a camera that moves;
    how: how it was found, in words; floor: the height of the floor in it, None if nobody knows;
    tilt: of a static camera, degrees between its up and the world's; camera_height: metres; sizes
    [P]: what people's sizes, and so their distances, have to be multiplied by so that all stand on
    one floor."""

    static: Float64Array | None
    how: str
    floor: float | None
    sizes: Float64Array
    tilt: float = 0.0
    camera_height: float = 0.0
    cameras: CameraMotion | None = None

    def matrices(self, frames: NDArray[np.int64]) -> Float64Array:
        """World from camera [n,4,4] in frames [n] of the source. UserError for a frame that a
        solved camera does not have."""
        if self.cameras is not None:
            return self.cameras.world_from_camera[self.cameras.rows_of(frames)]
        assert self.static is not None
        return np.broadcast_to(self.static, (len(frames), 4, 4))


def find_world(
    motions: Sequence[PersonMotion], body: BodyData, cameras: CameraMotion | None, mode: str
) -> World:
    """The world of people whose motions are in camera axes: metres, x right, y down, z forward.

    cameras: a solved camera's motion, which decides alone; mode: one of solve_settings.GROUNDS.
    With cuts, the shot with most sightings decides: a take has one camera.
    """
    sizes = np.ones(len(motions))
    if cameras is not None:
        return _solved_world(motions, body, cameras)
    if mode == NO_GROUND:
        matrix = np.eye(4)
        matrix[:3, :3] = BLENDER_FROM_CAMERA
        return World(matrix, "The camera is level, in the world's origin.", None, sizes)
    shot, cut = _main_shot(motions)
    told = {number: _seen(motion, body, shot) for number, motion in enumerate(motions)}
    seen = {number: one for number, one in told.items() if one is not None}
    plane, how = _plane(list(seen.values()), mode)
    sizes[list(seen)] = plane.sizes
    if cut:
        how += " The clip has cuts: the longest shot decided."
    rotation = world_rotation(plane.up)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[2, 3] = plane.height
    tilt = float(np.degrees(np.arccos(np.clip(plane.up @ LEVEL_UP, -1.0, 1.0))))
    return World(matrix, how, 0.0, sizes, tilt, plane.height)


def world_rotation(up: Float64Array) -> Float64Array:
    """The rotation [3,3] from camera space to a world where `up` [3] is +z and the camera looks
    along +y, or as nearly as it can; one that looks straight up or down has its picture's up there.
    """
    forward = np.array([0.0, 0.0, 1.0]) - up[2] * up
    if np.linalg.norm(forward) < 1e-3:
        forward = -np.sign(up[2]) * (LEVEL_UP - up[1] * LEVEL_UP[1] * up)
    forward = forward / np.linalg.norm(forward)
    return np.stack([np.cross(forward, up), forward, up])


def _plane(seen: list[Seen], mode: str) -> tuple[Plane, str]:
    if not seen:
        how = "Nobody's feet are known: the camera is level, at height 0."
        return Plane(LEVEL_UP, 0.0, np.ones(0)), how
    if mode == LEVEL_GROUND:
        height = fit_height(seen, LEVEL_UP)
        how = f"Level camera {height:.2f} m above the feet."
        return Plane(LEVEL_UP, height, np.ones(len(seen))), how
    plane = fit_plane(seen)
    tilt = float(np.degrees(np.arccos(np.clip(plane.up @ LEVEL_UP, -1.0, 1.0))))
    if plane.standing < 2:
        source = "from upright bodies, for feet hardly stand"
    else:
        source = f"from {plane.standing} places where feet stand"
    return plane, f"Camera tilted by {tilt:.1f} degrees, {plane.height:.2f} m high: {source}."


def _main_shot(motions: Sequence[PersonMotion]) -> tuple[int, bool]:
    """The shot with most sightings, and whether there are others."""
    shots = [motion.shot[motion.evidence] for motion in motions]
    numbers, counts = np.unique(np.concatenate([*shots, np.zeros(0, int)]), return_counts=True)
    if not len(numbers):
        return 0, False
    return int(numbers[np.argmax(counts)]), len(numbers) > 1


def _seen(motion: PersonMotion, body: BodyData, shot: int) -> Seen | None:
    """What one person's motion tells of the ground; None without feet or sightings."""
    points = foot_points(body, motion.betas, motion.scale)
    rows = np.flatnonzero(motion.evidence & (motion.shot == shot))
    if points is None or not len(rows):
        return None
    orientations, positions = joint_frames(motion, body)
    orientations, positions = orientations[rows], positions[rows]
    return Seen(
        time=motion.time[rows],
        feet=smooth_feet(points.places(orientations, positions), motion.time[rows]),
        sigma=motion.place_sigma[rows],
        root=orientations[:, body.skeleton.root],
        trunk=positions[:, shoulders_of(body)].mean(axis=1) - positions[:, body.skeleton.root],
    )


def _solved_world(motions: Sequence[PersonMotion], body: BodyData, cameras: CameraMotion) -> World:
    """The floor is where feet stand in the solved world, if they agree on one."""
    heights = np.concatenate([np.zeros(0), *(_standing_heights(m, body, cameras) for m in motions)])
    how, sizes = "The world of the solved camera.", np.ones(len(motions))
    if not len(heights):
        return World(None, how, None, sizes, cameras=cameras)
    middle = float(np.median(heights))
    spread = 1.4826 * float(np.median(np.abs(heights - middle)))  # a standard deviation
    if spread > MOST_SPREAD:
        return World(None, how, None, sizes, cameras=cameras)
    if abs(middle) < SAME_FLOOR:
        return World(None, how, 0.0, sizes, cameras=cameras)
    how += f" Feet stand {middle:.2f} m high in it."
    return World(None, how, middle, sizes, cameras=cameras)


def _standing_heights(motion: PersonMotion, body: BodyData, cameras: CameraMotion) -> Float64Array:
    """Heights in the solved world of places where one person's feet stood, metres."""
    heights = [np.zeros(0)]
    points = foot_points(body, motion.betas, motion.scale)
    if points is None:
        return heights[0]
    feet = points.places(*joint_frames(motion, body))
    for shot in np.unique(motion.shot):
        rows = np.flatnonzero(motion.evidence & (motion.shot == shot))
        if not len(rows):
            continue
        time, sigma = motion.time[rows], motion.place_sigma[rows]
        world = cameras.world_from_camera[cameras.rows_of(motion.frame[rows])]
        turned = np.einsum("tab,tpb->tpa", world[:, :3, :3], feet[rows])
        placed = smooth_feet(turned + world[:, None, :3, 3], time)
        heights.append(stances_of(placed, time, sigma, world[:, :3, 3]).points[:, 2])
    return np.concatenate(heights)

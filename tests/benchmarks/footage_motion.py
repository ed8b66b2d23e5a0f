# SPDX-License-Identifier: GPL-3.0-or-later
"""The clean-up on true motion with noise as a good localizer's: 4 degrees of every joint, 1.5 cm of
the place, and of the distance from the camera 2 %, for a picture tells it worst; alike over some
frames or not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from motion_noise import far_and_near, ground_errors, noisy, seen_from
from rendered_clip import LARGE, Truth, truth_of

from nlf_blender.protocol.solve_settings import SolveSettings
from nlf_blender.worker.motion.clean_up import clean_up, placed
from nlf_blender.worker.motion.ground import find_world
from nlf_blender.worker.motion.motion import PersonMotion

from .footage_measure import Found, errors
from .report import Row, say

CORRELATIONS = {"independent": 0.3, "alike over 0.1 s": 1.5, "alike over 0.3 s": 4.0}
PLACE, DEGREES, DISTANCE = 0.015, 4.0, 0.02


def motion_rows(seed: int, scene: str) -> list[Row]:
    """Before and after for each kind of noise, of one of SCENES."""
    truth = truth_of(LARGE, scene)
    rows: list[Row] = []
    for name, correlation in CORRELATIONS.items():
        say(f"noise {name}")
        seen = [
            far_and_near(
                seen_from(
                    noisy(walked.motion, seed + number, PLACE, DEGREES, correlation),
                    truth.world_from_camera,
                ),
                DISTANCE,
                seed + number,
                correlation,
            )
            for number, walked in enumerate(truth.walks)
        ]
        rows += _rows(truth, seen, name)
    return rows


def _rows(truth: Truth, seen: list[PersonMotion], name: str) -> list[Row]:
    count = truth.size.frames
    times = truth.walks[0].motion.time
    localized = SimpleNamespace(
        frames=np.arange(count), times=times, shots=np.zeros(count, np.int64)
    )
    world = find_world(seen, truth.body, None, "auto")
    matrices = world.matrices(localized.frames)
    in_world = [
        placed(motion, truth.body.skeleton.root, matrices, float(size))
        for motion, size in zip(seen, world.sizes, strict=True)
    ]
    clean = [
        clean_up(motion, localized, world, truth.body, SolveSettings())  # type: ignore[arg-type]
        for motion in in_world
    ]
    places = np.concatenate([walked.motion.root[:, :2] for walked in truth.walks])
    tilt, height = ground_errors(matrices[0], truth.world_from_camera, places)
    answer = np.tile(np.arange(len(seen))[:, None], (1, count))
    rows: list[Row] = []
    for moment in ("before", "after"):
        found = [
            Found(number, getattr(one, moment), one.contacts) for number, one in enumerate(clean)
        ]
        rows.append(
            {
                "step": f"{name}, {moment}",
                **errors(truth, found, answer, matrices[0]),
                "ground_tilt_degrees": tilt,
                "ground_height_cm": 100 * height,
            }
        )
    return rows

# SPDX-License-Identifier: GPL-3.0-or-later
"""The rendered clip shows what its truth says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from motion_noise import ground_errors, seen_from
from rendered_clip import SMALL, Painter, truth_of, write_clip

from nlf_blender.worker.motion.foot_points import joint_frames
from nlf_blender.worker.motion.ground import find_world


def test_people_are_where_the_truth_says() -> None:
    truth = truth_of(replace(SMALL, frames=30))
    painter = Painter(truth, 3)
    row = 10
    empty = (painter.background[: 2 * truth.size.height : 2, ::2] * 255).astype(int)
    drawn = np.abs(painter.frame(row).astype(int) - empty).max(axis=2) > 25
    for walked in truth.walks:
        _, places = joint_frames(walked.motion, truth.body)
        seen = truth.to_camera(places[row]) @ truth.intrinsics.T
        x, y = (seen[:, :2] / seen[:, 2:]).round().astype(int).T
        assert (x > 0).all() and (x < truth.size.width).all()
        assert drawn[y, x].mean() > 0.8
    assert 0.01 < drawn.mean() < 0.2


def test_a_clip_has_all_frames(tmp_path: Path) -> None:
    import av

    truth = truth_of(replace(SMALL, frames=4))
    write_clip(tmp_path / "clip.mp4", truth)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 4 and frames[0].shape == (360, 640, 3)
    assert np.abs(frames[2].astype(int) - Painter(truth, 3).frame(2).astype(int)).mean() < 6


def test_its_people_tell_the_ground() -> None:
    truth = truth_of()
    seen = [seen_from(walked.motion, truth.world_from_camera) for walked in truth.walks]
    world = find_world(seen, truth.body, None, "auto")
    assert world.static is not None
    places = np.concatenate([walked.motion.root[:, :2] for walked in truth.walks])
    tilt, height = ground_errors(world.static, truth.world_from_camera, places)
    assert tilt < 0.3 and height < 0.01

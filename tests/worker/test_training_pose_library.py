# SPDX-License-Identifier: GPL-3.0-or-later
"""Libraries of recorded poses: splits, thinning, drawing, files, and the command that makes one."""

from __future__ import annotations

import argparse
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from nlf_blender.errors import UserError
from nlf_blender.worker.training.synthetic import poses_command
from nlf_blender.worker.training.synthetic.bodies import open_body
from nlf_blender.worker.training.synthetic.figures import FigureModel, pose_figure
from nlf_blender.worker.training.synthetic.joint_limits import within_limits
from nlf_blender.worker.training.synthetic.mocap import Take
from nlf_blender.worker.training.synthetic.pose_library import (
    PoseLibrary,
    library_of,
    load_library,
    save_library,
)
from nlf_blender.worker.training.synthetic.poses import DEEPEST, PoseSampler
from nlf_blender.worker.training.synthetic.skeleton import INDEX
from nlf_blender.worker.training.synthetic.turns import turn


def take(name: str, subject: str, seed: int, frames: int) -> Take:
    """A take whose frames all differ much."""
    random = np.random.default_rng(seed)
    poses = Rotation.random(24 * frames, random_state=random).as_matrix()
    poses = poses.reshape(frames, 24, 3, 3)
    return Take(name, subject, poses)


def test_library_splits_by_take_and_subject() -> None:
    takes = [take(f"{subject}_{n}", subject, n, 4) for subject in "1236" for n in range(7)]
    library = library_of(takes)
    train, held_out = library.split("train"), library.split("held-out")
    names = [{library.names[row] for row in part.take} for part in (train, held_out)]
    assert not names[0] & names[1] and names[0] | names[1] == set(library.names)
    assert {name for name in names[1] if name.startswith("3")} == {f"3_{n}" for n in range(7)}
    assert {name for name in names[1] if name.startswith("1")} == {"1_4"}
    assert len(train.poses) + len(held_out.poses) == len(library.poses)
    with pytest.raises(ValueError, match="test"):
        library.split("test")


def test_library_draws_takes_by_the_root_of_their_length() -> None:
    library = library_of([take("long", "1", 0, 90), take("short", "1", 1, 10)])
    random = np.random.default_rng(5)
    short = {pose.tobytes() for pose in library.poses[90:]}
    drawn = [library.draw(random).astype(np.float32).tobytes() in short for _ in range(2000)]
    assert abs(np.mean(drawn) - 0.25) < 0.04


def test_library_leaves_out_frames_that_hardly_differ() -> None:
    poses = np.tile(np.eye(3), (60, 24, 1, 1))
    poses[:, INDEX["left_knee"]] = [turn("x", degrees) for degrees in range(0, 120, 2)]
    kept = library_of([Take("slow", "1", poses)]).poses
    assert 2 < len(kept) < 8 and np.allclose(kept[0], np.eye(3), atol=1e-6)


def test_library_is_kept_and_a_broken_one_reported(tmp_path: Path) -> None:
    library = library_of([take("a", "1", 0, 3), take("b", "3", 1, 2)])
    path = tmp_path / "poses.npz"
    save_library(library, path)
    assert list(tmp_path.iterdir()) == [path]
    read = load_library(path)
    assert isinstance(read, PoseLibrary) and read.names == ("a", "b")
    assert np.allclose(read.poses, library.poses, atol=1e-5)
    assert np.array_equal(read.held_out, [False, True])
    whole = path.read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"PK no archive"):
        path.write_bytes(broken)
        with pytest.raises(UserError, match=r"poses\.npz"):
            load_library(path)
    np.savez(path, quaternions=np.zeros((3, 22, 4)), take=[0, 0, 0], names=["a"], held_out=[False])
    with pytest.raises(UserError, match="22"):
        load_library(path)


def test_recorded_poses_are_drawn_where_the_body_allows_them() -> None:
    figure = FigureModel(open_body()).figure(np.zeros(16))
    sampler = PoseSampler(library_of([take("a", "1", 3, 30)]))
    drawn = [sampler.draw(np.random.default_rng(seed), figure) for seed in range(60)]
    assert {"recorded", "mixed"} < {pose.name for pose in drawn}
    for pose in drawn:
        assert np.allclose(within_limits(pose.local)[1:], pose.local[1:], atol=1e-6)
        assert pose_figure(figure, pose.local).overlap() <= DEEPEST * figure.stature + 1e-3


def test_command_writes_the_poses_and_says_what_people_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bones = ("Hip", "Waist", "Spine01", "Spine02", "NeckTwist01", "Head")
    bones += tuple(
        f"{side}_{bone}"
        for side in "LR"
        for bone in ("Thigh", "Calf", "Foot", "ToeBase", "Clavicle", "Upperarm", "Forearm", "Hand")
    )
    lines = ["HIERARCHY"]
    for number, bone in enumerate(bones):  # a chain will do
        lines += [f"{'JOINT' if number else 'ROOT'} CC_Base_{bone}", "{", "OFFSET 0 1 0",
                  "CHANNELS 3 Zrotation Yrotation Xrotation"]  # fmt: skip
    frame = " ".join(["0"] * 3 * len(bones))
    lines += ["}"] * len(bones) + ["MOTION", "Frames: 1", "Frame Time: 0.1", frame]
    with tarfile.open(tmp_path / "motions.tar", "w") as archive:
        text = "\n".join(lines).encode()
        info = tarfile.TarInfo("a/05_01.bvh")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    parser = argparse.ArgumentParser()
    poses_command.add_arguments(parser)
    out = tmp_path / "poses.npz"
    options = parser.parse_args(
        ["--motions", str(tmp_path / "motions.tar"), "--out", str(out), "--people", "10"]
    )
    assert poses_command.run(options) == 0
    assert load_library(out).names == ("05_01",)
    printed = capsys.readouterr().out
    assert "1 poses of 1 takes" in printed and "sitting" in printed
    assert "held-out: 0 poses" in printed

# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion capture files and the joint tree."""

from __future__ import annotations

import io
import tarfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from nlf_blender.errors import UserError
from nlf_blender.worker.training.synthetic.mocap import read_takes
from nlf_blender.worker.training.synthetic.motion_files import read_amc, read_bvh
from nlf_blender.worker.training.synthetic.skeleton import (
    INDEX,
    JOINT_NAMES,
    PARENTS,
    T_POSE_DIRECTIONS,
    mirror_pose,
    to_local,
    to_world,
)
from nlf_blender.worker.training.synthetic.turns import turn, turn_between

BVH = """HIERARCHY
ROOT hip
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT knee
  {
    OFFSET 0 -4 0
    CHANNELS 3 Zrotation Yrotation Xrotation
    End Site
    {
      OFFSET 0 -4 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.1
0 0 0 0 0 0 0 0 0
0 0 0 90 0 0 0 0 30
"""


def asf_text() -> str:
    bones = {
        "lfemur": ([0, -1, 0], "rx ry rz", "root"),
        "ltibia": ([0, -1, 0], "rx", "lfemur"),
        "lfoot": ([0, -0.38, 0.92], "rx rz", "ltibia"),
        "lclavicle": ([1, 0, 0], "ry rz", "thorax"),
        "lhumerus": ([1, 0, 0], "rx ry rz", "lclavicle"),
        "lradius": ([1, 0, 0], "rx", "lhumerus"),
        "lwrist": ([1, 0, 0], "ry", "lradius"),
        "lhand": ([1, 0, 0], "rx", "lwrist"),
        "lfingers": ([1, 0, 0], "rx", "lhand"),
        "ltoes": ([0, 0, 1], "rx", "lfoot"),
    }
    for name, (direction, axes, parent) in list(bones.items()):
        mirrored = [-direction[0], *direction[1:]]
        bones["r" + name[1:]] = (mirrored, axes, parent if parent in ("root", "thorax")
                                 else "r" + parent[1:])  # fmt: skip
    spine = ("root", "lowerback", "upperback", "thorax", "lowerneck", "head")
    for parent, name in pairwise(spine):
        bones[name] = ([0, 1, 0], "rx ry rz", parent)
    lines = [":bonedata"]
    for name, (direction, axes, _) in bones.items():
        words = " ".join(str(value) for value in direction)
        lines += ["begin", f"name {name}", f"direction {words}", "axis 0 0 0 XYZ"]
        lines += [f"dof {axes}", "end"]
    lines += [":hierarchy", "begin"]
    lines += [f"{parent} {name}" for name, (_, _, parent) in bones.items()]
    return "\n".join([*lines, "end"])


AMC = "1\nroot 0 0 0 0 0 0\n2\nroot 0 0 0 0 90 0\nltibia 40\n"


def test_bvh_rotations_go_down_the_tree() -> None:
    motion = read_bvh(BVH, 1)
    knee = motion.rotations["knee"]
    assert np.allclose(knee[0], np.eye(3))
    assert np.allclose(knee[1], turn("z", 90) @ turn("x", 30))
    assert motion.rest_directions["knee"].tolist() == [0, -4, 0]


def test_amc_angles_turn_their_bones() -> None:
    motion = read_amc(asf_text(), AMC, 1)
    assert np.allclose(motion.rotations["rtibia"][1], turn("y", 90))
    assert np.allclose(motion.rotations["ltibia"][1], turn("y", 90) @ turn("x", 40))


def write_archive(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return path


def test_archive_of_a_t_pose_gives_the_t_pose(tmp_path: Path) -> None:
    frames = "".join(f"{n}\nroot 0 0 0 0 0 0\n" for n in range(1, 9)) + "9\nltibia 40\n"
    frames = frames.replace("9\n", "9\nroot 0 0 0 0 90 0\n")
    files = {"01/01.asf": asf_text(), "01/01_01.amc": frames}
    takes = list(read_takes(write_archive(tmp_path / "motion.tar", files)))
    assert [(take.name, take.subject) for take in takes] == [("01_01", "1")]
    poses = takes[0].poses
    assert poses.shape == (2, 24, 3, 3)  # of 9 frames at 120 a second, every eighth
    assert np.allclose(poses[0], np.eye(3), atol=1e-6)
    assert np.allclose(poses[1, INDEX["left_knee"]], turn("x", 40), atol=1e-6)


def test_feet_that_were_flat_on_spread_legs_follow_the_legs(tmp_path: Path) -> None:
    text = asf_text()
    for bone, x in (("lfemur", 0.342), ("ltibia", 0.342), ("rfemur", -0.342), ("rtibia", -0.342)):
        upright = f"name {bone}\ndirection 0 -1 0"
        assert upright in text
        text = text.replace(upright, f"name {bone}\ndirection {x} -0.94 0")
    amc = "1\nroot 0 0 0 0 0 0\nlfemur 0 0 -20\nrfemur 0 0 20\n"  # legs together
    files = {"01/01.asf": text, "01/01_01.amc": amc}
    take = next(iter(read_takes(write_archive(tmp_path / "motion.tar", files))))
    assert np.allclose(take.poses[0], np.eye(3), atol=2e-3)


def test_unreadable_motions_are_named(tmp_path: Path) -> None:
    alone = write_archive(tmp_path / "alone.tar", {"01/01_01.amc": AMC})
    with pytest.raises(UserError, match=r"01_01\.amc"):
        list(read_takes(alone))
    cut = write_archive(tmp_path / "cut.tar", {"a.bvh": BVH[: BVH.index("MOTION")]})
    with pytest.raises(UserError, match=r"a\.bvh"):
        list(read_takes(cut))
    (tmp_path / "no.tar").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"no\.tar"):
        list(read_takes(tmp_path / "no.tar"))


@pytest.mark.parametrize(
    ("name", "damaged", "told"),
    (
        ("a.bvh", BVH.replace("MOTION", "NOTION"), "no line MOTION"),
        ("a.bvh", BVH.split("0 0 0 0")[0], "no frames"),
        ("a.bvh", BVH[:-5], "not of 9 numbers"),
        ("a.bvh", BVH.replace("90", "nan"), "not finite"),
        ("a.asf", asf_text().replace("root", "toor"), "do not hang on the root"),
        ("a.amc", "1\nlfemur 1 2 3\n", "'root' is missing"),
        ("a.amc", "1\nroot 0 0 0 0 0 0\nlfemur 1 2\n", "not of 3 numbers"),
    ),
)
def test_damaged_motions_are_named(tmp_path: Path, name: str, damaged: str, told: str) -> None:
    files = {name: damaged}
    if name != "a.bvh":
        files = {"a.asf": asf_text(), "a.amc": "1\nroot 0 0 0 0 0 0\n"} | files
    with pytest.raises(UserError, match=rf"a[.]tar, a[.](bvh|amc): .*{told}"):
        list(read_takes(write_archive(tmp_path / "a.tar", files)))


def test_a_folder_without_motions_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no"):
        list(read_takes(tmp_path))
    (tmp_path / "a.asf").write_text(asf_text())
    with pytest.raises(UserError, match="only skeletons"):
        list(read_takes(tmp_path))


def test_turn_between_takes_one_direction_to_the_other() -> None:
    start, end = T_POSE_DIRECTIONS["left_shoulder"], np.array([0.3, -0.8, 0.2])
    assert np.allclose(turn_between(start, end) @ start, end / np.linalg.norm(end))
    assert np.allclose(turn_between(start, start), np.eye(3))


def test_local_and_world_are_inverse() -> None:
    random = np.random.default_rng(3)
    local = Rotation.random(len(JOINT_NAMES), random_state=random).as_matrix()
    assert np.allclose(to_local(to_world(local)), local)


def test_mirrored_pose_has_mirrored_joints() -> None:
    random = np.random.default_rng(4)
    local = Rotation.random(len(JOINT_NAMES), random_state=random).as_matrix()
    rest = random.normal(size=(24, 3))
    partner = [INDEX[_other_side(name)] for name in JOINT_NAMES]
    flip = np.array([-1.0, 1.0, 1.0])
    rest = (rest + rest[partner] * flip) / 2
    places, mirrored = _places(local, rest), _places(mirror_pose(local), rest)
    assert np.allclose(mirrored, places[partner] * flip)
    assert np.allclose(mirror_pose(mirror_pose(local)), local)


def _other_side(name: str) -> str:
    swap = {"left": "right", "right": "left"}
    side, _, rest = name.partition("_")
    return f"{swap[side]}_{rest}" if side in swap else name


def _places(local: np.ndarray, rest: np.ndarray) -> np.ndarray:
    world, places = to_world(local), np.zeros((24, 3))
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            places[joint] = places[parent] + world[parent] @ (rest[joint] - rest[parent])
    return places

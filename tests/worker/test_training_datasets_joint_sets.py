# SPDX-License-Identifier: GPL-3.0-or-later
"""Joint sets: sizes, order, mirror images, and the numbers of all joints."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nlf_blender.body.skeleton import SMPLX_JOINT_NAMES
from nlf_blender.errors import UserError
from nlf_blender.worker.assets import ASSETS
from nlf_blender.worker.training.datasets.joint_set_names import BUILT_IN, HUMAN36M_ROWS
from nlf_blender.worker.training.datasets.joint_sets import JointCatalogue, JointSet

CATALOGUE = JointCatalogue()


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_set_has_as_many_joints_as_its_name_says_and_mirrors(name: str) -> None:
    joint_set = CATALOGUE.get(name)
    assert len(joint_set.joints) == int(name[-2:])
    assert (joint_set.mirror[joint_set.mirror] == np.arange(len(joint_set.joints))).all()
    for joint, other in zip(joint_set.joints, joint_set.mirror, strict=True):
        swapped = joint.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right")
        assert joint_set.joints[other] == swapped


def preset(name: str) -> list[str]:
    data = json.loads((ASSETS / "marker_sets" / f"{name}.json").read_text(encoding="utf-8"))
    return [marker["name"] for marker in data["markers"]]


def spelled(joint: str) -> str:
    """How the presets of COCO, OpenPose and Human3.6M would spell a joint here."""
    short = "".join(part.capitalize() for part in joint.split("_"))
    return short.replace("Left", "L", 1).replace("Right", "R", 1)


def test_orders_are_those_of_the_marker_presets() -> None:
    assert preset("coco_17") == list(CATALOGUE.get("coco17").joints)
    ours = [spelled(joint) for joint in CATALOGUE.get("openpose25").joints]
    assert [name.replace("MidHip", "Pelvis") for name in preset("openpose_body_25")] == ours
    other = {"Hip": "Pelvis", "RFoot": "RAnkle", "LFoot": "LAnkle", "Neck/Nose": "Neck"}
    other["Head"] = "HeadTop"
    ours = [spelled(joint) for joint in CATALOGUE.get("h36m17").joints]
    assert [other.get(name, name) for name in preset("human36m_17")] == ours
    smplx = [CATALOGUE.get("smplx55").index(name) for name in SMPLX_JOINT_NAMES]
    assert smplx == list(range(55))


def test_the_17_of_human36m_are_the_usual_rows_of_the_32() -> None:
    whole = CATALOGUE.get("h36m25")
    rows = np.array(HUMAN36M_ROWS)[whole.rows(CATALOGUE.get("h36m17").joints)]
    usual = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
    assert rows.tolist() == usual


def test_parts_share_numbers_and_other_sets_do_not() -> None:
    assert CATALOGUE.number("h36m17", "left_knee") == CATALOGUE.number("h36m25", "left_knee")
    assert CATALOGUE.number("coco17", "nose") != CATALOGUE.number("openpose25", "nose")
    whole = [name for name, (_, part_of) in BUILT_IN.items() if not part_of]
    numbers = np.concatenate([CATALOGUE.numbers(name) for name in whole])
    assert sorted(numbers) == list(range(len(CATALOGUE))) == list(range(len(CATALOGUE.labels)))
    left, right = (CATALOGUE.number("lsp14", f"{side}_wrist") for side in ("left", "right"))
    assert CATALOGUE.mirror[left] == right
    assert CATALOGUE.labels[left] == "lsp14/left_wrist"


def test_own_sets_come_behind_the_built_in_ones() -> None:
    own = JointCatalogue({"lab": ["left_stylus", "right_stylus", "belt"], "a": ["x"]})
    assert own.labels[: len(CATALOGUE)] == CATALOGUE.labels
    assert own.labels[len(CATALOGUE) :] == (
        "a/x",
        "lab/left_stylus",
        "lab/right_stylus",
        "lab/belt",
    )
    assert own.mirror[own.number("lab", "left_stylus")] == own.number("lab", "right_stylus")
    assert own.mirror[own.number("lab", "belt")] == own.number("lab", "belt")


def test_names_without_a_set() -> None:
    assert CATALOGUE.find("left_shoulder") == CATALOGUE.number("coco17", "left_shoulder")
    assert CATALOGUE.find("thorax") == CATALOGUE.number("h36m17", "thorax")
    assert CATALOGUE.find("L_Collar") == CATALOGUE.number("smplx55", "left_collar")


@pytest.mark.parametrize(
    "call, word",
    [
        (lambda: CATALOGUE.get("coco99"), "coco99"),
        (lambda: CATALOGUE.number("coco17", "left_shouldr"), "left_shoulder"),
        (lambda: CATALOGUE.find("tail"), "tail"),
        (lambda: JointSet("lab", ("left_stylus",)), "right_stylus"),
        (lambda: JointSet("lab", ("a", "a")), "lab"),
        (lambda: JointCatalogue({"coco17": ["nose"]}), "coco17"),
    ],
)
def test_what_is_wrong_is_said_by_name(call, word: str) -> None:
    with pytest.raises(UserError, match=word):
        call()

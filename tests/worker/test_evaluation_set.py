# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading evaluation sets: what items may hold, and what is told of bad ones."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.errors import UserError
from nlf_blender.worker.assets import OPEN_BODY
from nlf_blender.worker.evaluation.image_truth import within_picture
from nlf_blender.worker.evaluation.items import BadItem, Item
from nlf_blender.worker.evaluation.joint_names import canonical_joints, joint_labels
from nlf_blender.worker.evaluation.set_file import EvaluationSet, read_set
from nlf_blender.worker.evaluation.sources import open_source
from nlf_blender.worker.nlf.canonical_space import CanonicalSpace
from nlf_blender.worker.smpl.canonical.placement import CanonicalPlacement
from nlf_blender.worker.training.datasets.joint_places import place_of

INTRINSICS = [[500, 0, 160], [0, 500, 120], [0, 0, 1]]
NOSE_3D = {"names": ["nose"], "camera_mm": [[100, 0, 2000]]}
IN_METRES = {
    "names": ["nose", "left_hip", "left_knee", "left_ankle"],
    "camera_mm": [[0, -0.7, 3], [0.1, 0, 3], [0.1, 0.4, 3], [0.1, 0.8, 3.1]],
}
NOSE_2D = {"names": ["nose"], "px": [[185, 120]]}


def write(folder: Path, *items: dict[str, Any], **more: Any) -> EvaluationSet:
    """A set of these items, all with one grey image of 320x240."""
    cv2.imwrite(str(folder / "a.png"), np.full((240, 320, 3), 90, np.uint8))
    content = {"items": [{"image": "a.png", **item} for item in items], **more}
    (folder / "set.json").write_text(json.dumps(content))
    return read_set(folder)


def only(folder: Path, **item: Any) -> Item:
    return write(folder, item).read(0)


def test_millimetres_become_metres_and_boxes_corners(tmp_path: Path) -> None:
    item = only(tmp_path, intrinsics=INTRINSICS, boxes=[[10, 20, 30, 40]], joints3d=NOSE_3D)
    (person,) = item.people
    assert person.box is not None and person.joints is not None
    assert person.box.tolist() == [10, 20, 40, 60]
    assert person.joints.places.tolist() == [[0.1, 0, 2]]
    assert person.joints.labels == (("", "nose"),)
    assert item.read().image.shape == (240, 320, 3)
    assert item.boxes is not None


@pytest.mark.parametrize(
    "joints",
    [
        {"names": ["nose", "left_hip"], "camera_mm": [[[1, 2, 3], [4, 5, 6]], [None, [7, 8, 9]]]},
        [
            {"names": ["nose", "left_hip"], "camera_mm": [[1, 2, 3], [4, 5, 6]]},
            {"names": ["nose", "left_hip"], "camera_mm": [[None] * 3, [7, 8, 9]]},
        ],
    ],
)
def test_several_people_as_an_axis_or_as_a_list(tmp_path: Path, joints: Any) -> None:
    item = only(tmp_path, joints3d=joints, boxes=[[0, 0, 9, 9], [9, 9, 9, 9]])
    places = [person.joints.places for person in item.people if person.joints is not None]
    assert np.allclose(places[0], [[0.001, 0.002, 0.003], [0.004, 0.005, 0.006]])
    assert np.isnan(places[1][0]).all()
    assert np.allclose(places[1][1], [0.007, 0.008, 0.009])


def test_people_of_whom_only_some_have_joints(tmp_path: Path) -> None:
    item = only(tmp_path, joints2d=[None, NOSE_2D], boxes=[[0, 0, 9, 9], [9, 9, 9, 9]])
    assert item.people[0].pixels is None
    assert item.people[1].pixels is not None


@pytest.mark.parametrize("form", ["file", "npz", "kind", "inline", "camera_mm"])
def test_vertices_from_a_file_or_inline(tmp_path: Path, form: str) -> None:
    vertices = 100 * np.arange(12.0).reshape(4, 3)
    np.save(tmp_path / "v.npy", vertices)
    np.savez(tmp_path / "v.npz", any=vertices)
    given = {
        "file": "v.npy",
        "npz": "v.npz",
        "camera_mm": {"camera_mm": vertices.tolist()},
        "kind": {"file": "v.npy", "kind": "smpl", "betas": [0.5, 0]},
        "inline": vertices.tolist(),
    }[form]
    (person,) = only(tmp_path, vertices=given).people
    assert person.mesh is not None
    assert np.allclose(person.mesh.vertices, vertices / 1000)
    assert person.mesh.kind == ("smpl" if form == "kind" else "")
    assert (person.mesh.betas is not None) == (form == "kind")


def test_nan_and_a_visibility_of_nought_are_unknown(tmp_path: Path) -> None:
    names = ["nose", "left_hip", "left_knee"]
    found = only(
        tmp_path,
        joints3d={"names": names, "camera_mm": [[1, 2, 3], [4, float("nan"), 6], [7, 8, 9]]},
        joints2d={"names": names, "px": [[1, 2, 2], [4, 5, 1], [0, 0, 0]]},
    )
    (person,) = found.people
    assert person.joints is not None and person.pixels is not None
    assert person.joints.known.tolist() == [True, False, True]
    assert person.pixels.known.tolist() == [True, True, False]
    assert person.pixels.places[1].tolist() == [4, 5]
    assert found.notes == ("joints3d.camera_mm[1][1] not finite: taken as unknown",)


@pytest.mark.parametrize("name", ["\u00e4 b\\c.png", "a\u0308 b/c.png"])
def test_names_of_files_may_be_written_by_other_systems(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "\u00e4 b"
    folder.mkdir()
    cv2.imencode(".png", np.full((24, 32, 3), 90, np.uint8))[1].tofile(folder / "c.png")
    items = {"items": [{"image": name, "joints2d": NOSE_2D}]}
    (tmp_path / "set.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(items).encode())
    assert read_set(tmp_path).read(0).read().image.shape == (24, 32, 3)


def test_boxes_go_to_whom_they_are_of_if_there_are_more_or_fewer(tmp_path: Path) -> None:
    joints = {"names": ["nose", "left_ankle"], "px": [[[50, 20], [60, 90]], [[150, 30], [170, 99]]]}
    boxes = [[140, 20, 40, 90], [230, 9, 30, 60], [45, 10, 20, 90]]
    item = only(tmp_path, joints2d=joints, boxes=boxes)
    assert [person.box[0] for person in item.people if person.box is not None] == [45, 140, 230]
    assert item.people[2].pixels is None
    first, second = only(tmp_path, joints2d=joints, boxes=boxes[:1]).people
    assert first.box is None and second.box is not None
    with pytest.raises(BadItem, match="1 by box, 2 by pixels"):
        only(tmp_path, joints2d=joints, boxes=boxes[1:2])


def test_a_picture_of_nobody(tmp_path: Path) -> None:
    assert only(tmp_path, boxes=[]).people == ()


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ({"image": "gone.png", "joints2d": NOSE_2D}, "gone.png is gone"),
        ({}, "nothing is known"),
        ({"image": "a" * 5000, "joints2d": NOSE_2D}, "aaa"),
        ({"image": 7}, "image is not a text"),
        ({"joints2d": NOSE_2D, "intrinsics": [[0, 0, 1], [0, 5, 1], [0, 0, 1]]}, "no focal length"),
        ({"joints2d": NOSE_2D, "intrinsics": [[5, 0, 1], [0, 5, 1]]}, "intrinsics has shape"),
        ({"joints2d": NOSE_2D, "distortion": [0.1]}, "distortion without intrinsics"),
        (
            {"joints3d": {"names": ["nose"], "camera_mm": [[1, float("nan"), 2]]}},
            "[0][1] not finite",
        ),
        ({"intrinsics": [[float("nan")] * 3] * 3, "joints2d": NOSE_2D}, "[0][0] is not finite"),
        ({"joints2d": NOSE_2D, "intrinsics": [[1e9, 0, 1], [0, 1e9, 1], [0, 0, 1]]}, "1e+09 pix"),
        ({"joints3d": {"names": ["nose"], "camera_mm": [[1, 2]]}}, "camera_mm has shape [1, 2]"),
        ({"joints3d": {"names": ["nose"], "camera_mm": [[1, 2, 3], [1, 2, 3]]}}, "has shape"),
        ({"joints3d": {"names": ["left_eblow"], "camera_mm": [[1, 2, 3]]}}, "nearest: left_elbow"),
        ({"joints2d": {"names": ["nose", "nose"], "px": [[1, 2], [1, 2]]}}, "twice"),
        ({"joints2d": {**NOSE_2D, "set": "coco99"}}, "no joint set 'coco99'"),
        ({"joints2d": NOSE_2D, "boxes": [[0, 0, 9, 9], [9, 9, 9, 9]]}, "2 by box, 1 by pixels"),
        ({"boxes": [[5, 5, 0, 9]]}, "boxes[0] is empty"),
        ({"boxes": [[5, 5, None, 9]]}, "boxes[0] is not a number"),
        ({"joints3d": [None]}, "nothing is known of anybody: all is null"),
        ({"joints3d": IN_METRES}, "joints3d of person 1 lie within 1.5 mm; camera_mm is in mill"),
        ({"vertices": "gone.npy"}, "gone.npy is gone"),
        ({"vertices": "a.png"}, "no npy file"),
        ({"vertices": [[1, 2, None]]}, "vertices[0] is not a number"),
        ({"boxes": [[1, 1, 5, 5]], "masks": "gone.png"}, "gone.png is gone"),
        ({"boxes": [], "joints2d": NOSE_2D}, "no boxes, but people"),
    ],
)
def test_a_mistake_is_told_by_item(tmp_path: Path, item: dict[str, Any], told: str) -> None:
    found = write(tmp_path, {"joints2d": NOSE_2D}, item)
    (_, good), (label, bad) = found.items()
    assert isinstance(good, Item)
    assert isinstance(bad, BadItem)
    assert told in str(bad)
    assert label.startswith("items[1]")


def test_keypoints_outside_of_the_picture_are_left_out_by_name(tmp_path: Path) -> None:
    joints = {"names": ["nose", "left_ear"], "px": [[400, 10], [300, 20]]}
    found = within_picture(only(tmp_path, joints2d=joints), (320, 240))
    assert found.notes == ("person 1: nose outside of the picture, left out",)
    (person,) = found.people
    assert person.pixels is not None
    assert person.pixels.known.tolist() == [False, True]
    with pytest.raises(BadItem, match="all 2D joints of person 1"):
        within_picture(only(tmp_path, joints2d={**NOSE_2D, "px": [[-9, 0]]}), (320, 240))
    with pytest.raises(BadItem, match="the box of person 1"):
        within_picture(only(tmp_path, boxes=[[500, 0, 20, 20]]), (320, 240))


def test_joints_behind_the_camera_are_not_absolute(tmp_path: Path) -> None:
    joints = {"names": ["nose"], "camera_mm": [[0, 0, -5]]}
    item = only(tmp_path, joints3d=joints, intrinsics=INTRINSICS)
    assert item.people[0].joints is not None
    assert not item.people[0].joints.absolute
    assert "behind the camera" in item.notes[0]


@pytest.mark.parametrize("corners", [False, True])
def test_boxes_are_read_as_they_fit_the_joints(tmp_path: Path, corners: bool) -> None:
    names = ["nose", "left_hip", "right_ankle"]
    joints = {"names": names, "px": [[100, 50], [110, 120], [140, 200]]}
    box = [95, 45, 145, 205] if corners else [95, 45, 50, 160]
    write(tmp_path, {"joints2d": joints, "boxes": [box]})
    source = open_source(tmp_path)
    ((_, item),) = source.items(None)  # type: ignore[arg-type]
    assert isinstance(item, Item)
    assert item.people[0].box is not None
    assert item.people[0].box.tolist() == [95, 45, 145, 205]
    assert bool(source.notes) == corners


@pytest.mark.parametrize(("box", "right"), [([200, 100, 310, 230], 310), ([20, 10, 290, 220], 310)])
def test_boxes_are_read_as_they_fit_the_picture(tmp_path: Path, box: list[int], right: int) -> None:
    write(tmp_path, {"boxes": [box]})
    ((_, item),) = open_source(tmp_path).items(None)  # type: ignore[arg-type]
    assert isinstance(item, Item)
    assert item.people[0].box is not None
    assert item.people[0].box[2] == right


def test_what_is_said_of_boxes_is_believed(tmp_path: Path) -> None:
    write(tmp_path, {"boxes": [[10, 20, 30, 40]]}, box_format="xyxy")
    ((_, item),) = open_source(tmp_path).items(None)  # type: ignore[arg-type]
    assert isinstance(item, Item)
    assert item.people[0].box is not None
    assert item.people[0].box.tolist() == [10, 20, 30, 40]


@pytest.mark.parametrize("text", ["", "{}", '{"items": 3}', '{"items": [], "name": 1}'])
def test_what_is_no_set_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "set.json").write_text(text)
    with pytest.raises(UserError, match=r"set\.json"):
        read_set(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        read_set(tmp_path / "elsewhere")


def placement(points: np.ndarray) -> CanonicalPlacement:
    own = SimpleNamespace(points=points, mirror_points=None)
    return CanonicalPlacement(points, own, "", {})  # type: ignore[arg-type]


def test_joints_are_where_the_model_learnt_them_else_on_the_open_body() -> None:
    body = load_body_npz(OPEN_BODY, posed=False)
    assert body.canonical_vertices is not None and body.canonical_joints is not None
    points = np.concatenate([body.canonical_vertices, body.canonical_joints])
    learnt = {"coco17": {"nose": np.array([1.0, 2, 3])}, "h36m17": {"neck": np.array([4.0, 5, 6])}}
    models = SimpleNamespace(
        body=body,
        bodies=SimpleNamespace(
            fitted=placement(points), fitted_kind="open", of=lambda kind: placement(points)
        ),
        localizer=SimpleNamespace(
            model=SimpleNamespace(space=CanonicalSpace("open", joint_sets=learnt))
        ),
    )
    labels = [("", "nose"), ("", "neck"), ("h36m17", "neck"), ("smpl24", "left_knee")]
    places = canonical_joints(labels, models)  # type: ignore[arg-type]
    assert places[0].tolist() == [1, 2, 3]
    assert np.allclose(places[1], place_of("smpl24", "neck"))
    assert places[2].tolist() == [4, 5, 6]
    assert np.allclose(places[3], body.canonical_joints[body.skeleton.index("L_Knee")], atol=1e-5)


def test_names_are_those_of_smpl_if_one_of_them_is() -> None:
    assert joint_labels(["left_hip", "nose"]) == (("", "left_hip"), ("", "nose"))
    assert joint_labels(["left_hip", "spine1"])[0] == ("smpl24", "left_hip")
    assert joint_labels(["L_Hip", "Pelvis"]) == (("smpl24", "left_hip"), ("smpl24", "pelvis"))
    assert joint_labels(["left_hip", "spine1", "jaw"])[0] == ("smplx55", "left_hip")
    assert joint_labels(["neck"], "h36m17") == (("h36m17", "neck"),)
    assert joint_labels(["Left Hip"]) == (("", "left_hip"),)
    with pytest.raises(ValueError, match="left_fin"):
        joint_labels(["left_fin"])

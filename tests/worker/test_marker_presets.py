# SPDX-License-Identifier: GPL-3.0-or-later
"""The marker sets that come with the extension: made again, and where they are on the body."""

from __future__ import annotations

import dataclasses
import functools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from body_examples import OPEN_BODY

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.body.sides import mirror_report, mirrored
from nlf_blender.body.skeleton import SMPL_JOINT_NAMES, SMPL_SKELETON
from nlf_blender.protocol.marker_set import MarkerSet, read_marker_set
from nlf_blender.worker.authoring.marker_sets.atlas import LANDMARKS, REGION_OF, LandmarkAtlas
from nlf_blender.worker.authoring.marker_sets.build import PRESETS
from nlf_blender.worker.authoring.marker_sets.presets import rows_of
from nlf_blender.worker.authoring.marker_sets.recipes import At, way
from nlf_blender.worker.markers.preset_files import PRESETS as FOLDER
from nlf_blender.worker.markers.preset_files import marker_file, preset_names
from nlf_blender.worker.smpl.closest_surface import ClosestSurface

COUNTS = {
    "cmu_41": 41,
    "coco_17": 17,
    "helen_hayes": 29,
    "human36m_17": 17,
    "openpose_body_25": 25,
    "opensim_rajagopal": 66,
    "optitrack_baseline_37": 37,
    "plug_in_gait": 39,
    "smpl_24": 24,
    "smplx_55": 55,
}
ALONE = {
    "cmu_41": ("RBAC",),
    "helen_hayes": ("R.Offset",),
    "optitrack_baseline_37": ("HeadSide",),
    "plug_in_gait": ("RBAK",),
}
# sets of a real marker each; the others' limb points are inside
ON_SKIN = ("cmu_41", "helen_hayes", "optitrack_baseline_37", "plug_in_gait")
RAYS = np.random.default_rng(4).normal(size=(5, 3))


@functools.cache
def atlas() -> LandmarkAtlas:
    return LandmarkAtlas(load_body_npz(OPEN_BODY))


def preset(name: str) -> MarkerSet:
    return read_marker_set(marker_file(name))


def position(markers: MarkerSet, name: str) -> np.ndarray:
    return next(np.array(m.position) for m in markers.markers if m.name == name)


def from_skin(points: np.ndarray) -> np.ndarray:
    shape = atlas().shape
    return ClosestSurface(shape.vertices, shape.skin_faces).query(points).distances


def is_inside(point: np.ndarray) -> bool:
    """By how often rays cross the skin, the mouth's and the eyes' hollows counted as outside."""
    directions = RAYS / np.linalg.norm(RAYS, axis=1, keepdims=True)
    odd = [len(atlas().shape.crossings(point, ray)) % 2 for ray in directions]
    return sum(odd) > len(odd) / 2


def test_the_sets_are_made_again_to_the_byte(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nlf_blender.worker.authoring.marker_sets", "--out", tmp_path]
    subprocess.run(command, check=True, timeout=60, cwd=FOLDER.parents[2], capture_output=True)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in FOLDER.iterdir()}


def test_each_set_has_its_markers_described_and_symmetric() -> None:
    assert preset_names() == tuple(COUNTS)
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name, count in COUNTS.items():
        markers = preset(name)
        assert len(markers.markers) == count and markers.body == "open" and markers.description
        for marker in markers.markers:
            assert marker.place and marker.group and marker.color
            assert f"| {marker.name} | {marker.place} |" in page
        report = mirror_report([m.name for m in markers.markers], markers.positions)
        assert report == (ALONE.get(name, ()), ())


def test_groups_are_on_their_own_side() -> None:
    for name in COUNTS:
        for marker in preset(name).markers:
            side = (marker.group.startswith("left"), marker.group.startswith("right"))
            assert (marker.position[0] > 0.01, marker.position[0] < -0.01) == side or not any(side)


@pytest.mark.parametrize("name", ON_SKIN)
def test_markers_of_the_skin_are_on_the_skin(name: str) -> None:
    assert from_skin(preset(name).positions).max() < 1e-4


def test_skin_markers_and_joint_centres_of_the_mixed_sets() -> None:
    opensim = preset("opensim_rajagopal")
    names = [marker.name for marker in opensim.markers]
    centres = np.array([name.endswith("JC") for name in names])
    assert centres.sum() == 10
    assert from_skin(opensim.positions[~centres]).max() < 1e-4
    assert all(is_inside(point) for point in opensim.positions[centres])
    assert from_skin(opensim.positions[centres]).min() > 0.015
    for name in ("coco_17", "openpose_body_25", "human36m_17", "smpl_24"):
        markers = preset(name)
        face = ("nose", "eye", "ear", "toe", "heel")
        for marker in markers.markers:
            if marker.name == "Neck/Nose" or not any(p in marker.name.lower() for p in face):
                assert is_inside(np.array(marker.position)), (name, marker.name)


def test_joints_are_the_bodys_own_or_within_it() -> None:
    body = load_body_npz(OPEN_BODY)
    joints = preset("smpl_24")
    assert tuple(marker.name for marker in joints.markers) == SMPL_JOINT_NAMES
    np.testing.assert_allclose(joints.positions, body.canonical_joints, atol=1e-5)
    more = preset("smplx_55")
    np.testing.assert_allclose(more.positions[:22], body.canonical_joints[:22], atol=1e-5)
    for marker in more.markers:
        if "eye" not in marker.name:
            assert is_inside(np.array(marker.position)), marker.name
    for finger in ("thumb", "index", "middle", "ring", "pinky"):
        places = [position(more, f"left_{finger}{number}") for number in (1, 2, 3)]
        bones = np.linalg.norm(np.diff(places, axis=0), axis=1)
        assert 0.045 > bones[0] > bones[1] > 0.015  # bones shorten outward
    hand = position(joints, "L_Hand")
    roots = [position(more, f"left_{f}1") for f in ("index", "middle", "ring", "pinky")]
    np.testing.assert_allclose(np.mean(roots, axis=0), hand, atol=0.004)


def test_landmarks_are_where_anatomy_has_them() -> None:
    """Distances of an adult of the open body's height, 1.69 m, with wide limits."""
    gait = preset("plug_in_gait")
    at = functools.partial(position, gait)
    x, y, z = range(3)
    assert at("LASI")[z] > 0.05 > 0 > -0.05 > at("LPSI")[z]
    assert 0.2 < at("LASI")[x] - at("RASI")[x] < 0.28
    assert 0.07 < at("LPSI")[x] - at("RPSI")[x] < 0.12
    assert abs(at("LASI")[y] - at("LPSI")[y]) < 0.03
    assert at("C7")[y] > at("CLAV")[y] > at("STRN")[y] > at("LASI")[y]
    assert 0.18 < at("C7")[y] - at("T10")[y] < 0.28
    assert 0.15 < at("CLAV")[y] - at("STRN")[y] < 0.22
    assert max(at("C7")[z], at("T10")[z]) < -0.05 < 0.05 < min(at("CLAV")[z], at("STRN")[z])
    assert at("LFHD")[z] > at("LBHD")[z] and at("LFHD")[y] == pytest.approx(at("LBHD")[y])
    assert at("LWRA")[z] > at("LWRB")[z] and np.linalg.norm(at("LWRA") - at("LWRB")) < 0.07
    outward = way("out", "leg")
    opensim = preset("opensim_rajagopal")
    for outer, inner in (("LLFC", "LMFC"), ("LLMAL", "LMMAL")):
        width = (position(opensim, outer) - position(opensim, inner)) @ outward
        assert 0.06 < width < 0.13
    centre = functools.partial(position, opensim)
    assert 0.36 < np.linalg.norm(centre("LHJC") - centre("LKJC")) < 0.45
    assert 0.36 < np.linalg.norm(centre("LKJC") - centre("LAJC")) < 0.45
    assert 0.24 < np.linalg.norm(centre("LSJC") - centre("LEJC")) < 0.33
    along = at("LTOE") - at("LHEE")
    assert along[z] > 0.15 and abs(along @ way("up", "leg")) < 0.02


def test_every_landmark_is_used_and_every_region_known() -> None:
    used = {row.landmark for preset in PRESETS for row in preset.rows}
    while True:
        more = {
            value.start if isinstance(value, At) else value
            for name in used & LANDMARKS.keys()
            for value in _fields(LANDMARKS[name].recipe)
        }
        if more <= used:
            break
        used |= more
    assert LANDMARKS.keys() <= used
    assert used - LANDMARKS.keys() <= set(SMPL_SKELETON.joint_names)
    assert {row.landmark for preset in PRESETS for row in preset.rows} <= REGION_OF.keys()


def _fields(recipe: object) -> list[object]:
    names = {*LANDMARKS, *SMPL_JOINT_NAMES}
    values = [getattr(recipe, field.name) for field in dataclasses.fields(recipe)]  # type: ignore[arg-type]
    return [value for value in values if isinstance(value, At) or value in names]


def test_recipes_say_what_they_do() -> None:
    found = atlas()
    step = At("L_Hip", "70 up, 12.5 in", "leg")
    assert step.words(found) == "70 mm up, 12.5 mm in from the hip joint"
    moved = step.find(found) - found.shape.joint("L_Hip")
    wanted = 0.07 * way("up", "leg") + 0.0125 * way("in", "leg")
    np.testing.assert_allclose(moved, wanted, atol=1e-12)
    np.testing.assert_allclose(
        way("down", "leg"), [np.sin(np.deg2rad(40)), -np.cos(np.deg2rad(40)), 0]
    )
    np.testing.assert_allclose(way("out back", "body"), np.array([1, 0, -1]) / np.sqrt(2))
    right = mirrored(found.at("asis"))
    assert from_skin(right[None]) < 1e-9
    with pytest.raises(ValueError, match="not in"):
        found.at("nowhere")
    with pytest.raises(ValueError, match="a b c d"):
        rows_of("a b c d")

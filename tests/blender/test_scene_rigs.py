# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs of SMPL, SMPL-H and SMPL-X bodies: names, collections, expressions, hands, T and A."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
import scan_fixtures
import scene_fixtures as fixtures

from nlf_blender.body.body_data import BodyData, load_body_npz
from nlf_blender.body.bone_names import bone_names
from nlf_blender.body.conventions import blender_points_from_camera, blender_points_from_smpl
from nlf_blender.body.forward import skinned, unposed_body
from nlf_blender.body.hands import hand_joints
from nlf_blender.body.rest_pose import rest_rotations
from nlf_blender.body.rotations import matrix_from_quaternion, rotvec_from_matrix
from nlf_blender.scene import (
    ImportOptions,
    ImportResult,
    PersonObjects,
    RigOptions,
    import_registration,
    import_take,
)
from nlf_blender.scene.evaluated import skeleton_segments
from tests.hand_bodies import EXPRESSIONS, hand_body

NAMINGS = ("SMPL", "BLENDER", "MIXAMO", "UE")
KINDS = ("smpl", "smplh", "smplx")
EXACT_METRES = 1e-4
TakeOf = Callable[[str], tuple[Path, BodyData, fixtures.FitParameters]]


@pytest.fixture(scope="module")
def take_of(tmp_path_factory: pytest.TempPathFactory) -> TakeOf:
    """A take with one person of a kind of body, the body as the take has it, and the fit."""
    made: dict[str, tuple[Path, BodyData, fixtures.FitParameters]] = {}

    def make(kind: str) -> tuple[Path, BodyData, fixtures.FitParameters]:
        if kind not in made:
            body = fixtures.make_body() if kind == "smpl" else hand_body(kind, kind == "smplx")
            fit = fixtures.random_fit(body, 3)
            folder = tmp_path_factory.mktemp(kind) / "a.take"
            fixtures.write_take(folder, body, [fit])
            made[kind] = (folder, load_body_npz(folder / "body.npz"), fit)
        return made[kind]

    return make


def imported(take: Path, **options: str) -> ImportResult:
    result = import_take(bpy.context.scene, take, ImportOptions(rig=RigOptions(**options)))
    bpy.context.view_layer.update()
    return result


def clear_pose(person: PersonObjects) -> None:
    for bone in person.rig.pose.bones:
        bone.matrix_basis.identity()
    bpy.context.view_layer.update()


def correctives_value(person: PersonObjects) -> float:
    keys = person.body.data.shape_keys.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return keys.key_blocks["Pose Correctives"].value


def axes(bone: bpy.types.Bone) -> np.ndarray:
    """The rest bone's axes in the armature, one a column; y is along it."""
    return np.array(bone.matrix_local)[:3, :3]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("naming", NAMINGS)
def test_bones_have_the_names_and_parents_of_the_body(
    take_of: TakeOf, kind: str, naming: str
) -> None:
    take, body, _ = take_of(kind)
    person = imported(take, naming=naming).people[0]
    joints, parents = body.skeleton.joint_names, body.skeleton.parents
    names = dict(zip(joints, bone_names(joints, naming), strict=True))
    bones = person.rig.data.bones
    assert {bone["nlf_joint"]: bone.name for bone in bones} == names
    for joint, parent in zip(joints, parents, strict=True):
        above = bones[names[joint]].parent
        assert (above.name if above else None) == (names[joints[parent]] if parent >= 0 else None)
    assert [group.name for group in person.body.vertex_groups] == list(names.values())
    assert person.rig["nlf_naming"] == naming


@pytest.mark.parametrize("naming", NAMINGS)
def test_names_mirror_in_blender_but_mixamos(take_of: TakeOf, naming: str) -> None:
    take, body, _ = take_of("smplx")
    bones = imported(take, naming=naming).people[0].rig.data.bones
    joints = body.skeleton.joint_names
    by_joint = {bone["nlf_joint"]: bone.name for bone in bones}
    for joint, other in enumerate(body.skeleton.mirrored()):
        name, mirror = by_joint[joints[joint]], by_joint[joints[other]]
        assert bpy.utils.flip_name(name) == (name if naming == "MIXAMO" else mirror)


@pytest.mark.parametrize("rest", ["T", "A"])
def test_a_pose_pasted_mirrored_is_the_mirrored_pose(take_of: TakeOf, rest: str) -> None:
    take, body, fit = take_of("smplx")
    still = replace(fit, pose=0 * fit.pose, betas=0 * fit.betas)
    folder = fixtures.write_take(take.parent / f"still {rest}.take", body, [still])
    rig = imported(folder, naming="BLENDER", rest_pose=rest).people[0].rig
    clear_pose(PersonObjects(0, None, rig, None, None))
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="POSE")
    rng = np.random.default_rng(2)
    for bone in rig.pose.bones:
        if bone.name.endswith(".L"):
            bone.rotation_quaternion = (1.0, *rng.normal(0.0, 0.2, 3))
    bpy.ops.pose.select_all(action="SELECT")
    bpy.context.view_layer.update()
    before = {bone.name: np.array(bone.tail) for bone in rig.pose.bones}
    bpy.ops.pose.copy()
    bpy.ops.pose.paste(flipped=True)
    bpy.context.view_layer.update()
    for bone in rig.pose.bones:
        mirror = before[bpy.utils.flip_name(bone.name)] * (-1, 1, 1)
        np.testing.assert_allclose(np.array(bone.tail), mirror, atol=1e-3)  # bodies are not exact


def test_bone_collections_hold_the_parts_of_the_body(take_of: TakeOf) -> None:
    expected = {
        "smpl": {"Body": 24},
        "smplh": {"Body": 22, "Hands": 0, "Left Hand": 15, "Right Hand": 15},
        "smplx": {"Body": 22, "Hands": 0, "Left Hand": 15, "Right Hand": 15, "Face": 3},
    }
    for kind in KINDS:
        armature = imported(take_of(kind)[0]).people[0].rig.data
        collections = armature.collections_all
        assert {c.name: len(c.bones) for c in collections} == expected[kind]
        for bone in armature.bones:
            assert len(bone.collections) == 1
        if kind != "smpl":
            assert collections["Left Hand"].parent == collections["Hands"]
            assert armature.bones["L_Ring2"].collections[0] == collections["Left Hand"]


def test_fingers_chain_and_face_bones_point_forward(take_of: TakeOf) -> None:
    bones = imported(take_of("smplx")[0]).people[0].rig.data.bones
    for side, sign in (("L", 1), ("R", -1)):
        assert bones[f"{side}_Middle1"].use_connect
        assert not bones[f"{side}_Index1"].use_connect
        for finger in ("Index", "Middle", "Pinky", "Ring", "Thumb"):
            chain = [bones[f"{side}_{finger}{number}"] for number in (1, 2, 3)]
            assert all(bone.use_connect for bone in chain[1:])
            assert 0.01 < chain[2].length < 0.05
            # the tip goes straight on, and the back of the finger is its z axis
            assert axes(chain[2])[:, 1] @ axes(chain[1])[:, 1] > 0.9
            assert all(axes(bone)[2, 2] > 0.5 for bone in chain)
            assert all(sign * axes(bone)[0, 1] > 0 for bone in chain)
    for name in ("Jaw", "L_Eye", "R_Eye"):
        assert axes(bones[name])[1, 1] < -0.5
        assert bones[name].parent == bones["Head"]
    assert axes(bones["Head"])[2, 1] > 0.999


def test_shape_and_expression_keys(take_of: TakeOf) -> None:
    take, body, fit = take_of("smplx")
    person = imported(take).people[0]
    keys = person.body.data.shape_keys.key_blocks
    shapes = [f"Shape {index:03d}" for index in range(len(fit.betas))]
    expressions = [f"Expression {index:03d}" for index in range(EXPRESSIONS)]
    assert list(keys.keys()) == ["Basis", *shapes, *expressions, "Pose Correctives"]
    assert [keys[name].value for name in expressions] == [0.0] * EXPRESSIONS
    assert (keys[expressions[0]].slider_min, keys[expressions[0]].slider_max) == (-5.0, 5.0)
    clear_pose(person)
    before = scan_fixtures.world_vertices(person.body)
    keys[expressions[3]].value = 2.0
    bpy.context.view_layer.update()
    moved = scan_fixtures.world_vertices(person.body) - before
    expected = 2.0 * blender_points_from_smpl(body.expression_dirs[:, :, 3])
    assert np.abs(expected).max() > 0.005
    np.testing.assert_allclose(moved, expected, atol=1e-6)
    assert (
        "Expression 000"
        not in imported(take_of("smplh")[0]).people[0].body.data.shape_keys.key_blocks
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_and_t_show_the_same_and_what_numpy_shows(take_of: TakeOf, kind: str) -> None:
    take, body, fit = take_of(kind)
    shown = {}
    for rest in "TA":
        result = imported(take, rest_pose=rest, naming="UE")
        shown[rest] = scan_fixtures.world_vertices(result.people[0].body)
    expected = blender_points_from_camera(fixtures.reference_vertices(body, fit))
    expected += np.array(result.camera.matrix_world.translation)
    for vertices in shown.values():
        assert np.linalg.norm(vertices - expected, axis=1).max() < EXACT_METRES
    assert np.linalg.norm(shown["T"] - shown["A"], axis=1).max() < EXACT_METRES
    pose = result.people[0].rig["nlf_pose"]
    np.testing.assert_allclose(pose, fit.pose.ravel(), atol=1e-6)


@pytest.mark.parametrize("rest", ["T", "A"])
def test_a_cleared_pose_is_the_bodys_own_t_or_a(take_of: TakeOf, rest: str) -> None:
    take, body, fit = take_of("smplx")
    person = imported(take, rest_pose=rest).people[0]
    assert correctives_value(person) == 1.0
    clear_pose(person)
    assert correctives_value(person) == 0.0
    rotations = rest_rotations(body, rest)
    expected = skinned(body, unposed_body(body, fit.betas), rotations, np.zeros(3)).vertices
    shown = scan_fixtures.world_vertices(person.body)
    np.testing.assert_allclose(shown, blender_points_from_smpl(expected), atol=EXACT_METRES)
    arm = axes(person.rig.data.bones["L_Shoulder"])[:, 1]
    assert arm[2] == pytest.approx(-np.sqrt(0.5) if rest == "A" else 0.0, abs=0.05)


def test_correctives_stay_in_the_imported_pose_and_fade_on_the_way_to_rest(
    take_of: TakeOf,
) -> None:
    person = imported(take_of("smplx")[0]).people[0]
    rig = person.rig
    rig.pose.bones["Pelvis"].rotation_quaternion = (0.6, 0.8, 0.0, 0.0)  # wherever the body turns
    bpy.context.view_layer.update()
    assert correctives_value(person) == 1.0
    rest = np.array([1.0, 0.0, 0.0, 0.0])
    for bone in rig.pose.bones:
        if bone.parent is not None:
            bone.rotation_quaternion = (np.array(bone.rotation_quaternion) + rest) / 2
    bpy.context.view_layer.update()
    assert 0.1 < correctives_value(person) < 0.5  # half the angle is about a quarter of the way


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_registrations_rest_in_an_a_and_take_other_names(tmp_path: Path, scale: float) -> None:
    body = fixtures.make_body(correctives=True)
    fit = scan_fixtures.scan_fit(body, 4, scale)
    folder = scan_fixtures.write_registration(tmp_path / "a.registration", body, fit)
    options = RigOptions(naming="MIXAMO", rest_pose="A")
    result = import_registration(bpy.context.scene, folder, options)
    expected = blender_points_from_smpl(fixtures.reference_vertices(body, fit))
    shown = scan_fixtures.world_vertices(result.body)
    np.testing.assert_allclose(shown / scale, expected / scale, atol=EXACT_METRES)
    assert axes(result.rig.data.bones["mixamorig:LeftArm"])[2, 1] < -0.6


@pytest.mark.parametrize("rest", ["T", "A"])
@pytest.mark.parametrize("hands", ["FITTED", "FLAT", "RELAXED"])
def test_fingers_are_as_wanted_and_the_take_stays(take_of: TakeOf, hands: str, rest: str) -> None:
    take, body, fit = take_of("smplx")
    before = [hashlib.sha256(path.read_bytes()).digest() for path in sorted(take.iterdir())]
    rig = imported(take, hands=hands, rest_pose=rest).people[0].rig
    pose = np.array(rig["nlf_pose"]).reshape(-1, 3)
    fingers = [joint for side in ("left", "right") for joint in hand_joints(body.skeleton, side)]
    means = np.concatenate([body.hands.mean("left"), body.hands.mean("right")])
    expected = {"FITTED": fit.pose[fingers], "FLAT": 0 * means, "RELAXED": means}[hands]
    np.testing.assert_allclose(pose[fingers], expected, atol=1e-6)
    others = np.setdiff1d(np.arange(body.joint_count), fingers)
    np.testing.assert_allclose(pose[others], fit.pose[others], atol=1e-6)
    # as the bones hold it: turns of the finger seen in its bone's own frame
    for joint, rotvec in zip(fingers, expected, strict=True):
        bone = rig.pose.bones[body.skeleton.joint_names[joint]]
        turn = rotvec_from_matrix(matrix_from_quaternion(np.array(bone.rotation_quaternion)))
        assert np.linalg.norm(turn) == pytest.approx(np.linalg.norm(rotvec), abs=1e-5)
    assert rig["nlf_hands"] == hands
    assert before == [hashlib.sha256(p.read_bytes()).digest() for p in sorted(take.iterdir())]


def test_a_body_without_a_relaxed_hand_keeps_the_fit_and_says_so(
    take_of: TakeOf, tmp_path: Path
) -> None:
    _, body, fit = take_of("smplh")
    take = fixtures.write_take(tmp_path / "b.take", replace(body, hands=None), [fit])
    result = imported(take, hands="RELAXED")
    assert [note for note in result.notes if "relaxed" in note]
    np.testing.assert_allclose(result.people[0].rig["nlf_pose"], fit.pose.ravel(), atol=1e-6)
    result = imported(take_of("smpl")[0], hands="RELAXED")
    assert not [note for note in result.notes if "relaxed" in note]  # it has no fingers


def test_sides_are_known_whatever_the_names(take_of: TakeOf) -> None:
    person = imported(take_of("smplh")[0], naming="MIXAMO").people[0]
    scene = bpy.data.scenes.new("Elsewhere")
    sides = [segment.side for segment in skeleton_segments(scene, person)]
    assert sides.count(1) == sides.count(-1) == 8 + 15 + 6  # limbs, fingers, tips
    assert sides.count(0) == 6


def test_an_import_of_hands_is_undone_in_one_step_and_made_anew(take_of: TakeOf) -> None:
    take = take_of("smplx")[0]
    bpy.ops.ed.undo_push(message="before")
    first = imported(take, rest_pose="A", naming="BLENDER")
    second = imported(take, rest_pose="A", naming="BLENDER")
    assert first.people[0].rig.data != second.people[0].rig.data
    driver = second.people[0].body.data.shape_keys.animation_data.drivers[0].driver
    assert {v.targets[0].id for v in driver.variables} == {second.people[0].rig}
    bpy.ops.ed.undo_push(message="import")
    bpy.ops.ed.undo()
    assert not (bpy.data.objects or bpy.data.armatures or bpy.data.shape_keys)
    bpy.ops.ed.redo()
    assert len(bpy.data.armatures) == 2
    assert len(bpy.data.objects["Person 1 Rig"].pose.bones) == 55

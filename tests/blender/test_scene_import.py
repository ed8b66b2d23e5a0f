# SPDX-License-Identifier: GPL-3.0-or-later
"""What an import makes: rigs and meshes that equal the numpy body, names, ground, re-import."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
import scene_fixtures as fixtures

from nlf_blender.body.body_data import BodyData, load_body_npz, reduced_body_npz
from nlf_blender.body.conventions import (
    BLENDER_FROM_CAMERA,
    BLENDER_FROM_SMPL,
    blender_points_from_camera,
)
from nlf_blender.scene import ImportOptions, ImportResult, import_take
from nlf_blender.scene.datablocks import IMPORT_TAG

OPEN_BODY = Path(__file__).parents[2] / "nlf_blender" / "assets" / "open_body.npz"


def evaluated_vertices(obj: bpy.types.Object) -> np.ndarray:
    """World positions [V,3] after modifiers and shape keys."""
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    vertices = np.empty(3 * len(evaluated.data.vertices), dtype=np.float32)
    evaluated.data.vertices.foreach_get("co", vertices)
    matrix = np.array(evaluated.matrix_world)
    return vertices.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def imported(
    folder: Path, body: BodyData, fits: list[fixtures.FitParameters], **options: object
) -> ImportResult:
    """The result of writing a take and importing it into the context's scene."""
    take = fixtures.write_take(folder / "holiday photo.take", body, fits)
    result = import_take(bpy.context.scene, take, ImportOptions(**options))
    bpy.context.view_layer.update()
    return result


def lift(result: ImportResult) -> np.ndarray:
    """The camera's place, which camera space's origin went to."""
    return np.array(result.camera.matrix_world.translation)


@pytest.mark.parametrize(("seed", "scale"), [(1, 1.0), (2, 1.0), (3, 1.3), (4, 0.6)])
def test_bones_equal_the_numpy_kinematics(tmp_path: Path, seed: int, scale: float) -> None:
    body = fixtures.make_body(seed)
    fit = fixtures.random_fit(body, seed, scale)
    result = imported(tmp_path, body, [fit])
    rig = result.people[0].rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    expected = fixtures.reference_joints(body, fit)
    positions = blender_points_from_camera(expected[:, :3, 3]) + lift(result)
    turns = BLENDER_FROM_CAMERA @ expected[:, :3, :3] @ BLENDER_FROM_SMPL.T
    for joint, name in enumerate(body.skeleton.joint_names):
        bone = rig.pose.bones[name]
        rest = np.array(rig.data.bones[name].matrix_local)[:3, :3]
        matrix = np.array(bone.matrix)
        assert np.abs(matrix[:3, 3] - positions[joint]).max() < 1e-5
        assert np.abs(matrix[:3, :3] @ rest.T - turns[joint]).max() < 1e-5
    assert np.array_equal(rig.matrix_world, np.eye(4))


@pytest.mark.parametrize(
    ("seed", "scale", "correctives"), [(1, 1.0, False), (2, 1.2, False), (3, 0.8, True)]
)
def test_skinned_mesh_equals_numpy_skinning(
    tmp_path: Path, seed: int, scale: float, correctives: bool
) -> None:
    body = fixtures.make_body(seed, correctives)
    fit = fixtures.random_fit(body, seed, scale)
    result = imported(tmp_path, body, [fit])
    person = result.people[0]
    expected = blender_points_from_camera(fixtures.reference_vertices(body, fit)) + lift(result)
    assert np.abs(evaluated_vertices(person.body) - expected).max() < 1e-4
    names = [key.name for key in person.body.data.shape_keys.key_blocks]
    shapes = [f"Shape {index:03d}" for index in range(body.beta_count)]
    assert names == ["Basis", *shapes, *(["Pose Correctives"] if correctives else [])]


def test_the_open_body_bends_as_in_numpy(tmp_path: Path) -> None:
    (tmp_path / "body.npz").write_bytes(reduced_body_npz(load_body_npz(OPEN_BODY)))
    body = load_body_npz(tmp_path / "body.npz")  # as rounded in a take
    assert body.posedirs is not None
    fit = fixtures.random_fit(body, 3)
    result = imported(tmp_path, body, [fit])
    expected = blender_points_from_camera(fixtures.reference_vertices(body, fit)) + lift(result)
    assert np.abs(evaluated_vertices(result.people[0].body) - expected).max() < 1e-4
    assert "Pose Correctives" in result.people[0].body.data.shape_keys.key_blocks


def test_a_beta_beyond_the_slider_keeps_its_value(tmp_path: Path) -> None:
    body = fixtures.make_body()
    fit = fixtures.random_fit(body, 1)
    fit.betas[0], fit.betas[1] = 7.5, -9.0
    keys = imported(tmp_path, body, [fit]).people[0].body.data.shape_keys.key_blocks
    assert keys["Shape 000"].value == 7.5
    assert keys["Shape 001"].value == -9.0


def test_the_lowest_vertex_stands_on_the_ground(tmp_path: Path) -> None:
    body = fixtures.make_body()
    fits = [fixtures.random_fit(body, seed) for seed in (1, 2, 3)]
    result = imported(tmp_path, body, fits)
    lowest = [evaluated_vertices(person.body)[:, 2].min() for person in result.people]
    assert min(lowest) == pytest.approx(0.0, abs=1e-5)
    assert len(lowest) == 3
    assert max(lowest) > 0.01


def test_points_uncertainty_uv_and_shading(tmp_path: Path) -> None:
    body = fixtures.make_body()
    fit = fixtures.random_fit(body, 1)
    result = imported(tmp_path, body, [fit])
    with np.load(tmp_path / "holiday photo.take" / "chunk_00000.npz") as rows:
        points, uncertainty = rows["points"][0], rows["uncertainty"][0]
    count = body.vertex_count
    obj = result.people[0].points
    expected = blender_points_from_camera(points[:count]) + lift(result)
    assert np.abs(evaluated_vertices(obj) - expected).max() < 1e-5
    values = np.empty(count, dtype=np.float32)
    obj.data.attributes["uncertainty"].data.foreach_get("value", values)
    assert np.array_equal(values, uncertainty[:count])
    assert obj.data.attributes["uncertainty"].domain == "POINT"
    assert obj.data.color_attributes["uncertainty_heat"].domain == "POINT"
    corners = np.empty(2 * body.faces.size, dtype=np.float32)
    obj.data.uv_layers[0].uv.foreach_get("vector", corners)
    wanted = body.uv[body.face_uv].astype(np.float32).ravel()
    assert np.array_equal(corners, wanted)
    triangles = [tuple(face.vertices) for face in obj.data.polygons]
    assert triangles == [tuple(face) for face in body.faces.tolist()]
    assert all(face.use_smooth for face in obj.data.polygons)


def test_names_and_structure(tmp_path: Path) -> None:
    body = fixtures.make_body()
    fits = [fixtures.random_fit(body, seed) for seed in (1, 2)]
    result = imported(tmp_path, body, fits)
    scene = bpy.context.scene
    assert result.collection.name == "holiday photo"
    assert result.collection.name in scene.collection.children
    assert result.camera.name == "holiday photo Camera"
    assert [person.track for person in result.people] == [10, 11]
    second = result.people[1]
    assert second.collection.name in result.collection.children
    assert [second.rig.name, second.body.name, second.points.name] == [
        "Person 2 Rig",
        "Person 2 Body",
        "Person 2 Points",
    ]
    assert set(second.collection.objects) == {second.rig, second.body, second.points}
    groups = tuple(group.name for group in second.body.vertex_groups)
    assert groups == body.skeleton.joint_names
    assert {bone.name for bone in second.rig.data.bones} == set(groups)
    assert second.rig["nlf_source"] == "/nowhere/holiday photo.jpg"
    assert second.rig["nlf_model_license"] == "Apache-2.0"
    assert np.array_equal(second.rig["nlf_betas"], fits[1].betas)
    assert np.allclose(second.rig["nlf_pose"], fits[1].pose.ravel())


def test_reimport_makes_new_datablocks(tmp_path: Path) -> None:
    body = fixtures.make_body()
    take = fixtures.write_take(tmp_path / "a.take", body, [fixtures.random_fit(body, 1)])
    first = import_take(bpy.context.scene, take)
    first.people[0].rig.location.x = 5.0
    second = import_take(bpy.context.scene, take)
    assert first.collection != second.collection
    assert first.people[0].rig.data != second.people[0].rig.data
    assert first.people[0].body.data != second.people[0].body.data
    assert first.people[0].rig.location.x == 5.0
    assert first.collection[IMPORT_TAG] != second.collection[IMPORT_TAG]


def test_visibility_and_parent_collection(tmp_path: Path) -> None:
    body = fixtures.make_body()
    parent = bpy.data.collections.new("Mine")
    bpy.context.scene.collection.children.link(parent)
    fit = fixtures.random_fit(body, 1)
    result = imported(
        tmp_path, body, [fit], parent=parent, show_points=True, show_body=False, show_rig=False
    )
    person = result.people[0]
    assert result.collection.name in parent.children
    assert (person.points.hide_get(), person.points.hide_render) == (False, False)
    assert (person.body.hide_get(), person.body.hide_render) == (True, True)
    assert (person.rig.hide_get(), person.rig.hide_render) == (True, True)


def test_the_users_mode_and_selection_stay(tmp_path: Path) -> None:
    mesh = bpy.data.objects.new("Mine", bpy.data.meshes.new("Mine"))
    bpy.context.scene.collection.objects.link(mesh)
    bpy.context.view_layer.objects.active = mesh
    mesh.select_set(True)
    bpy.ops.object.mode_set(mode="EDIT")
    body = fixtures.make_body()
    imported(tmp_path, body, [fixtures.random_fit(body, 1)])
    assert mesh.mode == "EDIT"
    assert bpy.context.view_layer.objects.active == mesh
    assert list(bpy.context.selected_objects) == [mesh]
    assert [scene.name for scene in bpy.data.scenes] == ["Scene"]

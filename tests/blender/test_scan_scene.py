# SPDX-License-Identifier: GPL-3.0-or-later
"""Scans and the scene: what is read of selected objects, what a registration becomes."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
import scan_fixtures
import scene_fixtures
from mathutils import Euler, Matrix, Vector
from scan_fixtures import CORNERS, FACES, TURNED

from nlf_blender.body.conventions import blender_points_from_smpl
from nlf_blender.body.kinematics import global_transforms, rest_joints
from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.errors import UserError
from nlf_blender.protocol.scan import Scan
from nlf_blender.scene import import_registration, read_scene_scan, scan_objects
from nlf_blender.scene.heatmap import HEAT_SWITCH, SCAN_DISTANCE

MIRRORED = Matrix.LocRotScale(
    Vector((-3.0, 0.0, 1.0)), Euler((0.1, 0.2, 0.3)), Vector((-1.0, 1.5, 1.0))
)


def scan_of_selection() -> Scan:
    context = bpy.context
    depsgraph = context.evaluated_depsgraph_get()
    return read_scene_scan(depsgraph, scan_objects(context.view_layer))


def volume(scan: Scan) -> float:
    """The signed volume within the scan's faces: positive if they face outward."""
    a, b, c = (scan.vertices[scan.faces[:, corner]] for corner in range(3))
    return float(np.einsum("fi,fi->f", a, np.cross(b, c)).sum() / 6)


# ------------------------------------------------------------------------- what is read


@pytest.mark.parametrize("matrix", [Matrix(), TURNED, MIRRORED])
def test_a_mesh_is_read_in_the_world_whatever_its_matrix(matrix: Matrix) -> None:
    scan_fixtures.mesh_object("Scan", CORNERS, FACES, matrix)
    scan = scan_of_selection()
    np.testing.assert_allclose(blender_points_from_smpl(scan.vertices), CORNERS, atol=1e-5)
    assert volume(scan) == pytest.approx(5.0, abs=1e-4)
    assert scan.name == "Scan"


def test_modifiers_and_parents_count() -> None:
    obj = scan_fixtures.mesh_object("Scan", CORNERS, FACES)
    obj.modifiers.new("Subdivide", "SUBSURF").levels = 1
    parent = bpy.data.objects.new("Turntable", None)
    bpy.context.scene.collection.objects.link(parent)
    parent.matrix_world = TURNED
    obj.parent = parent
    bpy.context.view_layer.update()
    scan = scan_of_selection()
    assert len(scan.faces) == 24
    np.testing.assert_allclose(
        blender_points_from_smpl(scan.vertices), scan_fixtures.world_vertices(obj), atol=1e-4
    )


@pytest.mark.parametrize("kind", ["loose", "nodes", "object"])
def test_points_are_read_as_a_cloud(kind: str) -> None:
    places = np.random.default_rng(3).normal(size=(400, 3))
    obj = scan_fixtures.mesh_object("Scan", places, None, TURNED)
    if kind == "nodes":
        scan_fixtures.points_from_mesh(obj)
    if kind == "object":
        try:
            bpy.ops.object.convert(target="POINTCLOUD")
        except TypeError:
            pytest.skip("this Blender has no point cloud objects yet")
        assert bpy.context.object.type == "POINTCLOUD"
    scan = scan_of_selection()
    assert scan.faces is None
    np.testing.assert_allclose(blender_points_from_smpl(scan.vertices), places, atol=1e-4)


def test_pieces_are_joined_and_a_cloud_makes_all_a_cloud() -> None:
    first = scan_fixtures.mesh_object("Right", CORNERS, FACES)
    second = scan_fixtures.mesh_object("Left", CORNERS - 20, FACES, MIRRORED)
    scan_fixtures.select_only(second, first)
    scan = scan_of_selection()
    assert (len(scan.vertices), len(scan.faces), scan.name) == (8, 8, "Left")
    assert volume(scan) == pytest.approx(10.0, abs=1e-3)
    cloud = scan_fixtures.mesh_object("Loose", CORNERS, None)
    scan_fixtures.select_only(first, second, cloud)
    scan = scan_of_selection()
    assert (len(scan.vertices), scan.faces, scan.name) == (12, None, "Right")


def test_nothing_selected_and_an_empty_mesh_are_said_so() -> None:
    lamp = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "SUN"))
    bpy.context.scene.collection.objects.link(lamp)
    scan_fixtures.select_only(lamp)
    with pytest.raises(UserError, match="No scan selected"):
        scan_of_selection()
    scan_fixtures.mesh_object("Nothing", np.empty((0, 3)), None)
    with pytest.raises(UserError, match="Nothing has no points"):
        scan_of_selection()


# -------------------------------------------------------------------- what comes back


@pytest.mark.parametrize(("scale", "correctives"), [(1.0, True), (1000.0, False), (39.37, True)])
def test_the_body_stands_exactly_where_the_fit_says(
    tmp_path: Path, scale: float, correctives: bool
) -> None:
    body = scene_fixtures.make_body(correctives=correctives)
    fit = scan_fixtures.scan_fit(body, 4, scale)
    folder = scan_fixtures.write_registration(tmp_path / "a.registration", body, fit)
    result = import_registration(bpy.context.scene, folder)
    expected = blender_points_from_smpl(scene_fixtures.reference_vertices(body, fit))
    shown = scan_fixtures.world_vertices(result.body)
    # the reduced body file keeps correctives in half precision
    np.testing.assert_allclose(shown / scale, expected / scale, atol=2e-5)
    joints = global_transforms(
        matrix_from_rotvec(fit.pose),
        scale * rest_joints(body.joints_template, body.joints_shapedirs, fit.betas),
        body.skeleton.parents,
        fit.translation,
    )[:, :3, 3]
    for name, place in zip(
        body.skeleton.joint_names, blender_points_from_smpl(joints), strict=True
    ):
        head = result.rig.matrix_world @ result.rig.pose.bones[name].head
        np.testing.assert_allclose(np.array(head) / scale, place / scale, atol=2e-5)
    for obj in (result.rig, result.body):
        assert list(obj.matrix_world.to_scale()) == pytest.approx([1.0, 1.0, 1.0], abs=1e-6)
    assert result.collection.name == "Statue Registration"


def test_pose_shape_distances_and_origin_are_custom_properties(tmp_path: Path) -> None:
    body = scene_fixtures.make_body()
    fit = scan_fixtures.scan_fit(body, 1, 100.0)
    folder = scan_fixtures.write_registration(tmp_path / "a.registration", body, fit)
    rig = import_registration(bpy.context.scene, folder).rig
    np.testing.assert_allclose(rig["nlf_pose"], fit.pose.ravel())
    np.testing.assert_allclose(rig["nlf_betas"], fit.betas)
    np.testing.assert_allclose(rig["nlf_translation"], fit.translation)
    assert rig["nlf_scale"] == 100.0
    assert rig["nlf_scan_mean_metres"] == 0.0021
    assert rig["nlf_undetermined"] == "L_Hand, R_Hand"
    assert rig["nlf_source"] == "Statue"
    assert rig["nlf_body_license"] == "CC0-1.0"


def test_the_distance_to_the_scan_is_an_attribute_and_a_heat_map(tmp_path: Path) -> None:
    body = scene_fixtures.make_body()
    fit = scan_fixtures.scan_fit(body, 2)
    folder = scan_fixtures.write_registration(tmp_path / "a.registration", body, fit)
    obj = import_registration(bpy.context.scene, folder).body
    values = np.empty(body.vertex_count, np.float32)
    obj.data.attributes[SCAN_DISTANCE.attribute].data.foreach_get("value", values)
    np.testing.assert_allclose(values, np.linspace(0.0, 0.03, body.vertex_count), atol=1e-6)
    colors = np.empty(4 * body.vertex_count, np.float32)
    obj.data.color_attributes[SCAN_DISTANCE.colors].data.foreach_get("color", colors)
    colors = colors.reshape(-1, 4)
    far = values > 0.02  # the scale ends at 2 cm
    assert np.ptp(colors[far], axis=0).max() < 1e-5
    assert np.ptp(colors[~far], axis=0).max() > 0.3
    assert obj[HEAT_SWITCH] == 0.0


@pytest.mark.parametrize("file", ["registration.json", "registration.npz", "body.npz"])
def test_a_damaged_registration_is_an_error_and_leaves_nothing(tmp_path: Path, file: str) -> None:
    body = scene_fixtures.make_body()
    fit = scan_fixtures.scan_fit(body, 2)
    folder = scan_fixtures.write_registration(tmp_path / "a.registration", body, fit)
    (folder / file).write_bytes((folder / file).read_bytes()[:300])
    with pytest.raises(UserError) as caught:
        import_registration(bpy.context.scene, folder)
    assert caught.value.fix
    assert not bpy.data.objects
    assert not bpy.data.armatures

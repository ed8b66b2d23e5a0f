# SPDX-License-Identifier: GPL-3.0-or-later
"""Registration to a scan in Blender: what is read of the scene, the job, what comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
import scan_fixtures
import scene_fixtures
from mathutils import Euler, Matrix, Vector
from panel_drawing import drawn
from ui_play import Extension

from nlf_blender.body.conventions import blender_points_from_smpl, smpl_points_from_blender
from nlf_blender.body.kinematics import global_transforms, rest_joints
from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.bridge.job import State
from nlf_blender.errors import UserError
from nlf_blender.protocol.scan import Scan, read_scan
from nlf_blender.scene import import_registration, read_scene_scan, scan_objects
from nlf_blender.scene.heatmap import HEAT_SWITCH, SCAN_DISTANCE
from nlf_blender.ui import panels
from nlf_blender.ui.runtime import RUNTIME
from nlf_blender.ui.scan_panel import NLF_PT_scan

CORNERS = np.array([[7.0, -4, 2], [9, -4, 2], [7, -1, 2], [7, -4, 7]])
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
TURNED = Matrix.LocRotScale(
    Vector((1.0, -2.0, 3.0)), Euler((0.4, -1.1, 2.5)), Vector((0.5, 2.0, 30.0))
)
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


# ------------------------------------------------------------------------- the operator


@pytest.fixture
def extension(tmp_path: Path) -> Iterator[Extension]:
    played = Extension(tmp_path)
    body = scene_fixtures.make_body()
    fit = scan_fixtures.scan_fit(body, 6)
    given = scan_fixtures.write_registration(tmp_path / "given.registration", body, fit)
    played.mode("good", registration=str(given), steps=5)
    yield played
    played.close()


def rigs() -> list[bpy.types.Object]:
    return [obj for obj in bpy.data.objects if obj.type == "ARMATURE"]


def scans_handed_over() -> list[Path]:
    """The scans that wait for the worker, or are in its hands."""
    assert RUNTIME.session is not None
    assert RUNTIME.session.log is not None
    return list(RUNTIME.session.log.parents[1].glob("*-input-*"))


def test_a_scan_becomes_a_body_as_one_undo_step_and_stays_as_it_was(extension: Extension) -> None:
    scan = scan_fixtures.mesh_object("Scan: a/b", CORNERS, FACES, TURNED)
    before = scan_fixtures.world_vertices(scan)
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.nlf.register_scan() == {"FINISHED"}
    (folder,) = scans_handed_over()
    handed = read_scan(folder / "Scan_ a_b.npz")
    assert handed.name == "Scan: a/b"
    np.testing.assert_allclose(handed.vertices, smpl_points_from_blender(before), atol=1e-5)
    extension.pump_to_end()
    assert extension.job.state is State.DONE
    assert RUNTIME.problem is None
    assert extension.job.results[0].name == "Scan_ a_b.registration"
    assert len(rigs()) == 1
    assert not scans_handed_over()
    assert bpy.context.object == scan
    assert list(bpy.context.selected_objects) == [scan]
    np.testing.assert_array_equal(scan_fixtures.world_vertices(scan), before)
    assert "2.1 mm" in RUNTIME.notes[0]
    assert "L_Hand, R_Hand" in RUNTIME.notes[1]
    bpy.ops.ed.undo()
    assert not rigs()
    assert [obj.name for obj in bpy.data.objects] == ["Scan: a/b"]
    assert not bpy.data.collections


def test_settings_reach_the_worker(extension: Extension) -> None:
    properties = bpy.context.scene.nlf
    properties.scan_partial, properties.scan_upright = True, True
    properties.scan_units = "cm"
    extension.preferences.device = "cpu"
    settings = properties.scan_settings(extension.preferences)
    assert (settings.partial, settings.upright, settings.metres_per_unit) == (True, True, 0.01)
    assert (settings.device, settings.body) == ("cpu", "open")
    scan_fixtures.mesh_object("Scan", CORNERS, FACES)
    bpy.ops.nlf.register_scan()
    assert extension.job.task.fields["settings"] == settings.to_json()
    bpy.ops.nlf.cancel()
    extension.pump_to_end()


def test_cancel_is_at_once_and_leaves_nothing(extension: Extension) -> None:
    extension.mode("good", steps=100)
    scan_fixtures.mesh_object("Scan", CORNERS, FACES)
    bpy.ops.nlf.register_scan()
    extension.pump_until(lambda: extension.job.stage == "Registering" and extension.job.done > 1)
    assert scans_handed_over()
    assert bpy.ops.nlf.cancel() == {"FINISHED"}
    assert not RUNTIME.job_active
    extension.pump_to_end()
    assert RUNTIME.problem is None
    assert not scans_handed_over()
    assert not list((extension.folder / "takes").glob("*"))
    assert not rigs()


@pytest.mark.parametrize("mode", ["fails", "dies_midway"])
def test_a_failure_is_shown_where_the_job_was_started(extension: Extension, mode: str) -> None:
    extension.mode(mode)
    scan_fixtures.mesh_object("Scan", CORNERS, FACES)
    bpy.ops.nlf.register_scan()
    extension.pump_to_end()
    assert RUNTIME.problem is not None
    title = RUNTIME.problem.error.title
    assert title in drawn(NLF_PT_scan)
    assert title not in drawn(panels.NLF_PT_localize)
    assert not scans_handed_over()
    assert not list((extension.folder / "takes").glob("*"))


def test_it_is_offered_for_scans_in_object_mode_only(extension: Extension) -> None:
    assert not bpy.ops.nlf.register_scan.poll()
    assert "Select a scan" in drawn(NLF_PT_scan)
    scan_fixtures.mesh_object("Scan", CORNERS, FACES)
    assert bpy.ops.nlf.register_scan.poll()
    assert "Scan" in drawn(NLF_PT_scan)
    bpy.ops.object.mode_set(mode="EDIT")
    assert not bpy.ops.nlf.register_scan.poll()
    bpy.ops.object.mode_set(mode="OBJECT")
    scan_fixtures.mesh_object("Nothing", np.empty((0, 3)), None)
    with pytest.raises(RuntimeError, match="Nothing has no points"):
        bpy.ops.nlf.register_scan()
    assert "The scan is empty" in drawn(NLF_PT_scan)
    assert not RUNTIME.worker_alive


def test_the_panel_shows_progress_and_then_figures(extension: Extension) -> None:
    scan_fixtures.mesh_object("Scan", CORNERS, FACES)
    bpy.ops.nlf.register_scan()
    extension.pump_until(lambda: extension.job.stage == "Registering" and extension.job.done > 0)
    running = drawn(NLF_PT_scan)
    assert f"Registering {extension.job.done}/5" in running
    assert "nlf.cancel" in running
    assert "left" in running
    assert "people" not in running
    assert "nlf.cancel" not in drawn(panels.NLF_PT_localize)
    extension.pump_to_end()
    scan_fixtures.select_only(rigs()[0])
    shown = drawn(NLF_PT_scan)
    assert all(text in shown for text in ("2.1 mm", "1.5 mm", "6.4 mm", "L_Hand, R_Hand"))
    assert "Distance Heat Map" not in shown
    drawn(panels.NLF_PT_result)
    body = rigs()[0].children[0]
    bpy.ops.nlf.heatmap()
    assert body[HEAT_SWITCH] == 1.0
    bpy.ops.nlf.show_part(part="body")
    assert not body.visible_get()
    assert bpy.ops.nlf.show_part(part="points") == {"CANCELLED"}


def test_a_saved_registration_is_imported_without_a_worker(extension: Extension) -> None:
    bpy.ops.nlf.import_take(directory=f"{extension.folder}/", filename="given.registration")
    assert len(rigs()) == 1
    assert RUNTIME.session is None

# SPDX-License-Identifier: GPL-3.0-or-later
"""Registration to a scan through the operator: with a fake worker, and with the zip and ours."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import extension_run
import numpy as np
import pytest
import scan_fixtures
import scene_fixtures
from mathutils import Euler, Matrix, Vector
from panel_drawing import drawn
from scan_fixtures import CORNERS, FACES, TURNED
from ui_play import Extension

import nlf_blender
from nlf_blender.body.body_data import load_body_npz
from nlf_blender.body.conventions import blender_points_from_smpl, smpl_points_from_blender
from nlf_blender.bridge.job import State
from nlf_blender.protocol.scan import read_scan
from nlf_blender.scene.heatmap import HEAT_SWITCH
from nlf_blender.ui import panels
from nlf_blender.ui.jobs.runtime import RUNTIME
from nlf_blender.ui.scan_panel import NLF_PT_scan

OPEN_BODY = Path(nlf_blender.__file__).parent / "assets" / "open_body.npz"
HOLD_SECONDS = 0.05


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
    settings = properties.scan_settings(extension.preferences)
    assert (settings.partial, settings.upright, settings.metres_per_unit) == (True, True, 0.01)
    assert settings.body == "open"
    scan_fixtures.mesh_object("Scan", CORNERS, FACES)
    bpy.ops.nlf.register_scan()
    assert extension.job.task.fields["settings"] == settings.to_json()
    bpy.ops.nlf.cancel()
    extension.pump_to_end()


def test_cancel_is_at_once_and_leaves_nothing(extension: Extension) -> None:
    extension.mode("good", steps=100)
    scan_fixtures.mesh_object("Scan", CORNERS, FACES)
    bpy.ops.nlf.register_scan()
    extension.pump_until(lambda: extension.job.stage == "Trying starts" and extension.job.done > 1)
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
    extension.pump_until(lambda: extension.job.stage == "Trying starts" and extension.job.done > 0)
    running = drawn(NLF_PT_scan)
    assert f"Trying starts {extension.job.done}/5" in running
    assert "nlf.cancel" in running
    assert "left" in running
    assert "people" not in running
    assert "nlf.cancel" not in drawn(panels.NLF_PT_localize)
    extension.pump_to_end()
    scan_fixtures.select_only(rigs()[0])
    shown = drawn(NLF_PT_scan).replace("\n", " ")
    assert all(text in shown for text in ("2.1 mm", "1.5 mm", "6.4 mm", "L_Hand, R_Hand"))
    assert "nlf.heatmap" in shown
    assert "nlf.heatmap" not in drawn(panels.NLF_PT_result)
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


# ------------------------------------------------------- the zip with the real worker behind it


def statue(matrix: Matrix) -> tuple[bpy.types.Object, np.ndarray]:
    """The open body in a random shape, pose and heading as a mesh object with this matrix; its
    vertices [V,3] in the world."""
    body = load_body_npz(OPEN_BODY)
    rng = np.random.default_rng(5)
    pose = rng.normal(0.0, 0.2, (body.joint_count, 3))
    pose[0] = (0.3, 2.0, 0.1)
    fit = scene_fixtures.FitParameters(pose, rng.normal(size=body.beta_count), np.ones(3))
    vertices = blender_points_from_smpl(scene_fixtures.reference_vertices(body, fit))
    return scan_fixtures.mesh_object("Statue", vertices, body.faces, matrix), vertices


def test_from_a_scan_to_the_body_over_it_and_back(installed: Path, tmp_path: Path) -> None:
    stretched = Matrix.LocRotScale(
        Vector((1.0, -2.0, 3.0)), Euler((0.4, -1.1, 2.5)), Vector((0.5, 2.0, 3.0))
    )
    scan, truth = statue(stretched)
    before = scan_fixtures.world_vertices(scan)
    bpy.ops.ed.undo_push(message="before")
    run = extension_run.register_scan(tmp_path / "takes")
    assert not run.holds_back(HOLD_SECONDS), run.ticks
    rig = next(obj for obj in bpy.data.objects if obj.type == "ARMATURE")
    (body,) = rig.children
    shown = scan_fixtures.world_vertices(body)
    assert np.linalg.norm(shown - truth, axis=1).mean() < 0.02, "metres, vertex by vertex"
    assert rig["nlf_scan_mean_metres"] < 0.003
    assert list(rig.matrix_world.to_scale()) == pytest.approx([1.0, 1.0, 1.0])
    np.testing.assert_array_equal(scan_fixtures.world_vertices(scan), before)
    assert (tmp_path / "takes" / "Statue.registration" / "registration.json").is_file()
    bpy.ops.ed.undo()
    assert [obj.name for obj in bpy.data.objects] == ["Statue"]
    extension_run.stop_worker()


def test_the_real_worker_follows_a_cancel_and_lives_on(installed: Path, tmp_path: Path) -> None:
    statue(Matrix())
    runtime = extension_run.part("ui.jobs.runtime").RUNTIME
    pump = extension_run.part("ui.jobs.job_pump").pump
    bpy.context.scene.nlf.takes = str(tmp_path / "takes")
    bpy.ops.nlf.register_scan()
    deadline = time.monotonic() + 120
    while runtime.job.stage != "Trying starts" or runtime.job.done == 0:
        assert runtime.job.active, runtime.problem
        assert time.monotonic() < deadline
        pump()
        time.sleep(0.02)
    bpy.ops.nlf.cancel()
    while runtime.busy:
        assert time.monotonic() < deadline
        pump()
        time.sleep(0.02)
    assert runtime.worker_alive, "it gave the job up by itself, so it was not killed"
    assert runtime.problem is None
    assert not list((tmp_path / "takes").iterdir())
    extension_run.stop_worker()

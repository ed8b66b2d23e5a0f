# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical body and the markers on it, as the menus, the tool and the panels do it."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from mathutils import Vector
from panel_drawing import drawn
from ui_play import Extension

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.scene.markers.canonical_body import canonical_bodies, canonical_kind
from nlf_blender.scene.markers.marker_sets import marker_sets
from nlf_blender.scene.markers.positions import canonical_position, single_markers
from nlf_blender.ui.jobs.runtime import RUNTIME
from nlf_blender.ui.markers import canonical_work, marker_panels, overlay, panel, pointing, tool
from nlf_blender.ui.markers.active_set import active_body, active_set

FRONT = (0.0, 1.0, 0.0)
CHEST = (0.05, -5.0, 1.05)


@pytest.fixture
def extension(tmp_path: Path) -> Iterator[Extension]:
    played = Extension(tmp_path)
    yield played
    played.close()


@pytest.fixture
def body(extension: Extension) -> bpy.types.Object:
    assert bpy.ops.mesh.nlf_canonical_body_add() == {"FINISHED"}
    return bpy.context.object


def place(origin: tuple[float, float, float] = CHEST, **options: object) -> bpy.types.Object:
    assert bpy.ops.nlf.marker_place(origin=origin, direction=FRONT, **options) == {"FINISHED"}
    return bpy.context.object


def names() -> list[str]:
    return [name for c in marker_sets(bpy.context.scene) for name in single_markers(c)]


def where(obj: bpy.types.Object) -> np.ndarray:
    return canonical_position(obj, obj.parent)


def test_the_open_body_comes_at_once(extension: Extension) -> None:
    assert "mesh.nlf_canonical_body_add" in drawn(panel.NLF_PT_markers)
    times = []
    for _ in range(2):
        began = time.perf_counter()
        bpy.ops.mesh.nlf_canonical_body_add(location=(1.0, 0.0, 0.0))
        times.append(time.perf_counter() - began)
    print(f"open body in {times[0]:.2f} s, the second in {times[1]:.2f} s")
    body = bpy.context.object
    assert canonical_kind(body) == "open" and body.select_get()
    assert tuple(body.scale) == (1, 1, 1) and body.location.x == 1.0
    assert len(canonical_bodies(bpy.context.scene)) == 2
    assert active_body(bpy.context) == body
    assert times[1] < 0.3


def test_a_canonical_body_is_no_scan_and_no_mesh_of_ones_own(body: bpy.types.Object) -> None:
    assert body.select_get() and not bpy.ops.nlf.register_scan.poll()
    assert not bpy.ops.nlf.localize_as_mesh.poll()


def test_a_copy_of_the_body_becomes_a_mesh_of_ones_own(body: bpy.types.Object) -> None:
    bpy.ops.object.duplicate()
    copy = bpy.context.object
    bpy.ops.nlf.localize_as_mesh()
    assert copy.nlf_points.is_set and copy.nlf_points.body == body
    assert canonical_bodies(bpy.context.scene) == [body]
    assert not any(key.startswith("nlf_canonical") for key in tuple(copy.keys()))
    copy.select_set(False)
    body.select_set(True)
    bpy.ops.mesh.nlf_canonical_body_add()  # another body is no copy
    assert not bpy.ops.nlf.localize_as_mesh.poll() and not bpy.ops.nlf.markers_take.poll()


def test_a_copy_of_the_body_gives_markers(body: bpy.types.Object) -> None:
    bpy.ops.object.duplicate()
    copy = bpy.context.object
    bpy.ops.nlf.markers_take()
    collection = active_set(bpy.context)
    assert collection.nlf_markers.body == body and copy in collection.objects[:]
    assert canonical_bodies(bpy.context.scene) == [body]


def test_a_click_makes_the_set_and_another_adds_to_it(body: bpy.types.Object) -> None:
    first = place()
    assert active_set(bpy.context).name == "Markers"
    assert bpy.context.scene.nlf_marking.active.nlf_markers.body == body
    assert names() == ["marker"] and first.select_get()
    second = place(inside=True)
    assert names() == ["marker", "marker.001"]
    assert where(second)[2] < where(first)[2] - 0.05  # SMPL's z is the front
    deeper = place(inside=True, share=0.9)
    assert where(deeper)[2] < where(second)[2]
    assert bpy.ops.nlf.marker_place(origin=(9, 9, 9), direction=FRONT) == {"CANCELLED"}
    assert len(names()) == 3


def test_the_other_side_is_placed_and_dragged_along(body: bpy.types.Object) -> None:
    body.location, body.rotation_euler = (1.0, 0.5, 1.2), (0.0, 0.0, 0.3)
    bpy.context.view_layer.update()
    marker = place((1.05, -5.0, 1.05), mirror=True, name="rib")
    assert names() == ["rib.L", "rib.R"]
    left, right = (single_markers(active_set(bpy.context))[name] for name in names())
    np.testing.assert_array_equal(where(left), where(right) * (-1, 1, 1))
    before = where(marker)
    done = bpy.ops.nlf.marker_drag(origin=(1.08, -5.0, 1.1), direction=FRONT, mirror=True)
    assert done == {"FINISHED"}
    assert np.linalg.norm(where(marker) - before) > 0.02
    np.testing.assert_array_equal(where(left), where(right) * (-1, 1, 1))


def test_each_step_is_undone_by_itself(body: bpy.types.Object) -> None:
    bpy.ops.ed.undo_push(message="body")
    place()
    bpy.ops.ed.undo_push(message="place")
    place(mirror=True, name="rib")
    bpy.ops.ed.undo_push(message="pair")
    assert names() == ["marker", "rib.L", "rib.R"]
    bpy.ops.ed.undo()
    assert names() == ["marker"]
    bpy.ops.ed.undo()
    assert names() == [] and not marker_sets(bpy.context.scene)
    bpy.ops.ed.redo()
    bpy.ops.ed.redo()
    assert names() == ["marker", "rib.L", "rib.R"]
    assert active_set(bpy.context) is not None


def test_markers_are_edited_by_numbers(body: bpy.types.Object) -> None:
    marker = place(mirror=True, name="rib").nlf_marker
    obj, other = marker.id_data, single_markers(active_set(bpy.context))["rib.R"]
    assert marker.depth == pytest.approx(0, abs=0.1)
    marker.depth = 12.0
    assert marker.depth == pytest.approx(12, abs=0.5)
    assert where(other)[2] - where(obj)[2] > 0.005  # X Mirror is off
    bpy.context.scene.nlf_marking.mirror = True
    marker.position = (80.0, 20.0, 50.0)
    np.testing.assert_allclose(where(obj), (0.08, 0.02, 0.05), atol=1e-6)
    np.testing.assert_array_equal(where(other), where(obj) * (-1, 1, 1))
    assert tuple(marker.position) == pytest.approx((80, 20, 50), abs=1e-3)


def test_sets_are_made_copied_chosen_and_removed(body: bpy.types.Object) -> None:
    place()
    first = active_set(bpy.context)
    bpy.ops.nlf.marker_set_duplicate()
    copied = active_set(bpy.context)
    assert copied != first and names() == ["marker", "marker"]
    bpy.ops.nlf.marker_set_choose(name=first.name)
    assert active_set(bpy.context) == first
    layers = bpy.context.view_layer.layer_collection.children
    bpy.context.view_layer.active_layer_collection = layers[first.name]
    bpy.ops.mesh.nlf_canonical_body_add()  # not into the set, whose markers it would become
    second = bpy.context.object
    assert second.name not in first.objects and second.name in bpy.context.scene.objects
    bpy.data.objects.remove(second)
    bpy.ops.nlf.marker_set_choose(name=first.name)
    bpy.ops.nlf.marker_set_remove()
    assert active_set(bpy.context) == copied and len(names()) == 1
    assert canonical_bodies(bpy.context.scene) == [body]


def test_order_groups_and_selection(body: bpy.types.Object) -> None:
    for name in "abc":
        place(name=name)
    collection = active_set(bpy.context)
    markers = single_markers(collection)
    markers["a"].hide_set(True)
    collection.nlf_markers.index = collection.objects.find("b")
    assert bpy.context.object == markers["b"] and not markers["c"].select_get()
    bpy.ops.nlf.marker_move(up=True)
    assert names() == ["b", "a", "c"] and markers["a"].hide_get()
    assert collection.nlf_markers.index == 0
    bpy.ops.nlf.markers_group(group="arm", color=(0.0, 0.5, 1.0))
    assert markers["b"].nlf_marker.group == "arm"
    bpy.context.scene.nlf_marking.group = "arm"
    assert tuple(place(name="d").color[:3]) == pytest.approx((0.0, 0.5, 1.0))


def test_panels_tell_what_is_not_the_same_on_both_sides(body: bpy.types.Object) -> None:
    place(name="rib.L")
    assert "Without other side: rib.L" in drawn(marker_panels.NLF_PT_marker_sides)
    shown = drawn(panel.NLF_PT_markers) + drawn(marker_panels.NLF_PT_marker)
    for text in ("NLF_UL_markers", "nlf.marker_set_new", "position", "depth"):
        assert text in shown
    bpy.ops.nlf.markers_symmetrize(side="LEFT")
    assert names() == ["rib.L", "rib.R"]
    assert "Both sides are the same" in drawn(marker_panels.NLF_PT_marker_sides)


def test_a_body_of_smpl_needs_a_file(extension: Extension) -> None:
    with pytest.raises(RuntimeError, match=r"No SMPL-X file.*Choose an SMPL-X file"):
        bpy.ops.mesh.nlf_canonical_body_add(body="smplx")
    assert "No SMPL-X file" in drawn(panel.NLF_PT_markers)


def test_the_worker_makes_a_body_of_smpl_once(
    extension: Extension, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, script = tmp_path / "models" / "SMPL_NEUTRAL.npz", tmp_path / "worker.py"
    file.parent.mkdir()
    file.write_bytes(b"for the worker alone")
    script.write_text(
        "import json, pathlib, shutil, sys\n"
        "out = pathlib.Path(next(a for a in sys.argv if a.startswith('--out='))[6:])\n"
        "out.parent.mkdir(parents=True, exist_ok=True)\n"
        f"shutil.copy({str(canonical_work.OPEN_BODY)!r}, out)\n"
        "print(json.dumps({'argv': sys.argv[1:]}))\n"
    )
    monkeypatch.setattr(
        canonical_work, "worker_command", lambda python, words: [sys.executable, script, *words]
    )
    monkeypatch.setattr(canonical_work.places, "user_folder", lambda: tmp_path / "user")
    extension.preferences.body_folder = str(file.parent)
    assert bpy.ops.mesh.nlf_canonical_body_add(body="smpl") == {"FINISHED"}
    assert "Making the canonical body" in drawn(panel.NLF_PT_markers)
    extension.pump_to_end()
    (made,) = canonical_bodies(bpy.context.scene)
    assert canonical_kind(made) == "smpl"
    script.unlink()  # the second time there is nothing to run
    assert bpy.ops.mesh.nlf_canonical_body_add(body="smpl") == {"FINISHED"}
    assert len(canonical_bodies(bpy.context.scene)) == 2
    shutil.rmtree(tmp_path / "user")
    file.write_bytes(b"another")
    bpy.ops.mesh.nlf_canonical_body_add(body="smpl")
    extension.pump_to_end()
    assert RUNTIME.problem is not None
    assert RUNTIME.problem.error.title == canonical_work.FAILED


def test_tool_and_overlay_go_with_the_extension(extension: Extension) -> None:
    assert not overlay.DRAWING.overlay.shown  # in the background nothing is drawn
    assert tool.NLF_WST_marker.bl_keymap[0][0] == "nlf.marker_drag"
    for number in range(2):
        seen = np.array([[10.0, 10.0], [12.0, 10.5], [90.0, 10.0], [np.nan, 0.0]])
        chosen = overlay.roomy(
            seen, np.arange(3), np.array([False, number == 1, False, False]), overlay.CELL
        )
        assert chosen == [[0, 2], [1, 2]][number]
    np.testing.assert_allclose(
        overlay.encoded(np.array([[0.0, 0.2140, 1.0, 0.5]])), [[0.0, 0.5, 1.0, 0.5]], atol=1e-3
    )


@pytest.mark.parametrize("kind", ["PERSP", "ORTHO"])
def test_a_ray_goes_through_what_its_pixel_shows(kind: str) -> None:
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    bpy.context.scene.collection.objects.link(camera)
    camera.data.type, camera.data.clip_end = kind, 1000.0
    camera.location, camera.rotation_euler = (1.0, -6.0, 1.5), (1.4, 0.1, 0.3)
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    matrix = camera.calc_matrix_camera(graph, x=640, y=480) @ camera.matrix_world.inverted()
    region, view = (
        SimpleNamespace(width=640, height=480),
        SimpleNamespace(perspective_matrix=matrix),
    )
    points = np.array([[0.3, 0.4, 1.2], [-0.5, 2.0, 0.7]])
    for point, pixel in zip(points, pointing.pixels_of(region, view, points), strict=True):
        ray = pointing.view_ray(region, view, tuple(pixel))
        off = np.cross(point - ray.origin, ray.direction)
        assert np.linalg.norm(off) < 1e-4
        assert (point - ray.origin) @ ray.direction > 0
    behind = np.array(camera.matrix_world @ Vector((0.0, 0.0, 1.0)))
    assert np.isnan(pointing.pixels_of(region, view, behind)).all() == (kind == "PERSP")


def test_labels_are_of_sets_and_of_results_that_are_seen(body: bpy.types.Object) -> None:
    placed = place()
    result = bpy.data.objects.new("person 1 nose", None)
    result.nlf_marker.name = "nose"
    other = bpy.data.objects.new("no marker", None)
    for obj in (result, other):
        bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.update()
    assert pointing.labelled_markers(bpy.context) == [placed, result]
    assert pointing.shown_markers(bpy.context) == [placed]
    placed.hide_set(True)
    assert pointing.labelled_markers(bpy.context) == [result]


def test_a_hidden_or_removed_body_stops_nothing(body: bpy.types.Object) -> None:
    marker = place().nlf_marker
    body.hide_viewport = True
    bpy.context.view_layer.update()
    marker.depth = 3.0
    assert marker.depth == pytest.approx(3.0, abs=0.1)
    bpy.data.objects.remove(body)
    assert (marker.depth, tuple(marker.position)) == (0.0, (0.0, 0.0, 0.0))
    assert not bpy.ops.nlf.marker_place.poll()
    for cls in (panel.NLF_PT_markers, marker_panels.NLF_PT_marker):
        drawn(cls)


def test_the_file_of_the_body_is_read_without_what_poses_it() -> None:
    assert load_body_npz(canonical_work.OPEN_BODY, posed=False).posedirs is None

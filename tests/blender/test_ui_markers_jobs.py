# SPDX-License-Identifier: GPL-3.0-or-later
"""Marker sets in files and presets, what is handed to jobs, what comes back of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import bpy
import footage_fixtures as footage
import numpy as np
import panel_drawing
import pytest
import scene_fixtures
import set_fixtures as sets
from ui_play import Extension

from nlf_blender.bridge.task import POINTS
from nlf_blender.errors import UserError
from nlf_blender.protocol.marker_set import Marker, MarkerSet, read_marker_set, write_marker_set
from nlf_blender.protocol.point_set import MESH, read_point_set
from nlf_blender.scene import FootageOptions, ImportOptions, import_take
from nlf_blender.scene.markers import point_sets
from nlf_blender.scene.markers.marker_sets import marker_sets, read_scene_set
from nlf_blender.ui import panels
from nlf_blender.ui.jobs.runtime import RUNTIME
from nlf_blender.ui.markers import job_panel, panel, presets
from nlf_blender.ui.markers.active_set import active_set

SMALL = MarkerSet("Small", (Marker("tip", (0.1, 0.2, 0.3), "a"), Marker("end", (0, 0.5, 0))))


@pytest.fixture
def extension(tmp_path: Path) -> Iterator[Extension]:
    played = Extension(tmp_path)
    yield played
    played.close()


@pytest.fixture
def small(extension: Extension, tmp_path: Path) -> bpy.types.Collection:
    """A loaded set of two markers."""
    write_marker_set(tmp_path / "small.json", SMALL)
    bpy.ops.nlf.marker_set_load(filepath=str(tmp_path / "small.json"))
    return bpy.data.collections["Small"]


def add_mesh(name: str) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(0, 0, 1), (0.1, 0, 1), (0, 0, 1.1)], [], [(0, 1, 2)])
    obj = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(obj)
    return obj


def select(*objects: bpy.types.Object) -> None:
    for obj in bpy.context.view_layer.objects:
        obj.select_set(obj in objects)
    bpy.context.view_layer.objects.active = objects[0]


def test_a_preset_comes_with_its_body_and_goes_with_the_file(
    extension: Extension, tmp_path: Path
) -> None:
    path = next(path for path in presets.shipped_presets() if path.stem == "coco_17")
    bpy.ops.nlf.marker_preset(filepath=str(path))
    collection = active_set(bpy.context)
    shipped = read_marker_set(path)
    assert collection.name == shipped.name and collection.nlf_markers.body is not None
    np.testing.assert_allclose(read_scene_set(collection).positions, shipped.positions, atol=2e-6)
    bpy.ops.nlf.marker_preset(filepath=str(path))
    assert sum("nlf_canonical" in obj for obj in bpy.data.objects) == 1
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    assert len(read_scene_set(marker_sets(bpy.context.scene)[0]).markers) == 17


def test_the_menu_shows_presets_by_name_and_keeps_the_users(
    small: bpy.types.Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setattr(bpy.utils, "user_resource", lambda *_, **__: str(own))
    bpy.ops.nlf.marker_preset_add(name="Mine: 1")
    with pytest.raises(RuntimeError, match="Name taken"):
        bpy.ops.nlf.marker_preset_add(name="Mine: 1")
    (kept,) = presets.user_presets()
    assert read_marker_set(kept).name == "Mine: 1"
    assert presets.NAMES.name(kept) == "Mine: 1"
    assert len(presets.shipped_presets()) == 10
    assert bpy.ops.nlf.marker_preset_remove(filepath=str(tmp_path / "a.blend")) == {"CANCELLED"}
    bpy.ops.nlf.marker_preset_remove(filepath=str(kept))
    assert not presets.user_presets()


def test_sets_are_saved_and_loaded_as_json_and_as_tables(
    small: bpy.types.Collection, tmp_path: Path
) -> None:
    for name, options in (
        ("b.json", {}),
        ("b.csv", {"unit": "mm", "axes": "left,back,up"}),
    ):
        bpy.context.scene.nlf_marking.active = small
        bpy.ops.nlf.marker_set_save(filepath=str(tmp_path / name), **options)
        axes = {key: value for key, value in options.items() if key == "axes"}
        bpy.ops.nlf.marker_set_load(filepath=str(tmp_path / name), **axes)
        loaded = read_scene_set(active_set(bpy.context))
        np.testing.assert_allclose(loaded.positions, SMALL.positions, atol=2e-6)
        assert [marker.name for marker in loaded.markers] == ["tip", "end"]
        assert active_set(bpy.context) != small


def test_a_set_saved_without_an_ending_gets_one(
    small: bpy.types.Collection, tmp_path: Path
) -> None:
    bpy.context.scene.nlf_marking.active = small
    bpy.ops.nlf.marker_set_save(filepath=str(tmp_path / "plain"))
    assert (tmp_path / "plain.json").is_file() and not (tmp_path / "plain").exists()


def test_a_vertex_table_takes_the_canonical_body_of_the_scene(
    small: bpy.types.Collection, tmp_path: Path
) -> None:
    (tmp_path / "v.json").write_text(json.dumps({"crown": 10, "sole": 20}))
    bpy.ops.nlf.marker_set_load(filepath=str(tmp_path / "v.json"), body="open")
    body = small.nlf_markers.body
    crown = bpy.data.objects["crown"]
    bpy.context.view_layer.update()
    wanted = body.matrix_world @ body.data.vertices[10].co
    assert (crown.matrix_world.translation - wanted).length < 1e-5


def test_what_is_wrong_with_a_file_is_told(small: bpy.types.Collection, tmp_path: Path) -> None:
    body = small.nlf_markers.body
    for text, told in (
        ("name,x,y,z\na,0,0,nan\n", "CSV|nan|finite|number"),
        ("name,x,y,z\na,0,0,0\na,1,0,0\n", "'a'|twice|two"),
        ("name,x,y,z\n", "no markers|Empty"),
        ("name,x,y,z\n" + "".join(f"m{i},0,0,0\n" for i in range(2001)), "Too many"),
    ):
        (tmp_path / "bad.csv").write_text(text)
        with pytest.raises(RuntimeError, match=told):
            bpy.ops.nlf.marker_set_load(filepath=str(tmp_path / "bad.csv"))
    write_marker_set(tmp_path / "x.json", MarkerSet("X", SMALL.markers, "smplx"))
    with pytest.raises(RuntimeError, match="SMPL-X"):
        bpy.ops.nlf.marker_set_load(filepath=str(tmp_path / "x.json"))
    assert marker_sets(bpy.context.scene) == [small] and body is not None


def test_objects_are_taken_into_the_set(small: bpy.types.Collection) -> None:
    patch, empty = add_mesh("patch"), bpy.data.objects.new("spot", None)
    bpy.context.scene.collection.objects.link(empty)
    patch.vertex_groups.new(name="part").add([0, 2], 1.0, "REPLACE")
    select(patch, empty)
    bpy.ops.nlf.markers_take(vertex_group="part")
    names = [marker.name for marker in read_scene_set(small).markers]
    assert names == ["tip", "end", "patch.0001", "patch.0002", "spot"]
    bpy.ops.nlf.markers_take()
    assert len(read_scene_set(small).markers) == 6


def submitted(extension: Extension) -> dict[str, object]:
    """The settings of the job that Localize puts in line; its files are read meanwhile."""
    extension.mode("good", take=str(extension.take), steps=5, pause=0.04)
    bpy.ops.nlf.localize()
    return extension.job.task.fields["settings"]


def test_a_job_takes_the_checked_sets_and_meshes(
    extension: Extension, small: bpy.types.Collection
) -> None:
    suit = add_mesh("Suit")
    suit.scale = (2.0, 2.0, 2.0)
    modifier = suit.modifiers.new("More", "SUBSURF")
    modifier.levels, modifier.subdivision_type = 1, "SIMPLE"
    select(suit)
    bpy.ops.nlf.localize_as_mesh()
    bpy.context.scene.nlf.keep_features = True
    shown = panel_drawing.drawn(panels.NLF_PT_localize)
    assert shown.count("localize") >= 2 and "keep_features" in shown
    settings = submitted(extension)
    markers, mesh = (read_point_set(Path(path)) for path in settings["sets"])
    assert markers.names == ("tip", "end") and markers.body == "open"
    assert mesh.kind == MESH and len(mesh.points) == 7 and len(mesh.polygons.sizes) == 3
    assert np.ptp(mesh.points[:, 0]) == pytest.approx(0.2, abs=1e-6)
    assert settings["keep_features"]
    assert any("modifiers and its scale" in note for note in RUNTIME.notes)
    extension.pump_to_end()
    small.nlf_markers.localize = suit.nlf_points.localize = False
    assert submitted(extension)["sets"] == []
    extension.pump_to_end()


def test_what_cannot_be_localized_is_told_before_the_job(
    extension: Extension, small: bpy.types.Collection
) -> None:
    again = add_mesh("small")
    select(again)
    bpy.ops.nlf.localize_as_mesh()
    with pytest.raises(RuntimeError, match="Two sets of one name"):
        bpy.ops.nlf.localize()
    again.nlf_points.localize = False
    bpy.data.objects["end"].nlf_marker.name = "tip"
    with pytest.raises(RuntimeError, match="two markers are called 'tip'"):
        bpy.ops.nlf.localize()
    bpy.data.objects.remove(small.nlf_markers.body)
    with pytest.raises(RuntimeError, match="no canonical body"):
        bpy.ops.nlf.localize()
    assert RUNTIME.queue.current is None or not RUNTIME.job_active


def test_a_mesh_asks_which_of_two_bodies_it_stands_in(
    extension: Extension, small: bpy.types.Collection
) -> None:
    suit = add_mesh("Suit")
    suit.nlf_points.is_set = True
    assert point_sets.canonical_body_for(bpy.context.scene, suit) == small.nlf_markers.body
    bpy.ops.mesh.nlf_canonical_body_add()
    second = bpy.context.object
    with pytest.raises(UserError, match="several"):
        point_sets.gather(bpy.context.scene, suit)
    suit.nlf_points.body = second
    assert point_sets.gather(bpy.context.scene, suit).points.body == "open"
    suit.data.clear_geometry()
    with pytest.raises(UserError, match="no vertices"):
        point_sets.gather(bpy.context.scene, suit)


@pytest.fixture
def walk(extension: Extension, tmp_path: Path) -> Path:
    """Footage of one person in the scene."""
    body = scene_fixtures.make_body()
    people = {3: footage.walk(body, 1, np.arange(40))}
    take = footage.write_footage(tmp_path / "walk.take", body, people, names={3: "Anna"})
    options = ImportOptions(footage=FootageOptions(start_frame=1))
    result = import_take(bpy.context.scene, take, options)
    bpy.context.view_layer.update()
    select(result.people[0].rig)
    return take


def test_markers_are_localized_in_a_take_and_come_in(
    extension: Extension, small: bpy.types.Collection, walk: Path
) -> None:
    select(bpy.data.objects["Anna Rig"])
    motion = {3: (sets.places(40, 2), sets.doubt(40, 2))}
    points = sets.markers("tip", "end", name="Small")
    extension.mode("good", take=str(walk), steps=3, pause=0.02)
    bpy.ops.nlf.localize_markers(filepath=str(walk / "take.json"))
    task = extension.job.task
    assert task.command == POINTS and task.take == walk
    assert read_point_set(Path(task.fields["sets"][0])).names == ("tip", "end")
    assert "nlf.cancel" in panel_drawing.drawn(job_panel.NLF_PT_marker_job)
    assert not bpy.ops.nlf.localize_markers.poll()
    sets.add_to_solution(walk, points, motion)
    extension.pump_to_end()
    assert RUNTIME.problem is None, RUNTIME.problem
    assert "Anna tip" in bpy.data.objects
    shown = panel_drawing.drawn(job_panel.NLF_PT_marker_job)
    assert "Small: 2 points" in shown and shown.count("nlf.marker_gaps") == 2
    tip = bpy.data.objects["Anna tip"]
    select(tip)
    footage.set_frame(bpy.context.scene, 14)
    assert tip.hide_render
    select(bpy.data.objects["Anna end"])
    bpy.ops.nlf.marker_gaps(fill_gaps=True)
    footage.set_frame(bpy.context.scene, 14)
    assert not tip.hide_render


def test_panels_tell_the_next_step(extension: Extension) -> None:
    def shown(drawn: type) -> str:
        return " ".join(panel_drawing.drawn(drawn).split("\n"))  # texts are wrapped

    assert panel.NO_BODY in shown(panel.NLF_PT_markers)
    assert job_panel.NOTHING in shown(job_panel.NLF_PT_marker_job)
    bpy.ops.mesh.nlf_canonical_body_add()
    assert panel.NO_SET in shown(panel.NLF_PT_markers)
    bpy.ops.nlf.marker_set_new()
    assert panel.NO_SET not in shown(panel.NLF_PT_markers)
    told = shown(job_panel.NLF_PT_marker_job)
    assert job_panel.NO_TAKE in told and "nlf.localize_markers" not in told
    select(import_take(bpy.context.scene, extension.take).people[0].rig)
    assert "nlf.localize_markers" in shown(job_panel.NLF_PT_marker_job)


def test_a_photo_gets_markers_later(extension: Extension, small: bpy.types.Collection) -> None:
    result = import_take(bpy.context.scene, extension.take)
    bpy.context.view_layer.update()
    select(result.people[1].points)
    extension.mode("good", take=str(extension.take), steps=3, pause=0.02)
    bpy.ops.nlf.localize_markers(filepath="x.jpg")
    assert extension.job.task.take == extension.take
    places = sets.places(2, 2)
    sets.add_to_photo(
        extension.take, sets.markers("tip", "end", name="Small"), places, np.full((2, 2), 0.1)
    )
    extension.pump_to_end()
    assert "Person 2 tip" in bpy.data.objects
    bpy.ops.nlf.remove_take_set(name="Small")
    assert extension.job.task.fields["remove"] == ["Small"]
    extension.pump_to_end()

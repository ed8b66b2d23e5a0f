# SPDX-License-Identifier: GPL-3.0-or-later
"""How a take is solved: shown as it is, changed with a moment's patience, drawn over by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
import footage_fixtures as footage
import numpy as np
import panel_drawing
import pytest
import scene_fixtures
from take_play import FRAMES, SETTINGS, Play, add_chunk, view
from ui_play import Extension

import nlf_blender
from nlf_blender.bridge.job import Job
from nlf_blender.bridge.queue import Entry, Stand
from nlf_blender.bridge.stage_times import Estimate
from nlf_blender.bridge.task import SOLVE, HandBox, boxes_task
from nlf_blender.errors import UserError
from nlf_blender.protocol.edits import DROP, MERGE, Edit
from nlf_blender.scene import UpdateOptions, import_take
from nlf_blender.ui.jobs import importing
from nlf_blender.ui.jobs.runtime import RUNTIME
from nlf_blender.ui.take import solve_requests
from nlf_blender.ui.take.motion_panel import NLF_PT_layers, NLF_PT_motion
from nlf_blender.ui.take.people_list import NLF_PT_people
from nlf_blender.ui.take.solve_requests import REQUESTS
from nlf_blender.ui.take.update_options import update_options

MOST_SECONDS_A_TICK = 0.05


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    nlf_blender.register()
    yield Play(tmp_path / "walk.take", monkeypatch)
    nlf_blender.unregister()
    assert not bpy.app.timers.is_registered(solve_requests._gather)


def gather() -> float | None:
    """What the timer does once the changes have rested."""
    assert bpy.app.timers.is_registered(solve_requests._gather)
    return solve_requests._gather()


def test_sliders_show_the_settings_of_the_active_take(play: Play, tmp_path: Path) -> None:
    assert view().smoothing == pytest.approx(0.3)
    assert view().max_people == 5
    assert view().ground == "auto"
    people = {1: footage.walk(scene_fixtures.make_body(), 4, FRAMES)}
    other = footage.write_footage(tmp_path / "b.take", play.body, people, points=False)
    result = import_take(bpy.context.scene, other)
    play.activate(result.people[0].rig)
    assert view().smoothing == pytest.approx(0.5)  # its solution names none: the defaults
    play.activate(play.rigs[8])
    assert view().smoothing == pytest.approx(0.3)


def test_changes_become_one_job_when_they_rest(play: Play) -> None:
    for strength in (0.4, 0.5, 0.6):
        view().smoothing = strength
    view().hold_feet = False
    view().ground = "level"
    view().gap_seconds = 0.25
    assert play.tasks == []
    assert gather() is None
    assert len(play.tasks) == 1
    expected = {"smoothing": 0.6, "hold_feet": False, "ground": "level", "gap_seconds": 0.25}
    assert play.settings_asked() == {**SETTINGS.to_json(), **expected}
    assert play.edits_asked() == ()


def test_a_slider_shows_what_is_wanted_until_that_is_solved(play: Play) -> None:
    view().smoothing = 0.9
    gather()
    assert view().smoothing == pytest.approx(0.9)
    assert "Waits for the job under way" in panel_drawing.drawn(NLF_PT_motion)
    play.entries[0].stand = Stand.RUNNING
    assert "Solving" in panel_drawing.drawn(NLF_PT_people)
    assert "Waits for" not in panel_drawing.drawn(NLF_PT_motion)
    play.end(Stand.CANCELLED)
    assert view().smoothing == pytest.approx(0.3)
    assert "Solving" not in panel_drawing.drawn(NLF_PT_people)


def test_without_live_the_button_solves(play: Play) -> None:
    view().live = False
    try:
        view().repair_flips = False
        assert not bpy.app.timers.is_registered(solve_requests._gather)
        assert view().repair_flips is False
        assert bpy.ops.nlf.solve() == {"FINISHED"}
    finally:
        view().live = True
    assert play.settings_asked() == {**SETTINGS.to_json(), "repair_flips": False}


def hips() -> np.ndarray:
    """Where the active person's root joint is in the world."""
    rig = bpy.context.object.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array(rig.matrix_world @ rig.pose.bones[0].head)


def test_a_slider_renews_the_scene_as_one_undo_step(tmp_path: Path) -> None:
    extension = Extension(tmp_path)
    body = scene_fixtures.make_body()
    walks = [{3: footage.walk(body, seed, FRAMES)} for seed in (1, 2)]
    take = footage.write_footage(tmp_path / "walk.take", body, walks[0])
    solved = footage.write_footage(tmp_path / "solved" / "walk.take", body, walks[1])
    extension.mode("good", footage_take=str(solved))
    add_chunk(take)
    add_chunk(solved)
    bpy.context.view_layer.objects.active = import_take(bpy.context.scene, take).people[0].rig
    bpy.context.scene.frame_set(bpy.context.scene.frame_start + 20)
    bpy.ops.ed.undo_push(message="before")
    row = int(np.flatnonzero(FRAMES == 20)[0])
    assert np.allclose(hips(), walks[0][3].root[row], atol=1e-3)
    view().smoothing = 0.9
    gather()
    assert REQUESTS.at_work(take) is not None
    extension.pump_to_end()
    assert RUNTIME.problem is None
    assert REQUESTS.at_work(take) is None
    assert np.allclose(hips(), walks[1][3].root[row], atol=1e-3)
    bpy.ops.ed.undo()
    assert np.allclose(hips(), walks[0][3].root[row], atol=1e-3)
    extension.close()
    assert extension.slowest < MOST_SECONDS_A_TICK


def test_an_edit_while_a_solve_is_under_way_keeps_both(play: Play) -> None:
    view().smoothing = 0.9
    gather()
    view().people[1].kept = False
    view().smoothing = 0.8
    gather()
    assert play.edits_asked() == (Edit(DROP, 8),)
    assert play.settings_asked()["smoothing"] == 0.8
    play.entries[0].stand = Stand.DONE
    assert view().smoothing == pytest.approx(0.8)  # the newer one is still under way


def test_a_box_under_way_holds_changes_back(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    box = HandBox(7, (1.0, 2.0, 30.0, 40.0))
    entry = Entry(Path("python"), boxes_task(play.folder, [box], (), SETTINGS), None)
    monkeypatch.setattr(RUNTIME.queue, "entries", [entry])
    view().smoothing = 0.9
    assert gather() == solve_requests.GATHERING_SECONDS
    view().people[1].kept = False  # refused: the box's job writes edits itself
    assert play.tasks == []
    assert RUNTIME.problem is not None
    assert RUNTIME.problem.error.title == "A box is being localized"
    assert not bpy.ops.nlf.solve.poll()
    assert "The box waits in the queue" in panel_drawing.drawn(NLF_PT_people)
    entry.stand, entry.job = Stand.RUNNING, Job("box", entry.task, Estimate({}, 0.0))
    shown = panel_drawing.drawn(NLF_PT_people)
    assert "Starting" in shown
    assert "nlf.cancel" in shown
    entry.stand = Stand.DONE
    assert gather() is None
    assert play.settings_asked()["smoothing"] == 0.9


def test_a_slider_moved_before_a_box_keeps_what_the_box_adds(play: Play) -> None:
    drop = Edit(DROP, 8)
    view().live = False
    REQUESTS.add_edit(play.folder, drop)
    view().smoothing = 0.9  # wanted, and no job yet
    REQUESTS.submit_box(play.folder, HandBox(7, (1.0, 2.0, 30.0, 40.0), 3))
    assert play.edits_asked() == (drop,)
    play.write_edits(drop, Edit(MERGE, 3, other=77))  # the box's job
    play.end()
    REQUESTS.submit(play.folder)
    assert play.edits_asked() == (drop, Edit(MERGE, 3, other=77))
    assert play.settings_asked()["smoothing"] == 0.9


def test_a_job_that_cannot_start_is_an_error_in_the_panel(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise UserError("No worker", "There is no Python for it.", "Install it.")

    monkeypatch.setattr(solve_requests, "_start", refuse)
    view().smoothing = 0.9
    assert gather() is None
    assert view().smoothing == pytest.approx(0.3)
    assert "No worker" in panel_drawing.drawn(NLF_PT_motion)
    with pytest.raises(RuntimeError, match="There is no Python"):
        bpy.ops.nlf.solve()


def test_another_file_forgets_what_was_not_started(play: Play) -> None:
    view().smoothing = 0.9
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert not bpy.app.timers.is_registered(solve_requests._gather)
    assert not REQUESTS.changed(play.folder)


def test_the_update_is_as_the_panel_says(play: Play) -> None:
    scene = bpy.context.scene
    options = update_options(scene)
    assert (options.first, options.last, options.blend, options.keep_keys) == (None, None, 5, True)
    view().in_range, view().blend = True, 9
    try:
        assert update_options(scene).first == scene.frame_start
        scene.use_preview_range = True
        scene.frame_preview_start, scene.frame_preview_end = 12, 20
        options = update_options(scene)
        assert (options.first, options.last, options.blend) == (12, 20, 9)
        assert "Frames 12 to 20" in panel_drawing.drawn(NLF_PT_layers)
    finally:
        view().in_range, view().blend = False, 5


def test_a_layer_for_keys_made_by_hand(play: Play) -> None:
    solved = play.rigs[3].animation_data.action
    assert bpy.ops.nlf.add_layer() == {"FINISHED"}
    assert play.rigs[3].animation_data.action != solved
    with pytest.raises(RuntimeError):  # it has one
        bpy.ops.nlf.add_layer()
    play.activate(play.camera)
    assert not bpy.ops.nlf.add_layer.poll()


def test_without_a_take_nothing_can_be_changed(play: Play) -> None:
    bpy.context.scene.camera = None
    play.activate(None)
    view().smoothing = 0.9
    assert play.tasks == []
    assert not bpy.ops.nlf.solve.poll()
    assert "Select a person" in panel_drawing.drawn(NLF_PT_motion)
    assert SOLVE not in panel_drawing.drawn(NLF_PT_motion)


def test_a_solve_of_what_is_not_there_any_more_is_told(play: Play) -> None:
    scene = bpy.context.scene
    assert importing.update_now(scene, [play.folder], UpdateOptions()) == []
    collection = play.rigs[3].users_collection[0]
    parent = next(c for c in bpy.data.collections if collection.name in c.children)
    bpy.data.collections.remove(parent)
    [note] = importing.update_now(scene, [play.folder], UpdateOptions())
    assert play.folder.stem in note and "Import Take" in note

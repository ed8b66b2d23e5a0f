# SPDX-License-Identifier: GPL-3.0-or-later
"""The people of a take: shown, chosen, corrected."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import panel_drawing
import pytest
from take_play import Play, view

import nlf_blender
from nlf_blender.bridge.queue import Stand
from nlf_blender.bridge.task import SOLVE
from nlf_blender.protocol.edits import DROP, KEEP, MERGE, RENAME, SPLIT, Edit
from nlf_blender.ui.jobs.runtime import RUNTIME
from nlf_blender.ui.take import people_list
from nlf_blender.ui.take.people_list import THUMBNAILS, NLF_PT_people
from nlf_blender.ui.take.take_properties import active_person


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    nlf_blender.register()
    yield Play(tmp_path / "walk.take", monkeypatch)
    nlf_blender.unregister()


def test_the_list_has_the_people_of_the_take(play: Play) -> None:
    assert [(item.person, item.name, item.kept) for item in view().people] == [
        (3, "Anna", True),
        (8, "Bert", True),
        (9, "Person 9", False),
    ]
    shown = panel_drawing.drawn(NLF_PT_people)
    assert "NLF_UL_take_people" in shown
    assert "Frames 6 to 40" in shown  # of the scene, which begins at 1
    assert "0 edits" in shown


def test_selecting_a_rig_makes_its_person_active(play: Play) -> None:
    assert view().person_index == 0
    play.activate(play.rigs[8])
    assert view().person_index == 1
    play.activate(play.camera)
    assert view().person_index == -1
    assert panel_drawing.drawn(NLF_PT_people).count("NLF_UL_take_people") == 1


def test_a_click_in_the_list_selects_the_rig(play: Play) -> None:
    view().person_index = 1
    assert bpy.context.object == play.rigs[8]
    assert bpy.context.selected_objects == [play.rigs[8]]
    view().person_index = 2  # who has no rig
    assert active_person(bpy.context) == 9
    play.activate(play.rigs[3])
    assert view().person_index == 0


def test_edits_of_one_take_add_up_until_they_are_solved(play: Play) -> None:
    view().people[0].name = " Ann "
    view().people[2].kept = True
    view().people[1].kept = False
    expected = (Edit(RENAME, 3, name="Ann"), Edit(KEEP, 9), Edit(DROP, 8))
    assert play.edits_asked() == expected
    assert play.settings_asked() == play.solution.settings
    assert {task.command for task in play.tasks} == {SOLVE}
    assert {task.take for task in play.tasks} == {play.folder}
    assert [(item.name, item.kept) for item in view().people] == [
        ("Ann", True),
        ("Bert", False),
        ("Person 9", True),
    ]


def test_what_failed_is_not_wanted_any_more(play: Play) -> None:
    view().people[0].name = "Ann"
    assert view().people[0].name == "Ann"
    play.end(Stand.FAILED)
    assert view().people[0].name == "Anna"
    view().people[1].kept = False
    assert play.edits_asked() == (Edit(DROP, 8),)


def test_new_edits_follow_those_of_the_take(play: Play) -> None:
    old = Edit(MERGE, 3, other=4)
    play.write_edits(old)
    view().people[1].kept = False
    assert play.edits_asked() == (old, Edit(DROP, 8))
    play.end()
    play.write_edits(old, Edit(DROP, 8))
    assert bpy.ops.nlf.undo_edit() == {"FINISHED"}
    assert play.edits_asked() == (old,)


def test_nothing_to_undo(play: Play) -> None:
    assert not bpy.ops.nlf.undo_edit.poll()


def test_the_same_name_and_no_name_are_no_edits(play: Play) -> None:
    view().people[0].name = "Anna"
    view().people[0].name = "  "
    view().people[0].kept = True
    assert play.tasks == []


def test_merge_selected_rigs_into_the_active_person(play: Play) -> None:
    play.rigs[8].select_set(True)
    assert bpy.ops.nlf.merge_people() == {"FINISHED"}
    assert play.edits_asked() == (Edit(MERGE, 3, other=8),)
    play.activate(play.rigs[3])
    assert bpy.ops.nlf.merge_people() == {"CANCELLED"}


def test_merge_by_name(play: Play) -> None:
    assert bpy.ops.nlf.merge_people(other=9) == {"FINISHED"}
    assert play.edits_asked() == (Edit(MERGE, 3, other=9),)


def test_split_at_the_current_frame(play: Play) -> None:
    scene = bpy.context.scene
    scene.frame_set(scene.frame_start + 12)  # the take's first frame is the source's
    assert bpy.ops.nlf.split_person() == {"FINISHED"}
    assert play.edits_asked() == (Edit(SPLIT, 3, frame=12),)


def test_split_where_there_is_nobody(play: Play) -> None:
    scene = bpy.context.scene
    scene.frame_set(scene.frame_start + 5)
    with pytest.raises(RuntimeError, match="Anna is seen from frame 6 to 40; this is frame 6"):
        bpy.ops.nlf.split_person()
    assert play.tasks == []
    assert RUNTIME.problem is not None
    assert RUNTIME.problem.command == SOLVE


def test_a_take_that_is_gone_says_so(play: Play) -> None:
    shutil.rmtree(play.folder)
    shown = " ".join(panel_drawing.drawn(NLF_PT_people).split())
    assert "is not there any more." in shown
    assert "import the take from where it is now" in shown
    assert not bpy.ops.nlf.merge_people.poll()
    assert not bpy.ops.nlf.split_person.poll()


def test_a_damaged_solution_says_so(play: Play) -> None:
    (play.folder / "solution" / "solution.json").write_text("{")
    assert "solution.json" in panel_drawing.drawn(NLF_PT_people).replace("\n", "")


def test_without_a_take_the_panel_says_what_to_select(play: Play) -> None:
    bpy.context.scene.camera = None
    play.activate(None)
    shown = " ".join(panel_drawing.drawn(NLF_PT_people).split())
    assert shown == "Select a person or a camera that was imported from footage"
    assert view().person_index == -1
    view().person_index = 1  # as a click on a list that is about to go
    assert bpy.context.object is None


def test_without_footage_there_are_no_panels(play: Play) -> None:
    assert NLF_PT_people.poll(bpy.context)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert not NLF_PT_people.poll(bpy.context)


def test_another_solution_renews_the_list(play: Play) -> None:
    play.write(people=play.solution.people[:1])
    panel_drawing.drawn(NLF_PT_people)
    assert bpy.app.timers.is_registered(people_list.sync)
    people_list.sync()
    assert [item.person for item in view().people] == [3]


def test_pictures_are_icons_and_are_freed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nlf_blender.register()
    play = Play(tmp_path / "walk.take", monkeypatch)
    image = bpy.data.images.new("picture", 8, 8)
    image.filepath_raw = str(play.folder / "solution" / "thumbnail_003.1.png")
    image.file_format = "PNG"
    image.save()
    first, *others = play.solution.people
    play.write(people=(replace(first, thumbnail="thumbnail_003.1.png"), *others))
    shown = panel_drawing.drawn(NLF_PT_people)
    assert "icon" in shown.split("\n") or bpy.app.background  # where icons have no number
    assert len(THUMBNAILS) == 1
    nlf_blender.unregister()
    assert len(THUMBNAILS) == 0

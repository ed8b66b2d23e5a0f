# SPDX-License-Identifier: GPL-3.0-or-later
"""A moved slider shows the new motion while the points of it are still written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import footage_fixtures as footage
import numpy as np
import panel_drawing
import pytest
import scene_fixtures
from take_play import FRAMES, add_chunk, view
from ui_play import Extension

from nlf_blender.body.body_data import BodyData
from nlf_blender.bridge.queue import Stand
from nlf_blender.protocol.solution import SOLUTION_FOLDER, read_solution, write_solution
from nlf_blender.scene import (
    FootageOptions,
    ImportOptions,
    ImportResult,
    UpdateOptions,
    import_take,
    motion_pieces,
    update_take,
)
from nlf_blender.ui.jobs.runtime import RUNTIME
from nlf_blender.ui.take import solve_requests
from nlf_blender.ui.take.motion_panel import NLF_PT_motion
from nlf_blender.ui.take.solve_requests import REQUESTS

MOST_SECONDS_A_TICK = 0.05
FRAME = 20  # of the source; that of the scene which shows it is one more


@dataclass
class Clip:
    """A take of one walker, and the same one solved again, whole and with its points still due."""

    body: BodyData
    before: footage.Walk
    after: footage.Walk
    take: Path
    due: Path
    whole: Path

    def row(self) -> int:
        """The row of FRAME."""
        return int(np.flatnonzero(FRAMES == FRAME)[0])


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    body = scene_fixtures.make_body()
    before = footage.walk(body, 1, FRAMES)
    after = replace(footage.walk(body, 2, FRAMES), betas=before.betas)
    take = footage.write_footage(tmp_path / "walk.take", body, {3: before})
    whole = footage.write_footage(tmp_path / "whole" / "walk.take", body, {3: after})
    due = footage.write_footage(tmp_path / "due" / "walk.take", body, {3: after}, points=False)
    solution = read_solution(due)
    write_solution(due / SOLUTION_FOLDER, replace(solution, points_due=True))
    for folder in (take, whole, due):
        add_chunk(folder)
    return Clip(body, before, after, take, due, whole)


def imported(take: Path) -> ImportResult:
    options = ImportOptions(footage=FootageOptions(start_frame=1), show_points=True)
    result = import_take(bpy.context.scene, take, options)
    bpy.context.view_layer.objects.active = result.people[0].rig
    bpy.context.scene.frame_set(1 + FRAME)
    return result


def hips() -> np.ndarray:
    """Where the active person's root joint is in the world."""
    rig = bpy.context.object.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array(rig.matrix_world @ rig.pose.bones[0].head)


def copied(source: Path, take: Path) -> None:
    """Let a take be solved as another one was."""
    folder = source / SOLUTION_FOLDER
    for path in sorted(folder.iterdir(), key=lambda path: path.name == "solution.json"):
        (take / SOLUTION_FOLDER / path.name).write_bytes(path.read_bytes())


def key_values(rig: bpy.types.Object) -> np.ndarray:
    """Each bone's quaternions at some frames of the range and around it."""
    found = []
    for frame in range(8, 30):
        bpy.context.scene.frame_set(frame)
        found.append([list(bone.rotation_quaternion) for bone in rig.pose.bones])
    return np.array(found)


@pytest.mark.parametrize("limits", [{}, {"first": 12, "last": 26, "blend": 4}])
def test_motion_then_points_is_the_same_as_both_at_once(clip: Clip, limits: dict) -> None:
    person = imported(clip.take).people[0]
    former = footage.mesh_points(person.points, 1 + FRAME)
    copied(clip.due, clip.take)
    scene = bpy.context.scene
    assert update_take(scene, clip.take, UpdateOptions(motion_only=True, **limits)) is not None
    bpy.context.view_layer.update()
    assert np.allclose(hips(), clip.after.root[clip.row()], atol=1e-3)
    assert np.array_equal(footage.mesh_points(person.points, 1 + FRAME), former)
    shown = key_values(person.rig)
    copied(clip.whole, clip.take)
    update_take(scene, clip.take, UpdateOptions(after_motion=True, **limits))
    assert np.array_equal(key_values(person.rig), shown)  # what leads over at a seam does it once
    expected = footage.world_points(clip.body, clip.after)[clip.row()]
    assert np.allclose(footage.mesh_points(person.points, 1 + FRAME), expected, atol=1e-5)


def test_an_undone_motion_comes_back_with_the_points(clip: Clip) -> None:
    person = imported(clip.take).people[0]
    former = key_values(person.rig)
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.ed.undo_push(message="something else")
    copied(clip.due, clip.take)
    update_take(bpy.context.scene, clip.take, UpdateOptions(motion_only=True))
    bpy.ops.ed.undo()
    rig = bpy.context.object
    assert np.array_equal(key_values(rig), former)
    copied(clip.whole, clip.take)
    update_take(bpy.context.scene, clip.take, UpdateOptions(after_motion=True))
    bpy.context.scene.frame_set(1 + FRAME)
    assert np.allclose(hips(), clip.after.root[clip.row()], atol=1e-3)


def test_whatever_happens_between_two_pieces_does_no_harm(clip: Clip) -> None:
    collection = imported(clip.take).collection.name
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.ed.undo_push(message="something else")
    copied(clip.due, clip.take)
    name, options = bpy.context.scene.name, UpdateOptions()

    def scene() -> bpy.types.Scene | None:
        return bpy.data.scenes.get(name)

    def pieces() -> Iterator[None]:
        return motion_pieces(scene, clip.take, clip.body, options)

    undone = pieces()
    next(undone)
    next(undone)  # the motion is prepared
    bpy.ops.ed.undo()
    assert list(undone) == []
    assert shows(clip.after, clip)
    removed = pieces()
    next(removed)
    bpy.data.objects.remove(bpy.context.object)
    next(removed)
    bpy.data.collections.remove(bpy.data.collections[collection])
    assert list(removed) == []
    bpy.context.scene.name = "Another"
    assert len(list(pieces())) == 2


@pytest.fixture
def extension(tmp_path: Path, clip: Clip) -> Iterator[Extension]:
    extension = Extension(tmp_path)
    extension.mode("good", motion_take=str(clip.due), footage_take=str(clip.whole))
    imported(clip.take)
    bpy.ops.ed.undo_push(message="before")
    yield extension
    extension.close()


def move_slider(value: float) -> None:
    """Move it, and let it rest."""
    view().smoothing = value
    solve_requests._gather()


def shows(walk: footage.Walk, clip: Clip) -> bool:
    return np.allclose(hips(), walk.root[clip.row()], atol=1e-3)


def test_a_slider_shows_the_motion_before_its_points(extension: Extension, clip: Clip) -> None:
    move_slider(0.9)
    extension.pump_until(lambda: shows(clip.after, clip))
    assert RUNTIME.job_active and REQUESTS.at_work(clip.take) is not None
    assert "Meshes and markers do not" not in panel_drawing.drawn(NLF_PT_motion)
    (clip.take / "go").touch()
    extension.pump_to_end()
    assert RUNTIME.problem is None
    points = next(o for o in bpy.data.objects if o.name.endswith("Points"))
    expected = footage.world_points(clip.body, clip.after)[clip.row()]
    assert np.allclose(footage.mesh_points(points, 1 + FRAME), expected, atol=1e-5)
    bpy.ops.ed.undo()
    assert shows(clip.before, clip)  # one step for both
    bpy.ops.ed.redo()
    assert shows(clip.after, clip)
    assert extension.slowest < MOST_SECONDS_A_TICK


def test_a_job_cancelled_between_keeps_the_motion_as_a_step(
    extension: Extension, clip: Clip
) -> None:
    move_slider(0.9)
    extension.pump_until(lambda: shows(clip.after, clip))
    bpy.ops.nlf.cancel()
    extension.pump_to_end()
    assert shows(clip.after, clip)
    assert "Meshes and markers do not" in panel_drawing.drawn(NLF_PT_motion)
    bpy.ops.ed.undo()
    assert shows(clip.before, clip)


def test_a_newer_setting_does_not_wait_for_points(extension: Extension, clip: Clip) -> None:
    move_slider(0.9)
    extension.pump_until(lambda: shows(clip.after, clip))
    first = RUNTIME.queue.current
    move_slider(0.4)
    assert "Waits for" not in panel_drawing.drawn(NLF_PT_motion)
    extension.pump_until(lambda: RUNTIME.queue.current not in (None, first))
    assert first is not None and first.stand is Stand.CANCELLED
    (clip.take / "go").touch()
    extension.pump_to_end()
    assert REQUESTS.at_work(clip.take) is None and RUNTIME.problem is None
    bpy.ops.ed.undo()
    assert shows(clip.before, clip)

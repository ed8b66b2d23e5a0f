# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers of other programs in the scene: where they are in which frame, gaps, rates, people."""

from __future__ import annotations

from dataclasses import replace

import bpy
import footage_fixtures as footage
import numpy as np
import pytest

from nlf_blender.errors import UserError
from nlf_blender.protocol.marker_motion import MarkerMotion, MarkerTrack
from nlf_blender.scene.markers import motion_import
from nlf_blender.scene.markers.motion_import import MotionOptions, import_motion

pytestmark = pytest.mark.usefixtures("marker_properties")

LABELS = ("nose", "wrist.L", "C7")
FRAMES, RATE = 12, 30 / 1.001


def person(name: str, seed: int = 0) -> MarkerTrack:
    """Somebody whose first marker is away in frames 4 to 6, and whose last is never there."""
    rng = np.random.default_rng(seed)
    positions = rng.uniform(-2, 2, (FRAMES, 3, 3)).astype(np.float32)
    positions[4:7, 0] = positions[:, 2] = np.nan
    uncertainty = rng.uniform(0.01, 0.1, (FRAMES, 3)).astype(np.float32)
    uncertainty[np.isnan(positions).any(axis=2)] = np.nan
    colors = np.array([[1, 0.5, 0.25], [-1, -1, -1], [-1, -1, -1]], dtype=np.float32)
    return MarkerTrack(name, LABELS, positions, uncertainty, ("head", "", ""), colors)


def motion(*people: MarkerTrack) -> MarkerMotion:
    """A motion that begins late."""
    return MarkerMotion("Some Set", "walk.c3d", RATE, 2.0, people or (person("Ann"),), ("Look.",))


def place(obj: bpy.types.Object, frame: float) -> np.ndarray:
    """Where an object is in the world in a scene frame."""
    graph = footage.set_frame(bpy.context.scene, frame)
    return np.array(obj.evaluated_get(graph).matrix_world.translation)


def is_shown(obj: bpy.types.Object, frame: int) -> bool:
    """Whether an object is there in a scene frame."""
    graph = footage.set_frame(bpy.context.scene, frame)
    evaluated = obj.evaluated_get(graph)
    assert evaluated.hide_viewport == evaluated.hide_render
    return not evaluated.hide_viewport


def test_markers_move_and_vanish() -> None:
    scene, made = bpy.context.scene, motion()
    scene.frame_start = 101
    result = import_motion(scene, made)
    assert [obj.name for obj in result.markers] == list(LABELS)
    assert [obj.nlf_marker.name for obj in result.collection.objects] == list(LABELS)
    nose, wrist, c7 = result.markers
    track = made.people[0]
    for frame in (0, 3, 7, 11):
        np.testing.assert_allclose(place(nose, 101 + frame), track.positions[frame, 0], atol=1e-6)
        np.testing.assert_allclose(place(wrist, 101 + frame), track.positions[frame, 1], atol=1e-6)
    shown = [is_shown(nose, 101 + frame) for frame in range(FRAMES)]
    assert shown == [True] * 4 + [False] * 3 + [True] * 5
    assert is_shown(wrist, 105) and not is_shown(c7, 101) and not is_shown(c7, 108)
    graph = footage.set_frame(scene, 103)
    assert wrist.evaluated_get(graph)["nlf_uncertainty"] == pytest.approx(track.uncertainty[2, 1])
    assert nose.nlf_marker.group == "head"
    assert tuple(nose.color) == (1.0, 0.5, 0.25, 1.0)
    assert (scene.frame_start, scene.frame_end) == (101, 112)
    assert scene.render.fps / scene.render.fps_base == pytest.approx(RATE)
    assert result.notes[0] == "Look." and "now has 29.97" in result.notes[1]


def test_a_scene_that_keeps_its_rate() -> None:
    scene, made = bpy.context.scene, replace(motion(), rate=100.0)
    result = import_motion(scene, made, MotionOptions(start_frame=11, set_rate=False))
    assert scene.render.fps == 24
    wrist = result.markers[1]
    for frame in (0, 5, 11):  # scene frames between whole ones
        expected = made.people[0].positions[frame, 1]
        np.testing.assert_allclose(place(wrist, 11 + frame * 0.24), expected, atol=1e-4)
    assert "keeps its 24 frames a second" in result.notes[1]


def test_people_of_one_file() -> None:
    made = motion(person("Ann"), person("Bob", 1))
    result = import_motion(bpy.context.scene, made)
    assert [child.name for child in result.collection.children] == ["Ann", "Bob"]
    bob = result.collection.children["Bob"].objects
    assert [obj.nlf_marker.name for obj in bob] == list(LABELS)  # objects cannot share names
    wrist = next(obj for obj in bob if obj.nlf_marker.name == "wrist.L")
    expected = made.people[1].positions[5, 1]
    np.testing.assert_allclose(place(wrist, 6), expected, atol=1e-6)


def test_nothing_remains_of_a_failed_import(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = bpy.context.scene

    def fail(*_: object) -> None:
        raise RuntimeError("no")

    before = (len(bpy.data.objects), len(bpy.data.actions), len(bpy.data.collections))
    with monkeypatch.context() as patch:
        calls = iter([motion_import.make_animated_marker, fail])
        patch.setattr(motion_import, "make_animated_marker", lambda *a: next(calls)(*a))
        with pytest.raises(RuntimeError):
            import_motion(scene, motion())
    monkeypatch.setattr(motion_import, "MOST_MARKERS", 2)
    with pytest.raises(UserError, match=r"walk\.c3d has 3 markers"):
        import_motion(scene, motion())
    after = (len(bpy.data.objects), len(bpy.data.actions), len(bpy.data.collections))
    assert after == before and scene.render.fps == 24

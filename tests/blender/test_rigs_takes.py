# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs of artists through takes: from the panel to the person's motion in the scene."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import footage_fixtures as footage
import numpy as np
import panel_drawing
import pytest
import rig_fixtures as rigs
import scene_fixtures as fixtures
import set_fixtures as sets
from mathutils import Matrix
from ui_play import Extension

from nlf_blender.body.conventions import BLENDER_FROM_CAMERA
from nlf_blender.protocol.motion_files import write_rig
from nlf_blender.protocol.point_set import RIG
from nlf_blender.protocol.solution import (
    SOLUTION_FOLDER,
    SetFiles,
    read_solution,
    write_solution,
)
from nlf_blender.protocol.take_sets import RIG_FILE, take_sets
from nlf_blender.scene import FootageOptions, ImportOptions, import_take
from nlf_blender.scene.markers.point_sets import gather, owners
from nlf_blender.scene.photo_ground import find_ground
from nlf_blender.scene.take_people import read_take
from nlf_blender.ui.jobs.runtime import RUNTIME
from nlf_blender.ui.markers.rig_panel import OUTDATED, NLF_PT_marker_rig

FRAMES = 5
START = 7


@pytest.fixture
def extension(tmp_path: Path) -> Iterator[Extension]:
    played = Extension(tmp_path)
    yield played
    played.close()


@pytest.fixture
def rig(extension: Extension) -> bpy.types.Object:
    """A rig with one root in the canonical body, the active object."""
    body = rigs.add_body()
    made = rigs.add_mpfb(body)
    bpy.context.view_layer.objects.active = made
    bpy.ops.object.mode_set(mode="EDIT")
    made.data.edit_bones["head"].parent = made.data.edit_bones["neck01"]
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.view_layer.update()
    return made


def canonical(rig: bpy.types.Object) -> bpy.types.Object:
    return rig.nlf_points.body


def solved(rig: bpy.types.Object, scale: float = 1.2) -> tuple[object, rigs.KnownMotion]:
    """Mark the rig, and what a solve of its set is to find."""
    assert bpy.ops.nlf.add_rig() == {"FINISHED"}
    points = gather(bpy.context.scene, rig).points
    return points, rigs.known_motion(rig, canonical(rig), points.rig, FRAMES, scale)


def footage_with(tmp_path: Path, points: object, known: rigs.KnownMotion) -> Path:
    body = fixtures.make_body()
    take = footage.write_footage(
        tmp_path / "a.take", body, {3: footage.walk(body, 1, np.arange(FRAMES))}
    )
    sets.write_set(take, points)
    folder, solution = take / SOLUTION_FOLDER, read_solution(take)
    count = len(points.points)
    np.save(folder / "set_r.npy", np.zeros((FRAMES, count, 3), dtype=np.float32))
    np.save(folder / "doubt_r.npy", np.zeros((FRAMES, count), dtype=np.float32))
    rate = 30000 / 1001
    write_rig(folder / "rig_r.npz", {**known.motion, "time": np.arange(FRAMES) / rate})
    person = solution.people[0]
    files = SetFiles(points.slug, "set_r.npy", "doubt_r.npy", "rig_r.npz")
    write_solution(folder, replace(solution, people=(replace(person, sets=(files,)),)))
    return take


def worst_place(rig: bpy.types.Object, names: tuple[str, ...], wanted: np.ndarray) -> float:
    places = rigs.bone_matrices(rig, names)[:, :3, 3]
    return float(np.linalg.norm(places - wanted, axis=1).max())


def test_a_rig_of_a_clip_moves_with_its_person(rig: bpy.types.Object, tmp_path: Path) -> None:
    points, known = solved(rig)
    take = footage_with(tmp_path, points, known)
    options = ImportOptions(footage=FootageOptions(start_frame=START))
    result = import_take(bpy.context.scene, take, options)
    assert [note for note in result.notes if "MPFB was solved for Person 3" in note]
    person = result.people[0].rig
    placed = Matrix.Translation((1.0, 2.0, 0.5)) @ Matrix.Rotation(0.7, 4, "Z")
    person.matrix_world = placed  # by the artist
    bpy.context.view_layer.update()
    bpy.context.view_layer.objects.active = rig
    assert bpy.ops.nlf.apply_rig() == {"FINISHED"}
    matrix = np.array(placed)
    for row in range(FRAMES):
        bpy.context.scene.frame_set(START + row)
        wanted = known.matrices[row, :, :3, 3] @ matrix[:3, :3].T + matrix[:3, 3]
        assert worst_place(rig, points.rig.joint_names, wanted) < 1e-3
    assert RUNTIME.problem is None


def says_outdated() -> bool:
    return OUTDATED in panel_drawing.drawn(NLF_PT_marker_rig).replace("\n", " ")


def test_the_panel_tells_when_the_motion_was_solved_again(
    rig: bpy.types.Object, tmp_path: Path
) -> None:
    points, known = solved(rig)
    take = footage_with(tmp_path, points, known)
    import_take(bpy.context.scene, take, ImportOptions())
    bpy.context.view_layer.objects.active = rig
    assert not says_outdated()
    bpy.ops.nlf.apply_rig()
    first = rig.animation_data.action
    assert not says_outdated()
    folder, solution = take / SOLUTION_FOLDER, read_solution(take)
    (folder / "rig_r.npz").rename(folder / "rig_again.npz")
    person = solution.people[0]
    files = replace(person.sets[0], rig="rig_again.npz")
    write_solution(folder, replace(solution, people=(replace(person, sets=(files,)),)))
    assert says_outdated()
    bpy.ops.nlf.apply_rig()
    assert not says_outdated()
    rig.animation_data.action = first  # chosen again by the artist
    assert says_outdated()


def test_in_place_leaves_the_way_out(rig: bpy.types.Object, tmp_path: Path) -> None:
    points, known = solved(rig)
    take = footage_with(tmp_path, points, known)
    options = ImportOptions(footage=FootageOptions(start_frame=START, in_place=True))
    import_take(bpy.context.scene, take, options)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.nlf.apply_rig()
    body = fixtures.make_body()
    way = footage.motion_of(
        body, footage.walk(body, 1, np.arange(FRAMES)), np.arange(FRAMES) * 1001 / 30000
    )["root"]
    bpy.context.scene.frame_set(START + FRAMES - 1)
    wanted = known.matrices[-1, :, :3, 3] - (way[-1] - way[0]) * (1.0, 1.0, 0.0)
    assert worst_place(rig, points.rig.joint_names, wanted) < 1e-3


def test_a_rig_of_a_photo_is_posed_where_its_person_is(
    rig: bpy.types.Object, tmp_path: Path
) -> None:
    points, known = solved(rig)
    body = fixtures.make_body()
    fits = [fixtures.random_fit(body, seed) for seed in (1, 2)]
    take = fixtures.write_take(tmp_path / "b.take", body, fits)
    count = len(points.points)
    zeros = np.zeros((2, count, 3), dtype=np.float32), np.zeros((2, count), dtype=np.float32)
    sets.add_to_photo(take, points, *zeros)
    folder = take / "sets" / next(iter(take_sets(take)))
    write_rig(folder / RIG_FILE, {name: values[:2] for name, values in known.motion.items()})
    result = import_take(bpy.context.scene, take, ImportOptions())
    bpy.context.view_layer.objects.active = rig
    rig.nlf_rig.person = result.people[1].rig
    bpy.context.scene.frame_set(31)
    assert bpy.ops.nlf.apply_rig() == {"FINISHED"}
    bpy.context.view_layer.update()
    places = known.matrices[1, :, :3, 3] @ BLENDER_FROM_CAMERA.T
    places[:, 2] += find_ground(read_take(take)).height
    assert worst_place(rig, points.rig.joint_names, places) < 1e-3
    assert rig.animation_data.action.frame_range[0] == 31


def test_the_panel_and_what_it_refuses(rig: bpy.types.Object) -> None:
    assert "nlf.add_rig" in panel_drawing.drawn(NLF_PT_marker_rig)
    rig.location.x += 1.5
    bpy.context.view_layer.update()
    with pytest.raises(RuntimeError, match="does not stand in the canonical body"):
        bpy.ops.nlf.add_rig()
    assert not rig.nlf_points.is_set and RUNTIME.problem is not None
    rig.location.x -= 1.5
    bpy.context.view_layer.update()
    bpy.ops.nlf.add_rig()
    assert rig in owners(bpy.context.scene)
    assert gather(bpy.context.scene, rig).points.kind == RIG
    before = gather(bpy.context.scene, rig).points
    rig.pose.bones["upperarm01.L"].rotation_quaternion = (0.9, 0.3, 0.3, 0.0)
    rig.location.x += 3.0  # as when it plays a motion
    bpy.context.view_layer.update()
    np.testing.assert_array_equal(gather(bpy.context.scene, rig).points.points, before.points)
    assert "nlf.remove_rig" in panel_drawing.drawn(NLF_PT_marker_rig)
    with pytest.raises(RuntimeError, match="Nobody chosen"):
        bpy.ops.nlf.apply_rig()
    bpy.ops.nlf.remove_rig()
    assert rig not in owners(bpy.context.scene)

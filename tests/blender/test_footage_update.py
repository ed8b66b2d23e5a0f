# SPDX-License-Identifier: GPL-3.0-or-later
"""A take that was solved again is renewed in place; what the artist made stays."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import bpy
import footage_fixtures as footage
import numpy as np
import pytest
import scene_fixtures as fixtures

from nlf_blender.body.body_data import BodyData
from nlf_blender.errors import UserError
from nlf_blender.protocol.cameras import write_cameras
from nlf_blender.protocol.take import CAMERAS_FILE
from nlf_blender.scene import (
    FootageOptions,
    ImportOptions,
    ImportResult,
    RigOptions,
    UpdateOptions,
    add_layer,
    import_take,
    solved_action,
    update_take,
)

EXACT_METRES = 1e-4
FRAMES = np.arange(40)
TIMES = np.arange(2000) / footage.NTSC_RATE


@pytest.fixture(scope="module")
def body() -> BodyData:
    return fixtures.make_body()


def imported(
    take: Path, rig: RigOptions | None = None, camera: bool = True, **options: object
) -> ImportResult:
    wanted = ImportOptions(
        rig=rig or RigOptions(), footage=FootageOptions(start_frame=1, **options), show_points=True
    )
    result = import_take(bpy.context.scene, take, wanted)
    bpy.context.view_layer.update()
    return result


def solved_again(take: Path, body: BodyData, people: dict[int, footage.Walk], **names: str) -> None:
    footage.write_people(
        take,
        body,
        people,
        footage.footage_info(),
        TIMES,
        {int(key.removeprefix("p")): name for key, name in names.items()},
    )


def updated(take: Path, **options: object) -> ImportResult:
    result = update_take(bpy.context.scene, take, UpdateOptions(**options))
    assert result is not None
    bpy.context.view_layer.update()
    return result


def truth_of(body: BodyData, person: footage.Walk) -> np.ndarray:
    return footage.world_joints(body, person)[:, :, :3, 3]


def datablock_counts() -> dict[str, int]:
    kinds = [p.identifier for p in bpy.data.bl_rna.properties if p.type == "COLLECTION"]
    return {kind: len(getattr(bpy.data, kind)) for kind in kinds}


def other(body: BodyData, person: footage.Walk) -> footage.Walk:
    """The same person, who moves differently."""
    moved = footage.walk(body, 7, person.frames)
    return replace(moved, betas=person.betas)


@pytest.mark.parametrize("root_bone", [False, True])
def test_rigs_points_and_names_are_renewed(tmp_path: Path, body: BodyData, root_bone: bool) -> None:
    first = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: first})
    before = imported(take, root_bone=root_bone).people[0]
    counts, action = datablock_counts(), before.rig.animation_data.action
    second = other(body, first)
    solved_again(take, body, {3: second}, p3="Anna")
    footage.set_frame(bpy.context.scene, 21)
    after = updated(take).people[0]
    assert (after.rig, after.body, after.points) == (before.rig, before.body, before.points)
    assert after.rig.animation_data.action == action and datablock_counts() == counts
    shown = after.rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    place = np.array(shown.pose.bones["Pelvis"].head)  # without another change of the frame
    np.testing.assert_allclose(place, second.root[20], atol=EXACT_METRES)
    truth = truth_of(body, second)
    for frame in (0, 39):
        found = footage.rig_joints(after.rig, body, 1 + frame)
        np.testing.assert_allclose(found, truth[frame], atol=EXACT_METRES)
    expected = footage.world_points(body, second)[20]
    np.testing.assert_allclose(footage.mesh_points(after.points, 21), expected, atol=1e-5)
    names = [after.collection.name, after.rig.name, after.body.name, after.points.name]
    assert names == ["Anna", "Anna Rig", "Anna Body", "Anna Points"]


def test_the_artists_names_stay(tmp_path: Path, body: BodyData) -> None:
    first = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: first})
    person = imported(take).people[0]
    person.rig.name = "Hero"
    solved_again(take, body, {3: first}, p3="Anna")
    updated(take)
    assert (person.rig.name, person.body.name) == ("Hero", "Anna Body")


@pytest.mark.parametrize("rest", ["T", "A"])
def test_a_new_shape_moves_bones_and_mesh(tmp_path: Path, body: BodyData, rest: str) -> None:
    first = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: first})
    options = RigOptions(rest_pose=rest)
    imported(take, options, root_bone=True)
    second = replace(first, betas=first.betas[::-1] * 0.5)
    solved_again(take, body, {3: second})
    after = updated(take).people[0]
    found = footage.rig_joints(after.rig, body, 21)
    np.testing.assert_allclose(found, truth_of(body, second)[20], atol=EXACT_METRES)
    fresh = imported(take, options, root_bone=True).people[0]
    meshes = [footage.mesh_points(person.body, 21) for person in (after, fresh)]
    np.testing.assert_allclose(*meshes, atol=EXACT_METRES)
    heads = [np.array([b.head_local for b in p.rig.data.bones]) for p in (after, fresh)]
    np.testing.assert_allclose(*heads, atol=1e-5)


def test_people_come_go_and_come_back(tmp_path: Path, body: BodyData) -> None:
    people = {number: footage.walk(body, number, FRAMES) for number in (1, 2, 5)}
    take = footage.write_footage(tmp_path / "a.take", body, {1: people[1], 2: people[2]})
    second = imported(take).people[1]
    solved_again(take, body, {1: people[1], 5: people[5]})
    result = updated(take)
    assert [person.track for person in result.people] == [1, 5]
    found = footage.rig_joints(result.people[1].rig, body, 21)
    np.testing.assert_allclose(found, truth_of(body, people[5])[20], atol=EXACT_METRES)
    for obj in (second.rig, second.body, second.points):
        assert obj.hide_render and obj.hide_get()
    solved_again(take, body, people)
    result = updated(take)
    assert result.people[1].rig == second.rig and len(result.people) == 3
    for obj in (second.rig, second.body, second.points):
        assert not obj.hide_render and not obj.hide_get()


def test_what_the_artist_deleted_stays_deleted(tmp_path: Path, body: BodyData) -> None:
    people = {number: footage.walk(body, number, FRAMES) for number in (1, 2)}
    take = footage.write_footage(tmp_path / "a.take", body, people)
    result = imported(take)
    bpy.data.objects.remove(result.people[0].points)
    bpy.data.objects.remove(result.people[1].rig)
    bpy.data.objects.remove(result.camera)
    after = updated(take)
    assert [(person.track, person.points) for person in after.people] == [(1, None)]
    assert after.camera is None


def test_copies_are_not_taken_for_the_original(tmp_path: Path, body: BodyData) -> None:
    first = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: first})
    rig = imported(take).people[0].rig
    copy = rig.copy()
    copy.animation_data_clear()
    bpy.context.scene.collection.objects.link(copy)
    solved_again(take, body, {3: other(body, first)})
    assert updated(take).people[0].rig == rig and copy.animation_data is None


def test_a_take_of_another_scene_is_none_of_this_one(tmp_path: Path, body: BodyData) -> None:
    take = footage.write_footage(tmp_path / "a.take", body, {3: footage.walk(body, 1, FRAMES)})
    assert update_take(bpy.context.scene, take) is None
    imported(take)
    assert update_take(bpy.data.scenes.new("Other"), take) is None


def test_a_damaged_solution_changes_nothing(tmp_path: Path, body: BodyData) -> None:
    first = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: first})
    rig = imported(take).people[0].rig
    (take / "solution" / "solution.json").write_text("{")
    with pytest.raises(UserError):
        update_take(bpy.context.scene, take)
    found = footage.rig_joints(rig, body, 21)
    np.testing.assert_allclose(found, truth_of(body, first)[20], atol=EXACT_METRES)


def test_a_moved_static_camera_is_followed(tmp_path: Path, body: BodyData) -> None:
    first = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: first})
    camera = imported(take).camera
    camera.location.z = 7.0
    assert updated(take).camera == camera
    assert abs(camera.matrix_world.translation.z - 1.6) < 1e-6


def test_a_range_is_replaced_and_leads_over_at_its_seams(tmp_path: Path, body: BodyData) -> None:
    first = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: first})
    rig = imported(take).people[0].rig
    second = replace(first, root=first.root + np.array([0.0, 0.0, 0.3]), pose=first.pose + 0.1)
    second.pose[:, 0] = first.pose[:, 0]
    solved_again(take, body, {3: second})
    updated(take, first=11, last=30, blend=4)
    old, new = truth_of(body, first), truth_of(body, second)
    for frame in (1, 10, 31, 40):
        found = footage.rig_joints(rig, body, frame)
        np.testing.assert_allclose(found, old[frame - 1], atol=EXACT_METRES)
    for frame in (15, 20, 26):
        found = footage.rig_joints(rig, body, frame)
        np.testing.assert_allclose(found, new[frame - 1], atol=EXACT_METRES)
    heights = [footage.rig_joints(rig, body, f)[0, 2] - old[f - 1, 0, 2] for f in range(10, 17)]
    assert (np.diff(heights) >= -1e-5).all() and np.diff(heights).max() < 0.12


def hand_key(rig: bpy.types.Object, frame: int, height: float) -> None:
    """What an artist does: move the pelvis and press I."""
    footage.set_frame(bpy.context.scene, frame)
    bone = rig.pose.bones["Pelvis"]
    bone.location.z += height
    bone.keyframe_insert("location")


def test_hand_keys_stay_and_new_keys_lean_to_them(tmp_path: Path, body: BodyData) -> None:
    first = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: first})
    rig = imported(take).people[0].rig
    hand_key(rig, 20, 0.5)
    wanted = footage.rig_joints(rig, body, 20)[0]
    second = replace(first, root=first.root + np.array([0.2, 0.0, 0.0]))
    solved_again(take, body, {3: second})
    updated(take, blend=3)
    new = truth_of(body, second)[:, 0]
    np.testing.assert_allclose(footage.rig_joints(rig, body, 20)[0], wanted, atol=EXACT_METRES)
    np.testing.assert_allclose(footage.rig_joints(rig, body, 16)[0], new[15], atol=EXACT_METRES)
    near = np.linalg.norm(footage.rig_joints(rig, body, 19)[0] - new[18])
    assert 0.2 < near < 0.5
    updated(take, keep_keys=False)
    np.testing.assert_allclose(footage.rig_joints(rig, body, 20)[0], new[19], atol=EXACT_METRES)


def test_a_layer_is_never_touched_by_a_solve(tmp_path: Path, body: BodyData) -> None:
    first = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: first})
    rig = imported(take).people[0].rig
    solved = rig.animation_data.action
    layer = add_layer(rig)
    np.testing.assert_allclose(
        footage.rig_joints(rig, body, 21), truth_of(body, first)[20], atol=EXACT_METRES
    )
    assert solved_action(rig) == solved and rig.animation_data.action == layer
    footage.set_frame(bpy.context.scene, 20)
    bone = rig.pose.bones["Pelvis"]
    bone.location.y += 0.25
    bone.keyframe_insert("location")
    raised = footage.rig_joints(rig, body, 21) - truth_of(body, first)[20]
    np.testing.assert_allclose(np.linalg.norm(raised, axis=1), 0.25, atol=1e-3)
    second = other(body, first)
    solved_again(take, body, {3: second})
    updated(take)
    again = footage.rig_joints(rig, body, 21) - truth_of(body, second)[20]
    np.testing.assert_allclose(again, raised, atol=1e-3)
    assert rig.animation_data.action == layer
    with pytest.raises(UserError):
        add_layer(rig)


def test_a_longer_take_makes_everything_longer(tmp_path: Path, body: BodyData) -> None:
    whole = footage.walk(body, 1, np.arange(80))
    short = replace(whole, frames=whole.frames[:40], pose=whole.pose[:40], root=whole.root[:40])
    take = footage.write_footage(tmp_path / "a.take", body, {3: short})
    person = imported(take).people[0]
    add_layer(person.rig)
    solved_again(take, body, {3: whole})
    updated(take)
    found = footage.rig_joints(person.rig, body, 75)
    np.testing.assert_allclose(found, truth_of(body, whole)[74], atol=EXACT_METRES)
    found = footage.mesh_points(person.points, 75)
    np.testing.assert_allclose(found, footage.world_points(body, whole)[74], atol=1e-5)


def test_a_camera_follows_in_the_parent_that_moves_everything(
    tmp_path: Path, body: BodyData
) -> None:
    take = footage.write_footage(tmp_path / "a.take", body, {3: footage.walk(body, 1, FRAMES)})
    result = imported(take)
    parent = bpy.data.objects.new("Everything", None)
    bpy.context.scene.collection.objects.link(parent)
    objects = (result.camera, result.people[0].rig)
    for obj in objects:
        obj.parent = parent
    parent.location, parent.rotation_euler = (3.0, 0.0, 1.0), (0.0, 0.0, 1.0)
    bpy.context.view_layer.update()
    before = [np.array(obj.matrix_world) for obj in objects]
    updated(take)
    for obj, matrix in zip(objects, before, strict=True):
        np.testing.assert_allclose(np.array(obj.matrix_world), matrix, atol=1e-6)


def test_a_moving_cameras_lens_is_renewed(tmp_path: Path, body: BodyData) -> None:
    person, info = footage.walk(body, 1, FRAMES), footage.footage_info(moving=True)
    take = footage.write_footage(tmp_path / "a.take", body, {3: person}, info=info)
    camera = imported(take).camera
    longer = footage.moving_camera(np.arange(60))
    longer.intrinsics[:, 0, 0] *= 2.0
    longer.intrinsics[:, 1, 1] *= 2.0
    write_cameras(take / CAMERAS_FILE, longer)
    updated(take)
    for frame in (1, 31, 60):
        footage.set_frame(bpy.context.scene, frame)
        pixels = camera.data.lens / camera.data.sensor_width * info.source.width
        assert abs(pixels - longer.intrinsics[frame - 1, 0, 0]) < 0.01


def test_a_file_saved_elsewhere_finds_its_take(tmp_path: Path, body: BodyData) -> None:
    bpy.context.preferences.filepaths.save_version = 0
    (tmp_path / "first").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "first" / "shot.blend"))
    first = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "first" / "a.take", body, {3: first})
    imported(take)
    (tmp_path / "other" / "deep").mkdir(parents=True)
    elsewhere = tmp_path / "other" / "deep" / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(elsewhere))
    bpy.ops.wm.open_mainfile(filepath=str(elsewhere))
    points = next(obj for obj in bpy.data.objects if obj.name.endswith("Points"))
    expected = footage.world_points(body, first)[20]
    np.testing.assert_allclose(footage.mesh_points(points, 21), expected, atol=1e-5)
    second = other(body, first)
    solved_again(take, body, {3: second})
    after = updated(take).people[0]
    expected = footage.world_points(body, second)[20]
    np.testing.assert_allclose(footage.mesh_points(after.points, 21), expected, atol=1e-5)


def test_points_are_renewed_in_the_range_alone(tmp_path: Path, body: BodyData) -> None:
    first = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: first})
    points = imported(take).people[0].points
    second = replace(first, root=first.root + np.array([0.0, 0.0, 0.3]))
    solved_again(take, body, {3: second})
    updated(take, first=11, last=30, blend=4)
    before, after = footage.world_points(body, first), footage.world_points(body, second)
    for frame, expected in ((10, before), (31, before), (40, before), (15, after), (26, after)):
        found = footage.mesh_points(points, frame)
        np.testing.assert_allclose(found, expected[frame - 1], atol=1e-5)
    heights = [footage.mesh_points(points, f)[0, 2] - before[f - 1, 0, 2] for f in range(10, 17)]
    assert (np.diff(heights) >= -1e-5).all() and np.diff(heights).max() < 0.12
    updated(take)
    np.testing.assert_allclose(footage.mesh_points(points, 40), after[39], atol=1e-5)


def test_a_new_ground_renews_all_frames(tmp_path: Path, body: BodyData) -> None:
    first = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: first})
    result = imported(take)
    second = replace(first, root=first.root + np.array([0.0, 0.0, 0.3]))
    solved_again(take, body, {3: second})
    path = take / "solution" / "solution.json"
    data = json.loads(path.read_text())
    data["world_from_camera"][11] += 0.3
    path.write_text(json.dumps(data))
    notes = updated(take, first=11, last=30).notes
    assert any("all frames" in note for note in notes)
    found = footage.rig_joints(result.people[0].rig, body, 1)
    np.testing.assert_allclose(found, truth_of(body, second)[0], atol=EXACT_METRES)
    assert result.camera.location.z == pytest.approx(1.9)
    assert not updated(take, first=11, last=30).notes


def test_a_strip_that_the_artist_moved_stays_there(tmp_path: Path, body: BodyData) -> None:
    first = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: first})
    rig = imported(take).people[0].rig
    add_layer(rig)
    strip = rig.animation_data.nla_tracks[0].strips[0]
    strip.frame_end += 100
    strip.frame_start += 100
    second = other(body, first)
    solved_again(take, body, {3: second})
    updated(take)
    assert (strip.frame_start, strip.frame_end) == (101.0, 140.0)
    found = footage.rig_joints(rig, body, 121)
    np.testing.assert_allclose(found, truth_of(body, second)[20], atol=EXACT_METRES)

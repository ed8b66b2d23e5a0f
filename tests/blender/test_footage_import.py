# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage in the scene: rigs, bodies, points and cameras are where the solution says, in time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import footage_fixtures as footage
import numpy as np
import pytest
import scene_fixtures as fixtures
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from nlf_blender.body.body_data import BodyData
from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.errors import UserError
from nlf_blender.protocol.take import SourceInfo, read_info
from nlf_blender.scene import (
    FootageOptions,
    ImportOptions,
    ImportResult,
    RigOptions,
    import_take,
    person_id,
    source_frame,
    take_folder,
    takes_in,
)
from nlf_blender.scene.footage import import_footage as footage_import
from nlf_blender.scene.footage import mesh_cache
from nlf_blender.scene.footage import scene_time as footage_time

EXACT_METRES = 1e-4
FRAMES = np.arange(40)


@pytest.fixture(scope="module")
def body() -> BodyData:
    return fixtures.make_body()


def imported(take: Path, rig: RigOptions | None = None, **options: object) -> ImportResult:
    wanted = ImportOptions(rig=rig or RigOptions(), footage=FootageOptions(**options))
    result = import_take(bpy.context.scene, take, replace(wanted, show_points=True))
    bpy.context.view_layer.update()
    return result


@pytest.mark.parametrize("root_bone", [False, True])
@pytest.mark.parametrize("rest", ["T", "A"])
def test_rigs_follow_the_solution(
    tmp_path: Path, body: BodyData, root_bone: bool, rest: str
) -> None:
    person = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: person})
    options = RigOptions(rest_pose=rest, naming="BLENDER")
    result = imported(take, options, root_bone=root_bone, start_frame=11)
    scene, truth = bpy.context.scene, footage.world_joints(body, person)[:, :, :3, 3]
    assert (scene.render.fps, round(scene.render.fps_base, 4)) == (30, 1.001)
    assert (scene.frame_start, scene.frame_end) == (11, 50)
    for frame in (0, 7, 20, 39):
        found = footage.rig_joints(result.people[0].rig, body, 11 + frame)
        np.testing.assert_allclose(found, truth[frame], atol=EXACT_METRES)
    between = footage.rig_joints(result.people[0].rig, body, 18.5)
    assert np.abs(between - (truth[7] + truth[8]) / 2).max() < 0.02


def test_a_root_bone_lies_on_the_ground_and_carries_travel_and_heading(
    tmp_path: Path, body: BodyData
) -> None:
    person = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: person})
    rig = imported(take, root_bone=True, start_frame=0).people[0].rig
    for frame in (0, 13, 39):
        graph = footage.set_frame(bpy.context.scene, frame)
        bones = rig.evaluated_get(graph).pose.bones
        ground = bones["root"]
        np.testing.assert_allclose(ground.head, (*person.root[frame, :2], 0.0), atol=EXACT_METRES)
        np.testing.assert_allclose(ground.z_axis, (0, 0, 1), atol=1e-5)
        front = matrix_from_rotvec(person.pose[frame, 0]) @ (0.0, 0.0, 1.0)
        back = np.array(ground.y_axis)[:2]
        cosine = -back @ front[:2] / np.linalg.norm(front[:2])
        assert cosine > 0.95
        offset = np.array(ground.matrix.inverted() @ bones["Pelvis"].head)
        np.testing.assert_allclose(offset[:2], 0.0, atol=EXACT_METRES)


@pytest.mark.parametrize("root_bone", [False, True])
def test_in_place_leaves_the_travel_out_of_everything(
    tmp_path: Path, body: BodyData, root_bone: bool
) -> None:
    person = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: person})
    objects = imported(take, in_place=True, root_bone=root_bone, start_frame=0).people[0]
    travel = person.root - person.root[0]
    travel[:, 2] = 0.0
    truth = footage.world_joints(body, person)[:, :, :3, 3] - travel[:, None]
    points = footage.world_points(body, person) - travel[:, None]
    for frame in (0, 25):
        found = footage.rig_joints(objects.rig, body, frame)
        np.testing.assert_allclose(found, truth[frame], atol=EXACT_METRES)
        found = footage.mesh_points(objects.points, frame)
        np.testing.assert_allclose(found, points[frame], atol=EXACT_METRES)


def test_resampling_keys_whole_frames_at_the_right_moments(tmp_path: Path, body: BodyData) -> None:
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 48, 1.0
    person = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: person})
    objects = imported(take, time_mode="RESAMPLE", start_frame=5).people[0]
    assert scene.render.fps == 48
    action = objects.rig.animation_data.action
    assert action.frame_range[0] == 5 and action.frame_range[1] == 5 + np.floor(
        39 / 30 * 1.001 * 48
    )
    dense = footage.walk(body, 1, FRAMES)
    moments = (np.arange(5, 67) - 5) / 48 * footage.NTSC_RATE
    for scene_frame in (5, 13, 40, 67):
        moment = (scene_frame - 5) / 48 * footage.NTSC_RATE
        low = min(int(moment), 38)
        joints = footage.world_joints(body, dense)[:, 0, :3, 3]
        truth = joints[low] + (moment - low) * (joints[low + 1] - joints[low])
        found = footage.rig_joints(objects.rig, body, scene_frame)[0]
        np.testing.assert_allclose(found, truth, atol=EXACT_METRES)
        points = footage.world_points(body, person)
        expected = points[low] + (moment - low) * (points[low + 1] - points[low])
        np.testing.assert_allclose(
            footage.mesh_points(objects.points, scene_frame), expected, atol=EXACT_METRES
        )
    assert len(moments) == 62


def test_resampled_rotations_turn_at_even_speed(tmp_path: Path, body: BodyData) -> None:
    """Twice the rate: every second key is a frame of the clip, exactly, all joints."""
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 60, 1.001
    person = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: person})
    rig = imported(take, time_mode="RESAMPLE", start_frame=0).people[0].rig
    truth = footage.world_joints(body, person)[:, :, :3, 3]
    for frame in (0, 9, 39):
        found = footage.rig_joints(rig, body, 2 * frame)
        np.testing.assert_allclose(found, truth[frame], atol=EXACT_METRES)


def test_variable_frame_rates_keep_their_moments(tmp_path: Path, body: BodyData) -> None:
    gaps = np.random.default_rng(3).uniform(0.02, 0.06, 40)
    times = np.concatenate([[0.0], np.cumsum(gaps)])
    person = footage.walk(body, 1, FRAMES)
    info = footage.footage_info(
        SourceInfo("video", "/nowhere/a.mp4", "c" * 64, 640, 480, frame_count=40, fps=25.0)
    )
    take = footage.write_footage(tmp_path / "a.take", body, {3: person}, info=info, times=times)
    objects = imported(take, start_frame=1).people[0]
    truth = footage.world_joints(body, person)[:, :, :3, 3]
    for frame in (0, 11, 38):
        scene_frame = 1 + times[frame] * 25.0
        found = footage.rig_joints(objects.rig, body, scene_frame)
        np.testing.assert_allclose(found, truth[frame], atol=2e-3)  # frames have float precision
    points = footage.world_points(body, person)
    middle = 1 + int(times[20] * 25.0)
    moment = (middle - 1) / 25.0
    low = int(np.searchsorted(times, moment, side="right")) - 1
    share = (moment - times[low]) / (times[low + 1] - times[low])
    expected = points[low] + share * (points[low + 1] - points[low])
    found = footage.mesh_points(objects.points, middle)
    np.testing.assert_allclose(found, expected, atol=EXACT_METRES)


def test_points_play_from_their_cache_and_hold_at_its_ends(tmp_path: Path, body: BodyData) -> None:
    person = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: person})
    objects = imported(take, start_frame=1).people[0]
    truth = footage.world_points(body, person)
    for frame, row in ((1, 0), (15, 14), (40, 39), (300, 39), (-50, 0)):
        found = footage.mesh_points(objects.points, frame)
        np.testing.assert_allclose(found, truth[row], atol=1e-5)
    path = Path(objects.points.modifiers[0].filepath)
    assert path.parent == take / "cache" and list(path.parent.iterdir()) == [path]
    heat = objects.points.data.attributes["uncertainty"].data
    assert (round(heat[0].value, 4), round(heat[len(heat) - 1].value, 4)) == (0.01, 0.15)


def test_every_second_frame_of_a_clip_takes_no_more_space(tmp_path: Path, body: BodyData) -> None:
    person = footage.walk(body, 1, np.arange(0, 40, 2))
    info = footage.footage_info()
    info = replace(info, source=replace(info.source, step=2, frame_count=20))
    take = footage.write_footage(tmp_path / "a.take", body, {3: person}, info=info)
    objects = imported(take, start_frame=1).people[0]
    truth = footage.world_points(body, person)
    np.testing.assert_allclose(footage.mesh_points(objects.points, 9), truth[4], atol=1e-5)
    between = footage.mesh_points(objects.points, 10)
    np.testing.assert_allclose(between, (truth[4] + truth[5]) / 2, atol=1e-5)
    assert bpy.context.scene.frame_end == 39


def test_meshes_are_there_only_while_their_person_is(tmp_path: Path, body: BodyData) -> None:
    people = {1: footage.walk(body, 1, FRAMES), 2: footage.walk(body, 2, np.arange(10, 21))}
    take = footage.write_footage(tmp_path / "a.take", body, people)
    always, guest = imported(take, start_frame=1).people
    for frame, there in ((1, False), (10, False), (11, True), (21, True), (22, False), (90, False)):
        for obj in (guest.body, guest.points):
            assert bool(len(footage.mesh_points(obj, frame))) == there
        assert len(footage.mesh_points(always.body, frame))
    assert not guest.body.hide_render and guest.points.hide_get() is False


def test_uncertainty_is_animated_and_doubtful_ranges_are_marked(
    tmp_path: Path, body: BodyData
) -> None:
    take = footage.write_footage(tmp_path / "a.take", body, {3: footage.walk(body, 1, FRAMES)})
    result = imported(take, start_frame=1, timeline_markers=True)
    rig = result.people[0].rig
    for frame, seen in ((1, True), (21, False), (23, False), (24, True)):
        graph = footage.set_frame(bpy.context.scene, frame)
        evaluated = rig.evaluated_get(graph)
        assert bool(evaluated["nlf_evidence"]) == seen
        expected = np.linspace(0.02, 0.05, 40)[frame - 1]
        assert abs(evaluated["nlf_uncertainty"] - expected) < 1e-6
    marks = [(m.name, m.frame) for m in rig.animation_data.action.pose_markers]
    assert marks == [("Unsure", 21), ("Sure Again", 24)]
    timeline = [(m.name, m.frame) for m in bpy.context.scene.timeline_markers]
    assert timeline == [("Person 3: unsure", 21), ("Person 3: sure again", 24)]


@pytest.mark.parametrize("moving", [False, True])
def test_people_are_seen_where_they_were(tmp_path: Path, body: BodyData, moving: bool) -> None:
    person = footage.walk(body, 1, FRAMES)
    info = footage.footage_info(moving=moving)
    take = footage.write_footage(tmp_path / "a.take", body, {3: person}, info=info)
    result = imported(take, start_frame=1)
    scene = bpy.context.scene
    cameras = footage.moving_camera(FRAMES)
    for frame in (0, 17, 39):
        matrix = cameras.world_from_camera[frame] if moving else footage.static_camera()
        intrinsics = np.array(footage.INTRINSICS).reshape(3, 3)
        intrinsics = cameras.intrinsics[frame] if moving else intrinsics
        place = person.root[frame]
        seen = intrinsics @ (np.linalg.inv(matrix) @ (*place, 1.0))[:3]
        graph = footage.set_frame(scene, 1 + frame)
        found = world_to_camera_view(scene, result.camera.evaluated_get(graph), Vector(place))
        pixel = (found.x * 640 - 0.5, (1 - found.y) * 480 - 0.5)
        np.testing.assert_allclose(pixel, seen[:2] / seen[2], atol=0.02)


def test_the_artists_solved_camera_stays_as_it_is(tmp_path: Path, body: BodyData) -> None:
    camera = bpy.data.objects.new("Solved", bpy.data.cameras.new("Solved"))
    bpy.context.scene.collection.objects.link(camera)
    info = footage.footage_info(moving=True)
    take = footage.write_footage(
        tmp_path / "a.take", body, {3: footage.walk(body, 1, FRAMES)}, info=info
    )
    result = imported(take, use_camera=camera)
    assert result.camera == camera and list(bpy.data.cameras) == [camera.data]
    assert camera.animation_data is None and not camera.data.background_images


def test_everything_plays_after_reopening_the_file(tmp_path: Path, body: BodyData) -> None:
    person = footage.walk(body, 1, FRAMES)
    blend = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    take = footage.write_footage(tmp_path / "takes" / "a.take", body, {3: person})
    points = imported(take, start_frame=1).people[0].points
    assert points.modifiers[0].filepath.startswith("//takes")
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    scene = bpy.context.scene
    rig = next(obj for obj in scene.objects if obj.type == "ARMATURE")
    points = next(obj for obj in scene.objects if "nlf_heatmap" in obj)
    truth = footage.world_joints(body, person)[:, :, :3, 3]
    np.testing.assert_allclose(footage.rig_joints(rig, body, 21), truth[20], atol=EXACT_METRES)
    expected = footage.world_points(body, person)[20]
    np.testing.assert_allclose(footage.mesh_points(points, 21), expected, atol=EXACT_METRES)
    assert takes_in(scene) == [take.resolve()] == [take_folder(rig)] and person_id(rig) == 3
    assert source_frame(rig, 21) == 20 and source_frame(rig, -4) == 0
    assert footage_time.scene_frame(rig, read_info(take).source, 20) == 21


def test_a_second_clip_leaves_the_first_its_rate(tmp_path: Path, body: BodyData) -> None:
    person = footage.walk(body, 1, FRAMES)
    first = footage.write_footage(tmp_path / "a.take", body, {3: person})
    imported(first, start_frame=11)
    slow = np.arange(2000) / 10.0
    info = footage.footage_info()
    info = replace(info, source=replace(info.source, fps=10.0))
    second = footage.write_footage(tmp_path / "b.take", body, {3: person}, info=info, times=slow)
    result = imported(second, start_frame=11)
    scene = bpy.context.scene
    assert (scene.render.fps, round(scene.render.fps_base, 4)) == (30, 1.001)
    assert "keeps its 29.97 frames a second" in " ".join(result.notes)
    assert (scene.frame_start, scene.frame_end) == (11, 128)
    truth = footage.world_joints(body, person)[:, :, :3, 3]
    found = footage.rig_joints(result.people[0].rig, body, 11 + 20 / 10.0 * footage.NTSC_RATE)
    np.testing.assert_allclose(found, truth[20], atol=0.02)
    third = imported(first, start_frame=11)
    assert not any("frames a second" in note for note in third.notes)


def test_quaternions_never_jump(tmp_path: Path, body: BodyData) -> None:
    take = footage.write_footage(tmp_path / "a.take", body, {3: footage.walk(body, 1, FRAMES)})
    rig = imported(take, root_bone=True).people[0].rig
    for bone in rig.pose.bones:
        values = []
        for frame in range(1, 41):
            footage.set_frame(bpy.context.scene, frame)
            values.append(tuple(bone.rotation_quaternion))
        steps = np.linalg.norm(np.diff(values, axis=0), axis=1)
        assert steps.max() < 0.3


def test_every_import_has_actions_of_its_own(tmp_path: Path, body: BodyData) -> None:
    take = footage.write_footage(tmp_path / "a.take", body, {3: footage.walk(body, 1, FRAMES)})
    rigs = [imported(take).people[0].rig for _ in range(2)]
    assert rigs[0].animation_data.action != rigs[1].animation_data.action
    assert len(list((take / "cache").iterdir())) == 2


def everything() -> dict[str, list[str]]:
    kinds = [p.identifier for p in bpy.data.bl_rna.properties if p.type == "COLLECTION"]
    return {kind: sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds}


def test_a_failed_import_leaves_nothing(
    tmp_path: Path, body: BodyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = footage.write_footage(tmp_path / "a.take", body, {3: footage.walk(body, 1, FRAMES)})
    before = everything()

    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(footage_import, "set_scene_time", fail)
    with pytest.raises(RuntimeError, match="broken"):
        imported(take)
    assert everything() == before and not list((take / "cache").iterdir())


@pytest.mark.parametrize("name", ["solution.json", "person_003.*.npz", "points_003.*.npy"])
def test_damaged_solutions_are_refused(tmp_path: Path, body: BodyData, name: str) -> None:
    take = footage.write_footage(tmp_path / "a.take", body, {3: footage.walk(body, 1, FRAMES)})
    [path] = (take / "solution").glob(name)
    path.write_bytes(path.read_bytes()[:100])
    before = everything()
    with pytest.raises(UserError) as caught:
        imported(take)
    assert path.name in caught.value.detail and caught.value.fix
    assert everything() == before


def test_people_without_points_come_without_them(tmp_path: Path, body: BodyData) -> None:
    take = footage.write_footage(
        tmp_path / "a.take", body, {3: footage.walk(body, 1, FRAMES)}, points=False
    )
    assert imported(take).people[0].points is None


@pytest.mark.parametrize("at_a_time", [1 << 22, 1001])
def test_caches_have_the_same_bytes_however_many_are_copied_at_a_time(
    tmp_path: Path, body: BodyData, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    monkeypatch.setattr(mesh_cache, "COPY_BYTES", at_a_time)
    person = footage.walk(body, 1, FRAMES)
    take = footage.write_footage(tmp_path / "a.take", body, {3: person})
    imported(take)
    data = next((take / "cache").iterdir()).read_bytes()
    points = footage.world_points(body, person)
    assert data[:12] == b"POINTCACHE2\0" and data[32:] == points.tobytes()


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, body: BodyData) -> None:
    take = footage.write_footage(tmp_path / "a.take", body, {3: footage.walk(body, 1, FRAMES)})
    (take / "cache").write_text("in the way")
    result = imported(take)
    assert result.people[0].points is None
    assert any("Person 3 has no up-to-date points" in note for note in result.notes)

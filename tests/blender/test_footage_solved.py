# SPDX-License-Identifier: GPL-3.0-or-later
"""People land in the artist's scene: seen through the camera that it has, where the clip shows
them, whatever the scene's units, its first frame and the clip's rate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import footage_fixtures as footage
import numpy as np
import pytest
import scene_fixtures as fixtures
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Euler, Vector

from nlf_blender.body.body_data import BodyData
from nlf_blender.protocol.cameras import write_cameras
from nlf_blender.protocol.take import CAMERAS_FILE, SourceInfo
from nlf_blender.scene import FootageOptions, ImportOptions, import_take, source_frame
from nlf_blender.scene.footage import placing
from nlf_blender.scene.footage.solved_camera import (
    SourceFrames,
    camera_place,
    sample_at_once,
    unit_metres,
)
from nlf_blender.scene.footage.time_map import Placed

WIDTH, HEIGHT, ZERO = 640, 480, 1001
RATE = 30 / 1.001
TOLERANCE_PX = 0.05


@pytest.fixture(scope="module")
def body() -> BodyData:
    return fixtures.make_body()


def tracked_camera(unit: float) -> bpy.types.Object:
    """A camera on a parent, both with keys from ZERO on, its lens too; places in metres."""
    scene = bpy.context.scene
    scene.unit_settings.system, scene.unit_settings.scale_length = "METRIC", unit
    scene.render.resolution_x, scene.render.resolution_y = 2 * WIDTH, 2 * HEIGHT
    scene.frame_start = ZERO
    parent = bpy.data.objects.new("Dolly", None)
    camera = bpy.data.objects.new("Tracked", bpy.data.cameras.new("Tracked"))
    camera.parent = parent
    for obj in (parent, camera):
        scene.collection.objects.link(obj)
    camera.rotation_euler = (1.4, 0.0, 0.0)
    for frame, share in ((ZERO, 0.0), (ZERO + 30, 0.3), (ZERO + 90, 1.0)):
        parent.location = Vector((share, -2.0, 1.5 + 0.2 * share)) / unit
        parent.rotation_euler = (0.0, 0.1 * share, 0.3 * share)
        camera.data.lens = 35.0 + 20.0 * share
        parent.keyframe_insert("location", frame=frame)
        parent.keyframe_insert("rotation_euler", frame=frame)
        camera.data.keyframe_insert("lens", frame=frame)
    return camera


def moments(variable: bool) -> np.ndarray:
    """When 60 pictures are shown, seconds."""
    gaps = np.ones(60)
    if variable:
        gaps[[7, 20, 33]], gaps[[11, 12, 40]] = 2.0, (1.3, 0.9, 3.0)
    return (np.cumsum(gaps) - 1.0) / RATE


def seen(camera: bpy.types.Object, point: np.ndarray) -> np.ndarray:
    """The pixel [2] of a point of the world, as the camera is evaluated now."""
    graph = bpy.context.evaluated_depsgraph_get()
    view = world_to_camera_view(bpy.context.scene, camera.evaluated_get(graph), Vector(point))
    return np.array([view.x * WIDTH - 0.5, (1 - view.y) * HEIGHT - 0.5])


@pytest.mark.parametrize(("unit", "variable", "pace"), [(1.0, 0, 1.0), (0.01, 1, 1.0), (1, 1, 0.8)])
def test_people_are_seen_through_the_artists_camera(
    tmp_path: Path, body: BodyData, unit: float, variable: int, pace: float
) -> None:
    scene, camera = bpy.context.scene, tracked_camera(unit)
    scene.render.fps, scene.render.fps_base = 24, 1.0
    times = moments(bool(variable))
    numbers = range(120)
    where = SourceFrames(numbers, [ZERO + n / pace for n in numbers], WIDTH, HEIGHT, RATE)
    handed_over = sample_at_once(scene, camera, where)
    frames = np.arange(5, 60, 2)
    cameras = handed_over.by_index(frames, times[frames])
    person = footage.walk(body, 1, frames)
    source = SourceInfo(
        "video", "/nowhere/a.mp4", "c" * 64, WIDTH, HEIGHT, frame_count=len(frames), fps=29.1
    )
    info = footage.footage_info(replace(source, first_frame=5, step=2), moving=True)
    take = footage.write_footage(
        tmp_path / "a.take", body, {3: person}, info=info, times=np.pad(times, (0, 99), "maximum")
    )
    write_cameras(take / CAMERAS_FILE, cameras)
    options = FootageOptions(
        time_mode="MATCH" if pace == 1.0 else "RESAMPLE",
        placed=Placed(float(ZERO), RATE, pace),
        set_scene_rate=False,
        set_scene_range=False,
        use_camera=camera,
        unit=unit_metres(scene),
    )
    result = import_take(scene, take, ImportOptions(footage=options)).people[0]
    assert (scene.frame_start, scene.render.fps, result.rig.scale.x) == (ZERO, 24, 1 / unit)
    truth, mesh = footage.world_joints(body, person), footage.world_points(body, person)
    shown = ZERO + np.ceil(times[frames] * RATE - 0.02) / pace  # where Blender shows a picture
    whole = shown == np.round(shown)
    assert whole.sum() >= 4
    for row in np.flatnonzero(whole)[:: 1 + whole.sum() // 8]:
        rows = cameras.rows_of(frames[row : row + 1])[0]
        inverse = np.linalg.inv(cameras.world_from_camera[rows])
        found = footage.rig_joints(result.rig, body, shown[row])
        points = footage.mesh_points(result.points, shown[row])
        assert source_frame(result.rig, shown[row]) == frames[row]
        for place, known in (
            (found[0], truth[row, 0, :3, 3]),
            (found[-1], truth[row, -1, :3, 3]),
            (points[7], mesh[row, 7]),
        ):
            pixel = cameras.intrinsics[rows] @ (inverse @ (*known, 1.0))[:3]
            assert np.abs(seen(camera, place) - pixel[:2] / pixel[2]).max() < TOLERANCE_PX


@pytest.mark.parametrize("unit", [1.0, 0.01])
def test_a_photos_people_land_before_the_camera_that_saw_it(
    tmp_path: Path, body: BodyData, unit: float
) -> None:
    scene, camera = bpy.context.scene, tracked_camera(unit)
    camera.rotation_euler = Euler((1.3, 0.2, 0.0))
    scene.frame_set(ZERO + 20)
    place = camera_place(scene, camera)
    fit = fixtures.random_fit(body, 1)
    take = fixtures.write_take(tmp_path / "a.take", body, [fit])
    options = FootageOptions(
        use_camera=camera, unit=unit_metres(scene), seen_from=tuple(place.ravel().tolist())
    )
    size = (scene.render.resolution_x, scene.render.resolution_y)
    before = set(bpy.data.cameras)
    result = import_take(scene, take, ImportOptions(footage=options))
    bpy.context.view_layer.update()
    assert result.camera == camera and set(bpy.data.cameras) == before
    assert (scene.render.resolution_x, scene.render.resolution_y) == size
    [person] = result.people
    truth = fixtures.reference_vertices(body, fit)
    for obj, tolerance in ((person.body, 1e-4), (person.points, 0.06)):  # points are noisy
        world = footage.mesh_points(obj, ZERO + 20) * unit
        local = (np.linalg.inv(place) @ np.c_[world, np.ones(len(world))].T)[:3].T
        np.testing.assert_allclose(local, truth, atol=tolerance)


def test_a_take_finds_its_camera_again(tmp_path: Path, body: BodyData) -> None:
    """As after a crash: the job is resumed, or the take imported, in a file that was reopened."""
    scene, camera = bpy.context.scene, tracked_camera(0.1)
    scene.render.fps = 25
    numbers = range(40)
    where = SourceFrames(numbers, [ZERO + n for n in numbers], WIDTH, HEIGHT, RATE)
    cameras = sample_at_once(scene, camera, where).by_index(np.arange(40), np.arange(40) / RATE)
    wanted = FootageOptions(placed=Placed(float(ZERO), RATE), use_camera=camera, unit=0.1)
    source = SourceInfo(
        "video", "/nowhere/a.mp4", "c" * 64, WIDTH, HEIGHT, frame_count=40, fps=RATE
    )
    info = footage.footage_info(source, moving=True)
    info = replace(info, settings={"placing": placing.placing_text(wanted)})
    person = footage.walk(body, 1, np.arange(40))
    take = footage.write_footage(tmp_path / "a.take", body, {3: person}, info=info)
    write_cameras(take / CAMERAS_FILE, cameras)
    result = import_take(scene, take)
    assert result.camera == camera and len(bpy.data.cameras) == 1
    assert (scene.render.fps, scene.frame_start) == (25, ZERO)
    found = footage.rig_joints(result.people[0].rig, body, ZERO + 20)[0]
    np.testing.assert_allclose(0.1 * found, person.root[20], atol=1e-4)
    camera.parent.delta_location.x = 0.5  # another camera, as far as anybody knows
    result = import_take(scene, take)
    assert result.camera != camera and result.people[0].rig.scale.x == 1.0


def test_a_take_finds_its_clip_again(tmp_path: Path, body: BodyData) -> None:
    image = bpy.data.images.new("x", WIDTH, HEIGHT)
    for number in range(1, 41):
        image.filepath_raw, image.file_format = str(tmp_path / f"a_{number:03d}.png"), "PNG"
        image.save()
    path = tmp_path / "a_001.png"
    source = SourceInfo(
        "sequence", str(path), "c" * 64, WIDTH, HEIGHT, frame_count=40, fps=25.0, number=1
    )
    wanted = FootageOptions(placed=Placed(1011.0, 25.0))
    info = replace(footage.footage_info(source), settings={"placing": placing.placing_text(wanted)})
    person = footage.walk(body, 1, np.arange(40))
    take = footage.write_footage(tmp_path / "a.take", body, {3: person}, info=info)
    result = import_take(bpy.context.scene, take)
    assert result.people[0].rig.animation_data.action.frame_range[0] == 1.0
    bpy.data.movieclips.load(str(path)).frame_start = 1011
    bpy.context.scene.frame_start = 1001
    result = import_take(bpy.context.scene, take)
    assert result.people[0].rig.animation_data.action.frame_range[0] == 1011.0
    assert bpy.context.scene.frame_start == 1001

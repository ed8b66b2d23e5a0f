# SPDX-License-Identifier: GPL-3.0-or-later
"""The clip behind the scene: each scene frame shows the frame of the source that belongs to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import footage_fixtures as footage
import numpy as np
import pytest
import scene_fixtures as fixtures

from nlf_blender.body.body_data import BodyData
from nlf_blender.protocol.take import SourceInfo, TakeInfo
from nlf_blender.scene import FootageOptions, ImportOptions, ImportResult, import_take, update_take
from nlf_blender.scene.compat import node_tree
from nlf_blender.scene.stage import read_pixels, write_pixels

SIZE = (64, 48)
SEQUENCE_FRAMES = 12


@pytest.fixture(scope="module")
def body() -> BodyData:
    return fixtures.make_body()


def gray(frame: int) -> float:
    """The value of all pixels of a frame, told apart after encoding."""
    return (20 + 15 * frame) / 255


def make_sequence(folder: Path, first: int, count: int = SEQUENCE_FRAMES) -> Path:
    """A numbered sequence of plain greys; its first file."""
    folder.mkdir()
    for frame in range(count):
        pixels = np.full((SIZE[1], SIZE[0], 4), gray(frame))
        pixels[..., 3] = 1.0
        write_pixels(folder / f"shot_{first + frame:04d}.png", pixels)
    return folder / f"shot_{first:04d}.png"


def make_video(folder: Path, fps: int) -> Path:
    """A video of the same greys, rendered by Blender out of a sequence."""
    first = make_sequence(folder, 1)
    scene = bpy.data.scenes.new("video")
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strip = strips.new_image("clip", str(first), 1, 1)
    for frame in range(2, SEQUENCE_FRAMES + 1):
        strip.elements.append(f"shot_{frame:04d}.png")
    scene.frame_start, scene.frame_end = 1, SEQUENCE_FRAMES
    render = scene.render
    render.resolution_x, render.resolution_y, render.fps = *SIZE, fps
    render.resolution_percentage = 100
    scene.view_settings.view_transform = "Standard"
    settings = render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"
    render.ffmpeg.format, render.ffmpeg.codec = "MPEG4", "H264"
    render.ffmpeg.constant_rate_factor = "LOSSLESS"
    render.filepath = str(folder / "clip.mp4")
    render.use_file_extension = False
    bpy.ops.render.render(animation=True, scene=scene.name)
    bpy.data.scenes.remove(scene)
    return folder / "clip.mp4"


def info_of(kind: str, path: Path, fps: float, **more: object) -> TakeInfo:
    source = SourceInfo(kind, str(path), "c" * 64, *SIZE, fps=fps, **more)
    return footage.footage_info(source)


def imported(
    folder: Path, body: BodyData, info: TakeInfo, frames: np.ndarray, **options: object
) -> ImportResult:
    take = footage.write_footage(
        folder / "a.take", body, {3: footage.walk(body, 1, frames)}, info=info, points=False
    )
    return import_take(bpy.context.scene, take, ImportOptions(footage=FootageOptions(**options)))


def offset_at(result: ImportResult, frame: int) -> int:
    """What the image user, as evaluated in a scene frame, shows: the frame's place in the clip,
    from 0, or of a sequence its file's number less one."""
    graph = footage.set_frame(bpy.context.scene, frame)
    user = result.camera.data.evaluated_get(graph).background_images[0].image_user
    shown = min(max(frame - user.frame_start + 1, 1), user.frame_duration) + user.frame_offset
    return shown - 1


def frame_seen(folder: Path, result: ImportResult, frame: int) -> int:
    """Which of the greys Blender reads with the camera's image user in a scene frame: a sky with
    the same settings is rendered."""
    background = result.camera.data.background_images[0]
    scene = bpy.data.scenes.new("look")
    scene.camera = bpy.data.objects.new("look", bpy.data.cameras.new("look"))
    scene.collection.objects.link(scene.camera)
    scene.world = bpy.data.worlds.new("look")
    tree = node_tree(scene.world)
    sky = tree.nodes.new("ShaderNodeTexEnvironment")
    sky.image = background.image
    for name in ("frame_start", "frame_duration", "frame_offset", "use_auto_refresh"):
        setattr(sky.image_user, name, getattr(background.image_user, name))
    surface = next(n for n in tree.nodes if n.bl_idname == "ShaderNodeBackground")
    tree.links.new(sky.outputs["Color"], surface.inputs["Color"])
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.render.resolution_x = scene.render.resolution_y = 4
    scene.view_settings.view_transform = "Standard"
    scene.render.filepath = str(folder / f"seen_{frame}.png")
    bpy.context.scene.frame_set(frame)  # its frame is the one that is rendered
    bpy.ops.render.render(write_still=True, scene=scene.name)
    value = float(read_pixels(Path(scene.render.filepath))[2, 2, 0])
    bpy.data.scenes.remove(scene)
    return round((255 * value - 20) / 15)


def test_a_sequence_shows_its_numbered_files(tmp_path: Path, body: BodyData) -> None:
    first = make_sequence(tmp_path / "shot", 1001)
    info = info_of("sequence", first, 24.0, frame_count=10, first_frame=2, number=1001)
    result = imported(tmp_path, body, info, np.arange(2, 12), start_frame=5)
    image = result.camera.data.background_images[0].image
    assert (image.source, Path(image.filepath)) == ("SEQUENCE", first)
    assert not result.notes or "frames a second" in result.notes[0]
    for scene_frame, number in ((5, 1003), (9, 1007), (14, 1012)):
        assert offset_at(result, scene_frame) + 1 == number
    assert frame_seen(tmp_path, result, 9) == 6
    assert result.camera.data.animation_data is None


def test_a_video_shows_the_localized_frames(tmp_path: Path, body: BodyData) -> None:
    clip = make_video(tmp_path / "shot", 25)
    info = info_of("video", clip, 25.0, frame_count=8, first_frame=3)
    result = imported(tmp_path, body, info, np.arange(3, 11), start_frame=101)
    image = result.camera.data.background_images[0].image
    assert image.source == "MOVIE"
    for scene_frame, frame in ((101, 3), (105, 7), (108, 10)):
        assert offset_at(result, scene_frame) == frame
    assert frame_seen(tmp_path, result, 105) == 7
    assert result.camera.data.animation_data is None


def test_another_rate_shows_frames_twice(tmp_path: Path, body: BodyData) -> None:
    clip = make_video(tmp_path / "shot", 25)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 50, 1.0
    info = info_of("video", clip, 25.0, frame_count=12)
    result = imported(tmp_path, body, info, np.arange(12), start_frame=1, time_mode="RESAMPLE")
    shown = [offset_at(result, frame) for frame in range(1, 24)]
    expected = np.arange(23) / 2
    assert np.abs(np.array(shown) - expected).max() <= 0.5
    assert shown[0] == 0 and shown[22] == 11 and sorted(shown) == shown


def test_a_display_copy_has_the_localized_frames_only(tmp_path: Path, body: BodyData) -> None:
    clip = make_video(tmp_path / "shot", 25)
    take = tmp_path / "a.take"
    take.mkdir()
    clip.rename(take / "display.mp4")
    info = info_of("video", clip, 50.0, frame_count=6, first_frame=4, step=2, display="display.mp4")
    result = imported(tmp_path, body, info, np.arange(4, 16, 2), start_frame=1)
    for scene_frame, copied in ((1, 0), (3, 1), (7, 3), (11, 5)):
        assert offset_at(result, scene_frame) == copied
    path = result.camera.data.background_images[0].image.filepath
    assert Path(path) == take / "display.mp4"


def test_a_clip_that_is_gone_is_told(tmp_path: Path, body: BodyData) -> None:
    info = info_of("video", tmp_path / "gone.mp4", 25.0)
    result = imported(tmp_path, body, info, np.arange(4))
    assert not result.camera.data.background_images
    assert any("gone.mp4" in note for note in result.notes)


def test_a_clip_of_another_size_is_told(tmp_path: Path, body: BodyData) -> None:
    first = make_sequence(tmp_path / "shot", 1, 4)
    info = info_of("sequence", first, 24.0, number=1)
    info = replace(info, source=replace(info.source, width=128))
    result = imported(tmp_path, body, info, np.arange(4))
    assert not result.camera.data.background_images and not bpy.data.images
    assert any("64x48" in note for note in result.notes)


def test_the_background_grows_with_the_take(tmp_path: Path, body: BodyData) -> None:
    first = make_sequence(tmp_path / "shot", 1)
    info = info_of("sequence", first, 24.0, number=1)
    result = imported(tmp_path, body, info, np.arange(4), start_frame=1)
    user = result.camera.data.background_images[0].image_user
    assert user.frame_duration == 4
    footage.write_people(
        tmp_path / "a.take",
        body,
        {3: footage.walk(body, 1, np.arange(9))},
        info,
        np.arange(20) / 24.0,
        {},
        points=False,
    )
    update_take(bpy.context.scene, tmp_path / "a.take")
    assert user.frame_duration == 9 and offset_at(result, 9) == 8

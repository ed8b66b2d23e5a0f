# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources and cameras of every kind, as they reach the worker."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector
from panel_drawing import drawn
from ui_play import Extension

from nlf_blender.errors import UserError
from nlf_blender.protocol.cameras import read_cameras
from nlf_blender.protocol.json_fields import Json
from nlf_blender.scene.footage.time_map import Placed
from nlf_blender.ui import panels
from nlf_blender.ui.destination import Waiting
from nlf_blender.ui.jobs.runtime import RUNTIME
from nlf_blender.ui.source import source_operators
from nlf_blender.ui.source.source_choice import Source, chosen_source

WIDTH, HEIGHT = 64, 48


@pytest.fixture
def extension(tmp_path: Path) -> Iterator[Extension]:
    played = Extension(tmp_path)
    RUNTIME.queue.held = True  # nothing is started: the tests look at what would be
    yield played
    played.close()


def settings() -> bpy.types.PropertyGroup:
    return bpy.context.scene.nlf


def write_images(folder: Path, numbers: range, name: str = "shot") -> list[Path]:
    folder.mkdir(exist_ok=True)
    image = bpy.data.images.new("x", WIDTH, HEIGHT)
    paths = [folder / f"{name}_{number:04d}.png" for number in numbers]
    for path in paths:
        image.filepath_raw, image.file_format = str(path), "PNG"
        image.save()
    bpy.data.images.remove(image)
    return paths


def submitted() -> Waiting:
    assert bpy.ops.nlf.localize() == {"FINISHED"}
    return RUNTIME.queue.entries[-1]


def asked(entry: Waiting) -> Json:
    values = entry.task.fields["settings"]
    assert isinstance(values, dict)
    return values


def chosen() -> Source:
    return chosen_source(bpy.context.scene)


def refused(match: str) -> None:
    with pytest.raises(RuntimeError, match=match):
        bpy.ops.nlf.localize()
    assert not RUNTIME.queue.entries


def test_a_photo_is_no_footage(extension: Extension) -> None:
    entry = submitted()
    assert entry.task.fields["sources"] == [str(extension.photo)]
    assert not entry.task.is_footage
    values = asked(entry)
    assert (values["first_frame"], values["last_frame"], values["sequence"]) == (None, None, False)


def test_a_movie_with_a_custom_range_and_a_step(extension: Extension, tmp_path: Path) -> None:
    movie = tmp_path / "walk.mp4"
    movie.touch()
    settings().source = str(movie)
    settings().frame_range, settings().first_frame, settings().last_frame = "CUSTOM", 11, 20
    settings().frame_step = 3
    entry = submitted()
    assert entry.task.is_footage
    values = asked(entry)
    assert (values["first_frame"], values["last_frame"], values["step"]) == (10, 19, 3)
    assert values["fps"] is None
    settings().last_frame = 5
    with pytest.raises(RuntimeError, match="custom range holds no frame"):
        bpy.ops.nlf.localize()


def test_a_sequence_by_one_of_its_files_or_its_folder(extension: Extension, tmp_path: Path) -> None:
    paths = write_images(tmp_path / "shot", range(101, 106))
    settings().source, settings().source_sequence = str(paths[2]), True
    values = asked(submitted())
    assert values["sequence"]
    assert values["fps"] == 24.0
    settings().source, settings().source_sequence = str(tmp_path / "shot"), False
    settings().sequence_fps = 12.5
    entry = submitted()
    assert entry.task.fields["sources"] == [str(paths[0])]
    assert asked(entry)["sequence"]
    assert asked(entry)["fps"] == 12.5
    assert chosen().frame_count() == 5


def test_a_photo_without_a_number_is_no_sequence(extension: Extension) -> None:
    settings().source_sequence = True
    refused("number in its name")


def test_a_movie_clip_and_when_it_shows_what(extension: Extension, tmp_path: Path) -> None:
    paths = write_images(tmp_path / "shot", range(1, 31))
    clip = bpy.data.movieclips.load(str(paths[4]))  # Blender begins with the fifth image
    clip.frame_start, clip.frame_offset = 100, 2
    settings().source_kind, settings().source_clip = "CLIP", clip
    source = chosen()
    assert source.first == 4
    # at scene frame 100 Blender shows the clip's first file plus its offset: the seventh image
    assert source.scene_frame(6) == 100.0
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 100, 109
    settings().frame_range = "SCENE"
    source = chosen()
    assert (source.first, source.last) == (6, 15)
    entry = submitted()
    assert entry.target.footage.start_frame == 100
    assert entry.target.footage.time_mode == "MATCH"
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, 20
    with pytest.raises(RuntimeError, match="scene's range holds no frame"):
        bpy.ops.nlf.localize()


def test_images_of_the_blend_file(extension: Extension, tmp_path: Path) -> None:
    settings().source_kind = "IMAGE"
    refused("No image is chosen")
    [path] = write_images(tmp_path / "one", range(1, 2))
    settings().source_image = bpy.data.images.load(str(path))
    assert chosen().path == path
    assert not chosen().footage
    sequence = write_images(tmp_path / "many", range(5, 9))
    image = bpy.data.images.load(str(sequence[1]))
    image.source = "SEQUENCE"
    settings().source_image = image
    assert chosen().sequence
    assert chosen().first == 1


@pytest.mark.parametrize("packed", [False, True])
def test_an_image_without_a_file_is_written_beside_the_takes(
    extension: Extension, tmp_path: Path, packed: bool
) -> None:
    image = bpy.data.images.new("my render", 8, 6)
    pixels = np.random.default_rng(0).uniform(0, 1, (6, 8, 4)).astype(np.float32)
    pixels[..., 3] = 1.0
    image.pixels.foreach_set(pixels.ravel())
    if packed:
        image.pack()
    settings().source_kind, settings().source_image = "IMAGE", image
    path = chosen().path
    assert path.parent == tmp_path / "takes"
    read = bpy.data.images.load(str(path))
    assert tuple(read.size) == (8, 6)
    assert np.abs(np.array(read.pixels[:]) - pixels.ravel()).max() < 1 / 255
    assert [item.name for item in bpy.data.images if item.name.startswith("NLF")] == []


def strips(scene: bpy.types.Scene) -> bpy.types.bpy_prop_collection:
    editor = scene.sequence_editor or scene.sequence_editor_create()
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def test_a_strip_gives_what_it_shows(extension: Extension, tmp_path: Path) -> None:
    settings().source_kind = "STRIP"
    drawn(panels.NLF_PT_source)
    refused("no movie or image strip")
    paths = write_images(tmp_path / "shot", range(1, 41))
    strip = strips(bpy.context.scene).new_image("walk", str(paths[9]), 1, 50)
    for path in paths[10:30]:
        strip.elements.append(path.name)  # images 10 to 30, from frame 50 on
    settings().source_strip = "walk"
    source = chosen()
    assert (source.first, source.last) == (9, 29)
    assert source.scene_frame(9) == 50.0
    strip.frame_offset_start, strip.frame_offset_end = 3, 5
    source = chosen()
    assert (source.first, source.last) == (12, 24)
    assert source.scene_frame(12) == 53.0
    assert submitted().target.footage.start_frame == 53
    assert "source_strip" in drawn(panels.NLF_PT_source)
    strip.use_reverse_frames = True
    with pytest.raises(UserError, match="backwards"):
        chosen()


def test_cameras_of_numbers(extension: Extension) -> None:
    settings().camera, settings().fov = "FOV", 0.5
    settings().max_people, settings().augmentations = 3, 4
    extension.preferences.device = "cpu"
    values = asked(submitted())
    assert values["fov_degrees"] == pytest.approx(math.degrees(0.5))
    assert (values["max_people"], values["test_time_augmentations"]) == (3, 4)
    assert (values["device"], values["model"], values["body"]) == ("cpu", "default", "open")
    assert values["solve"]["max_people"] == 3
    settings().camera, settings().focal_px = "FOCAL", 1234.0
    values = asked(submitted())
    assert (values["fov_degrees"], values["focal_px"]) == (None, 1234.0)
    settings().camera, settings().lens_mm, settings().sensor_mm = "LENS", 35.0, 36.0
    camera = bpy.data.cameras.new("c")
    camera.lens, camera.sensor_width = 35.0, 36.0
    assert asked(submitted())["fov_degrees"] == pytest.approx(math.degrees(camera.angle))


@pytest.mark.parametrize(
    ("model", "values", "expected"),
    [
        ("POLYNOMIAL", {"k1": 0.1, "k2": 0.02, "k3": 0.003}, (0.1, 0.02, 0, 0, 0.003)),
        ("DIVISION", {"division_k1": 0.1, "division_k2": 0.02}, (0, 0, 0, 0, 0, 0.1, 0.02, 0)),
        (
            "BROWN",
            {"brown_k1": 0.1, "brown_k3": 0.3, "brown_p1": 0.01, "brown_p2": 0.02},
            (0.1, 0, -0.02, 0.01, 0.3),
        ),
        ("POLYNOMIAL", {}, ()),
    ],
)
def test_the_lens_of_a_clip(
    extension: Extension,
    tmp_path: Path,
    model: str,
    values: dict[str, float],
    expected: tuple[float, ...],
) -> None:
    paths = write_images(tmp_path / "shot", range(1, 4))
    clip = bpy.data.movieclips.load(str(paths[0]))
    lens = clip.tracking.camera
    lens.distortion_model, lens.focal_length_pixels = model, 80.0
    lens.principal_point_pixels = (30.0, 20.0)
    for name, value in values.items():
        setattr(lens, name, value)
    settings().source_kind, settings().source_clip, settings().camera = "CLIP", clip, "CLIP"
    asks = asked(submitted())
    # Blender counts from the lower left corner of the lower left pixel
    wanted = [80.0, 0, 29.5, 0, 80.0, HEIGHT - 20.5, 0, 0, 1]
    assert np.allclose(asks["intrinsics"], wanted, atol=1e-4)
    assert asks["fov_degrees"] is None
    assert np.allclose(asks["distortion"], expected)


def test_a_nuke_lens_is_fitted_or_refused(extension: Extension, tmp_path: Path) -> None:
    paths = write_images(tmp_path / "shot", range(1, 4))
    clip = bpy.data.movieclips.load(str(paths[0]))
    lens = clip.tracking.camera
    lens.distortion_model, lens.focal_length_pixels = "NUKE", 50.0
    lens.nuke_k1, lens.nuke_k2 = 0.08, 0.01
    settings().source_kind, settings().source_clip, settings().camera = "CLIP", clip, "CLIP"
    k1, k2, p1, p2, k3, k4, k5, k6 = asked(submitted())["distortion"]
    assert (p1, p2) == (0, 0)
    distorted = np.linspace(0.05, 1.2, 20)  # in halves of the width
    straight = distorted / (1 + 0.08 * distorted**2 + 0.01 * distorted**4) * (WIDTH / 2) / 50.0
    r2 = straight**2
    scale = (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3) / (1 + k4 * r2 + k5 * r2**2 + k6 * r2**3)
    assert np.abs(straight * scale * 50.0 - distorted * WIDTH / 2).max() < 0.1
    lens.distortion_model, lens.brown_k4 = "BROWN", 0.2
    with pytest.raises(RuntimeError, match="Brown distortion"):
        bpy.ops.nlf.localize()


def animated_camera() -> bpy.types.Object:
    """A camera on a moving parent, with an animated lens and shift."""
    scene = bpy.context.scene
    parent = bpy.data.objects.new("dolly", None)
    camera = bpy.data.objects.new("cam", bpy.data.cameras.new("cam"))
    camera.parent = parent
    camera.scale = (2.0, 2.0, 2.0)  # which Blender's cameras ignore
    for obj in (parent, camera):
        scene.collection.objects.link(obj)
    for frame in (1, 60):
        parent.location = (0.1 * frame, -5.0, 1.0)
        parent.rotation_euler = (1.4, 0.0, 0.005 * frame)
        camera.data.lens, camera.data.shift_x = 30.0 + 0.2 * frame, 0.001 * frame
        parent.keyframe_insert("location", frame=frame)
        parent.keyframe_insert("rotation_euler", frame=frame)
        camera.data.keyframe_insert("lens", frame=frame)
        camera.data.keyframe_insert("shift_x", frame=frame)
    return camera


@pytest.mark.parametrize("fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
def test_a_solved_camera_is_read_in_every_frame(
    extension: Extension, tmp_path: Path, fit: str
) -> None:
    paths = write_images(tmp_path / "shot", range(1, 31))
    clip = bpy.data.movieclips.load(str(paths[0]))
    clip.frame_start = 21
    scene, camera = bpy.context.scene, animated_camera()
    camera.data.sensor_fit = fit
    scene.render.resolution_x, scene.render.resolution_y = 10 * WIDTH, 10 * HEIGHT
    scene.frame_set(7)
    settings().source_kind, settings().source_clip = "CLIP", clip
    settings().camera, settings().solved_camera = "CAMERA", camera
    settings().frame_range, settings().first_frame, settings().last_frame = "CUSTOM", 5, 25
    settings().frame_step = 4
    entry = submitted()
    file = Path(str(asked(entry)["cameras"]))
    while entry.preparing is not None:
        entry.prepare()
    assert entry.error is None
    assert scene.frame_current == 7
    assert len(bpy.data.scenes) == 1
    motion = read_cameras(file)
    assert motion.frames.tolist() == [4, 8, 12, 16, 20, 24]
    assert entry.target.footage.start_frame == 25
    assert entry.target.camera_uid == camera.session_uid
    assert not entry.target.footage.set_scene_rate
    point = Vector((0.4, 0.5, 1.2))
    for row, index in enumerate(motion.frames):
        scene.frame_set(21 + int(index))
        view = world_to_camera_view(scene, camera, point)
        seen = np.array([view.x * WIDTH - 0.5, (1 - view.y) * HEIGHT - 0.5])
        local = np.linalg.inv(motion.world_from_camera[row]) @ (*point, 1.0)
        pixel = motion.intrinsics[row] @ local[:3]
        assert np.abs(pixel[:2] / pixel[2] - seen).max() < 1e-3
        assert local[2] == pytest.approx(view.z, rel=1e-5)
    RUNTIME.queue.remove(entry)
    assert not file.parent.exists()


def test_a_camera_that_cannot_have_seen_it_is_refused(extension: Extension, tmp_path: Path) -> None:
    paths = write_images(tmp_path / "shot", range(1, 4))
    settings().source, settings().source_sequence = str(paths[0]), True
    settings().camera = "CAMERA"
    refused("has no camera")
    scene = bpy.context.scene
    scene.camera = animated_camera()
    scene.render.resolution_x, scene.render.resolution_y = 1920, 1080
    refused("1920x1080 pixels, the source has 64x48")
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.camera.data.type = "ORTHO"
    refused("no perspective camera")


def test_a_camera_that_goes_away_meanwhile_is_said(extension: Extension, tmp_path: Path) -> None:
    paths = write_images(tmp_path / "shot", range(1, 4))
    settings().source, settings().source_sequence = str(paths[0]), True
    scene = bpy.context.scene
    scene.camera = animated_camera()
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    settings().camera = "CAMERA"
    first = submitted()  # prepared at once; the next one waits behind it
    second = submitted()
    first.preparing = iter(())
    bpy.data.objects.remove(scene.camera)
    second.prepare()
    assert second.error is not None
    assert second.error.title == "The camera is gone"


def test_a_photo_takes_the_lens_of_a_scene_camera(extension: Extension, tmp_path: Path) -> None:
    [path] = write_images(tmp_path / "one", range(1, 2))
    settings().source, settings().camera = str(path), "CAMERA"
    scene = bpy.context.scene
    scene.camera = animated_camera()
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    values = asked(submitted())
    assert values["cameras"] == ""
    assert values["intrinsics"][0] == pytest.approx(scene.camera.data.lens / 36 * WIDTH)
    footage = RUNTIME.queue.entries[-1].target.footage_options()
    assert footage.use_camera == scene.camera
    assert np.reshape(footage.seen_from, (4, 4))[:3, 3] == pytest.approx(
        scene.camera.matrix_world.translation
    )


def test_a_file_lies_where_the_scenes_camera_saw_it(extension: Extension, tmp_path: Path) -> None:
    paths = write_images(tmp_path / "shot", range(1, 31))
    settings().source, settings().source_sequence = str(paths[0]), True
    settings().camera = "CAMERA"
    scene = bpy.context.scene
    scene.camera = animated_camera()
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.frame_start, scene.frame_end = 1001, 1250
    settings().frame_range = "SCENE"
    entry = submitted()
    assert asked(entry)["last_frame"] == 29  # the scene goes on, the sequence does not
    assert entry.target.footage.placed == Placed(1001.0, 24.0)
    clip = bpy.data.movieclips.load(str(paths[0]))
    clip.frame_start = 1011
    entry = submitted()
    assert entry.target.footage.placed == Placed(1011.0, 24.0)
    scene.unit_settings.scale_length = 0.01
    assert submitted().target.footage.unit == pytest.approx(0.01)


def test_dropped_files(extension: Extension, tmp_path: Path) -> None:
    names = [path.name for path in write_images(tmp_path / "drop", range(1, 4), "photo")]
    folder = f"{tmp_path / 'drop'}/"
    bpy.ops.nlf.drop(directory=folder, files=[{"name": names[0]}])
    assert settings().source == str(tmp_path / "drop" / names[0])
    assert not RUNTIME.queue.entries
    bpy.ops.nlf.drop(directory=folder, files=[{"name": name} for name in names])
    assert [entry.task.title for entry in RUNTIME.queue.entries] == names
    given = extension.take
    bpy.ops.nlf.drop(directory=f"{given.parent}/", files=[{"name": given.name}])
    assert any(obj.type == "ARMATURE" for obj in bpy.data.objects)
    handler = source_operators.NLF_FH_drop
    assert {".jpg", ".mp4", ".take"} <= set(handler.bl_file_extensions.split(";"))


def test_many_files_and_one_that_is_not_there(extension: Extension, tmp_path: Path) -> None:
    names = [path.name for path in write_images(tmp_path / "many", range(1, 3), "photo")]
    files = [{"name": name} for name in (names[0], "gone.png", names[1])]
    with pytest.raises(RuntimeError, match=r"gone\.png is not a file"):
        bpy.ops.nlf.add_files(directory=f"{tmp_path / 'many'}/", files=files)
    assert [entry.task.title for entry in RUNTIME.queue.entries] == names


@pytest.mark.parametrize("kind", ["FILE", "CLIP", "IMAGE", "STRIP"])
@pytest.mark.parametrize("camera", ["AUTO", "FOV", "FOCAL", "LENS", "CLIP", "CAMERA"])
def test_the_panel_draws_every_choice(extension: Extension, kind: str, camera: str) -> None:
    settings().source_kind, settings().camera, settings().frame_range = kind, camera, "CUSTOM"
    settings().source = "walk.mp4"
    strips(bpy.context.scene)
    shown = drawn(panels.NLF_PT_source)
    assert ("first_frame" in shown) == (kind == "FILE")  # of the others nothing is chosen
    assert {"FILE": "source", "CLIP": "source_clip", "IMAGE": "source_image"}.get(
        kind, "source_strip"
    ) in shown.split("\n")


def test_only_footage_shows_a_frame_range(extension: Extension, tmp_path: Path) -> None:
    def shown() -> tuple[bool, bool]:
        seen = drawn(panels.NLF_PT_source)
        return "frame_range" in seen, "sequence_fps" in seen

    assert shown() == (False, False)  # a photo
    settings().source_sequence = True
    assert shown() == (True, True)
    settings().source = ""
    assert shown() == (True, False)  # what is added to the queue may be a movie
    settings().source = str(tmp_path / "walk.mp4")
    assert shown() == (True, False)
    paths = write_images(tmp_path / "shot", range(1, 4))
    settings().source_kind, settings().source_image = "IMAGE", bpy.data.images.load(str(paths[0]))
    assert shown() == (False, False)
    settings().source_image.source = "SEQUENCE"
    assert shown() == (True, True)
    settings().source_kind, settings().source_strip = "STRIP", "walk"
    assert shown() == (False, False)  # there is no such strip
    strip = strips(bpy.context.scene).new_image("walk", str(paths[0]), 1, 1)
    assert shown() == (False, False)
    strip.elements.append(paths[1].name)
    assert shown() == (True, True)

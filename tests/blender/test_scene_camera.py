# SPDX-License-Identifier: GPL-3.0-or-later
"""The imported camera sees what the photo's camera saw, with the photo behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
import scene_fixtures as fixtures
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from nlf_blender.body.conventions import blender_points_from_camera, project
from nlf_blender.protocol.take import CameraInfo, SourceInfo
from nlf_blender.scene import ImportOptions, ImportResult, import_take


def import_with(
    folder: Path,
    source: SourceInfo,
    intrinsics: tuple[float, ...],
    distortion: tuple[float, ...] = (),
    **options: object,
) -> ImportResult:
    """Import a take of one person with this source and camera."""
    body = fixtures.make_body()
    camera = CameraInfo(intrinsics, distortion)
    info = replace(fixtures.default_info(1), source=source, camera=camera)
    take = fixtures.write_take(folder / "a.take", body, [fixtures.random_fit(body, 1)], info)
    result = import_take(bpy.context.scene, take, ImportOptions(**options))
    bpy.context.view_layer.update()
    return result


def save_picture(path: Path, width: int, height: int) -> None:
    """Write a black PNG."""
    image = bpy.data.images.new("picture", width, height)
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)


@pytest.mark.parametrize(
    ("width", "height", "intrinsics"),
    [
        (640, 480, (700.0, 0.0, 319.5, 0.0, 700.0, 239.5, 0.0, 0.0, 1.0)),
        (640, 480, (500.0, 0.0, 100.0, 0.0, 500.0, 400.0, 0.0, 0.0, 1.0)),
        (480, 801, (900.0, 0.0, 250.0, 0.0, 900.0, 350.0, 0.0, 0.0, 1.0)),
        (640, 480, (700.0, 0.0, 300.0, 0.0, 560.0, 260.0, 0.0, 0.0, 1.0)),
        (300, 900, (400.0, 0.0, 140.0, 0.0, 520.0, 500.0, 0.0, 0.0, 1.0)),
    ],
)
def test_points_fall_on_the_pixels_that_the_intrinsics_say(
    tmp_path: Path, width: int, height: int, intrinsics: tuple[float, ...]
) -> None:
    source = SourceInfo("image", "/nowhere/a.jpg", "c" * 64, width, height)
    result = import_with(tmp_path, source, intrinsics)
    scene = bpy.context.scene
    assert scene.camera == result.camera
    assert (scene.render.resolution_x, scene.render.resolution_y) == (width, height)
    points = np.random.default_rng(1).uniform((-1.0, -1.0, 2.0), (1.0, 1.0, 8.0), (20, 3))
    pixels = project(points, np.array(intrinsics).reshape(3, 3))
    world = blender_points_from_camera(points) + np.array(result.camera.location)
    for place, pixel in zip(world, pixels, strict=True):
        across, up, _ = world_to_camera_view(scene, result.camera, Vector(place))
        seen = (across * width - 0.5, (1.0 - up) * height - 0.5)
        assert np.abs(np.array(seen) - pixel).max() < 0.01


def test_the_photo_is_the_background(tmp_path: Path) -> None:
    photo = tmp_path / "ein Foto mit Ümläut.png"
    save_picture(photo, 64, 48)
    source = SourceInfo("image", str(photo), "c" * 64, 64, 48)
    result = import_with(tmp_path, source, (60.0, 0.0, 30.0, 0.0, 60.0, 20.0, 0.0, 0.0, 1.0))
    data = result.camera.data
    assert data.show_background_images
    (background,) = data.background_images
    assert Path(background.image.filepath) == photo
    assert background.display_depth == "BACK"
    assert background.frame_method == "STRETCH"
    assert background.alpha == 1.0
    assert result.notes == []
    assert result.collection.name == "ein Foto mit Ümläut"


def test_the_takes_own_copy_is_preferred(tmp_path: Path) -> None:
    (tmp_path / "a.take").mkdir()
    save_picture(tmp_path / "sideways.png", 48, 64)
    source = SourceInfo("image", str(tmp_path / "sideways.png"), "c" * 64, 64, 48, "display.png")
    body = fixtures.make_body()
    info = replace(fixtures.default_info(1), source=source)
    take = tmp_path / "b.take"
    fixtures.write_take(take, body, [fixtures.random_fit(body, 1)], info)
    save_picture(take / "display.png", 64, 48)
    result = import_take(bpy.context.scene, take)
    (background,) = result.camera.data.background_images
    assert Path(background.image.filepath) == take / "display.png"


@pytest.mark.parametrize("case", ["missing", "other size", "no picture"])
def test_a_photo_that_cannot_be_shown_is_noted(tmp_path: Path, case: str) -> None:
    photo = tmp_path / "photo.png"
    if case == "other size":
        save_picture(photo, 30, 30)
    if case == "no picture":
        photo.write_bytes(b"not a picture")
    source = SourceInfo("image", str(photo), "c" * 64, 64, 48)
    result = import_with(tmp_path, source, (60.0, 0.0, 30.0, 0.0, 60.0, 20.0, 0.0, 0.0, 1.0))
    assert len(result.camera.data.background_images) == 0
    assert len(bpy.data.images) == 0
    assert len(result.notes) == 1
    assert str(photo) in result.notes[0]


def test_options_keep_the_users_scene(tmp_path: Path) -> None:
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_percentage = 1234, 50
    source = SourceInfo("image", "/nowhere/a.jpg", "c" * 64, 64, 48)
    result = import_with(
        tmp_path,
        source,
        (60.0, 0.0, 30.0, 0.0, 60.0, 20.0, 0.0, 0.0, 1.0),
        (0.1, 0.0, 0.0, 0.0),
        set_render_resolution=False,
        set_scene_camera=False,
    )
    assert scene.camera is None
    assert (scene.render.resolution_x, scene.render.resolution_percentage) == (1234, 50)
    assert any("distortion" in note for note in result.notes)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of an import: the skeleton lies where the photo's camera sees it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
import scene_fixtures as fixtures

from nlf_blender.body.conventions import intrinsics_from_focal_px, project
from nlf_blender.errors import UserError
from nlf_blender.protocol.take import CameraInfo, SourceInfo
from nlf_blender.scene import ImportResult, import_take
from nlf_blender.scene.render import render_overlay, render_turned
from nlf_blender.scene.stage import read_pixels, write_pixels

WIDTH, HEIGHT = 160, 120
GREEN = (0.2, 0.6, 0.2, 1.0)


def facing_fit(body) -> fixtures.FitParameters:
    """A T-pose that faces the camera, right way up."""
    pose = np.zeros((body.joint_count, 3), dtype=np.float32)
    pose[0, 0] = np.pi
    return fixtures.FitParameters(
        pose, np.zeros(body.beta_count, dtype=np.float32), np.array([0.1, -0.1, 3.0], np.float32)
    )


@pytest.fixture
def pictured(tmp_path: Path) -> tuple[ImportResult, Path, np.ndarray]:
    """An import, its photo, and the pixels of its joints [J,2]."""
    photo = tmp_path / "photo.png"
    write_pixels(photo, np.broadcast_to(GREEN, (HEIGHT, WIDTH, 4)))
    body = fixtures.make_body()
    fit = facing_fit(body)
    matrix = intrinsics_from_focal_px(150.0, WIDTH, HEIGHT)
    matrix[0, 2] += 10.0
    info = replace(
        fixtures.default_info(1),
        source=SourceInfo("image", str(photo), "c" * 64, WIDTH, HEIGHT),
        camera=CameraInfo(tuple(matrix.ravel())),
    )
    take = fixtures.write_take(tmp_path / "a.take", body, [fit], info)
    joints = project(fixtures.reference_joints(body, fit)[:, :3, 3], matrix)
    return import_take(bpy.context.scene, take), photo, joints


def counts() -> dict[str, int]:
    """How many datablocks there are by kind; Blender keeps its render result among the images."""
    kinds = [p.identifier for p in bpy.data.bl_rna.properties if p.type == "COLLECTION"]
    kinds = [kind for kind in kinds if kind != "all_ids"]
    number = {kind: len(getattr(bpy.data, kind)) for kind in kinds}
    number["images"] -= "Render Result" in bpy.data.images
    return number


def test_overlay_shows_the_limbs_where_the_camera_saw_them(
    tmp_path: Path, pictured: tuple[ImportResult, Path, np.ndarray]
) -> None:
    result, photo, joints = pictured
    before = counts()
    out = tmp_path / "overlay.png"
    render_overlay(bpy.context.scene, result, photo, out)
    picture = read_pixels(out)
    assert picture.shape == (HEIGHT, WIDTH, 4)
    assert np.allclose(picture[-1, 0], GREEN, atol=0.01)
    names = result.people[0].body.vertex_groups.keys()
    for side, strong, weak in (("L", 2, 0), ("R", 0, 2)):
        for limb in ("Knee", "Elbow"):
            column, row = joints[names.index(f"{side}_{limb}")]
            pixel = picture[round(row), round(column)]
            assert pixel[strong] > pixel[weak] + 0.3, f"{side}_{limb}"
    # the person faces us: its left is to the right of the picture
    assert joints[names.index("L_Wrist"), 0] > joints[names.index("R_Wrist"), 0] + 40
    assert counts() == before


def test_turned_view_shows_people_on_the_ground(
    tmp_path: Path,
    pictured: tuple[ImportResult, Path, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = pictured[0]
    monkeypatch.setattr("nlf_blender.scene.render.TURNED_SIZE", (WIDTH, HEIGHT))
    result.people[0].body.hide_set(True)
    before = counts()
    out = tmp_path / "turned.png"
    render_turned(bpy.context.scene, result, out)
    picture = read_pixels(out)
    assert picture.shape == (HEIGHT, WIDTH, 4)
    # the person's colour is green-blue, the rest is grey
    colored = picture[..., 1] > picture[..., 0] + 0.15
    assert 0.005 < colored.mean() < 0.6
    assert not colored[:, [0, -1]].any()
    assert counts() == before
    assert result.people[0].body.hide_get()


def test_a_photo_that_is_gone_is_an_error_for_the_user(
    tmp_path: Path, pictured: tuple[ImportResult, Path, np.ndarray]
) -> None:
    result, photo, _ = pictured
    photo.unlink()
    before = counts()
    with pytest.raises(UserError):
        render_overlay(bpy.context.scene, result, photo, tmp_path / "overlay.png")
    assert counts() == before


def test_the_heat_map_shows_when_it_is_switched_on(
    pictured: tuple[ImportResult, Path, np.ndarray], tmp_path: Path
) -> None:
    """The material really reads the switch and the attribute: a sure mesh turns blue."""
    points = pictured[0].people[0].points
    pictured[0].people[0].body.hide_render = True
    points.hide_render = False
    count = len(points.data.vertices)
    values = np.tile(np.array([0.0, 0.0, 1.0, 1.0], dtype=np.float32), count)
    points.data.color_attributes["uncertainty_heat"].data.foreach_set("color", values)
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples = "CYCLES", 4
    scene.render.film_transparent = True
    scene.view_settings.view_transform = "Standard"
    scene.render.filepath = str(tmp_path / "heat.png")
    scene.world = bpy.data.worlds.new("white")
    scene.world.color = (1.0, 1.0, 1.0)
    means = []
    for switch in (0.0, 1.0):
        points["nlf_heatmap"] = switch
        points.update_tag()
        bpy.ops.render.render(write_still=True)
        picture = read_pixels(tmp_path / "heat.png")
        means.append(picture[picture[..., 3] > 0.9].mean(axis=0))
    assert means[0][1] > means[0][2] * 0.7  # plain skin: green-blue
    assert means[1][1] < means[1][2] * 0.3  # heat: pure blue

# SPDX-License-Identifier: GPL-3.0-or-later
"""A box drawn by hand: from a view's pixels to the footage's, whatever zoom and offset."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from mathutils import Matrix
from take_play import Play

import nlf_blender
from nlf_blender.bridge.task import BOXES, SOMEBODY_NEW, HandBox
from nlf_blender.errors import UserError
from nlf_blender.protocol.take import SourceInfo
from nlf_blender.ui.take.active_take import active_take
from nlf_blender.ui.take.box_operator import box_drawn, is_camera_of, region_under
from nlf_blender.ui.take.camera_frame import Frame, camera_frame, has_aspect, source_box
from nlf_blender.ui.take.solve_requests import REQUESTS

SOURCE = SourceInfo("video", "a.mp4", "0" * 64, 640, 480)
PIXEL = 1e-3


def looking_through(
    camera: bpy.types.Object, width: int, height: int, zoom: float, offset: tuple[float, float]
) -> tuple[SimpleNamespace, SimpleNamespace]:
    """A region and its view through a camera: the frame scaled and moved in the region's own
    coordinates, which are -1 to 1."""
    render = bpy.context.scene.render
    graph = bpy.context.evaluated_depsgraph_get()
    # fills the region with the frame's shape, as Blender's zoom 1 does not: only the factor counts
    projection = camera.calc_matrix_camera(
        graph, x=render.resolution_x, y=render.resolution_y, scale_x=1.0, scale_y=1.0
    )
    aspect = (render.resolution_x / render.resolution_y) / (width / height)
    place = Matrix.Translation((*offset, 0.0)) @ Matrix.Diagonal((zoom, zoom / aspect, 1.0, 1.0))
    matrix = place @ projection @ camera.matrix_world.inverted()
    return (
        SimpleNamespace(width=width, height=height),
        SimpleNamespace(perspective_matrix=matrix, is_perspective=True),
    )


@pytest.mark.parametrize(
    ("size", "zoom", "offset"),
    [
        ((800, 600), 1.0, (0.0, 0.0)),
        ((1000, 400), 0.5, (0.3, -0.2)),
        ((500, 900), 3.0, (-1.0, 0.7)),
    ],
)
def test_the_frame_is_found_under_zoom_and_offset(
    size: tuple[int, int], zoom: float, offset: tuple[float, float]
) -> None:
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 640, 480
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    camera.data.shift_x, camera.data.shift_y, camera.data.lens = 0.1, -0.05, 30.0
    camera.location, camera.rotation_euler = (1.0, -6.0, 1.5), (1.4, 0.1, 0.3)
    camera.scale = (2.0, 2.0, 2.0)
    bpy.context.view_layer.update()
    camera_matrix = camera.matrix_world.normalized()
    region, view = looking_through(camera, *size, zoom, offset)
    # a camera's scale does not count in views either
    view.perspective_matrix = (
        view.perspective_matrix @ camera.matrix_world @ camera_matrix.inverted()
    )
    frame = camera_frame(region, view, camera, scene)
    assert frame is not None
    aspect = (640 / 480) / (size[0] / size[1])
    half_x, half_y = zoom * size[0] / 2, zoom / aspect * size[1] / 2
    middle = (size[0] / 2 * (1 + offset[0]), size[1] / 2 * (1 + offset[1]))
    expected = (middle[0] - half_x, middle[1] - half_y, middle[0] + half_x, middle[1] + half_y)
    assert np.allclose(frame, expected, atol=0.01)
    assert has_aspect(frame, 640, 480)
    assert not has_aspect(frame, 480, 640)


def test_pixels_are_counted_from_the_middle_of_the_top_left_one() -> None:
    frame = Frame(100.0, 50.0, 740.0, 530.0)  # one to one
    whole = source_box((100, 50), (740, 530), frame, 640, 480)
    assert whole == pytest.approx((-0.5, -0.5, 639.5, 479.5), abs=PIXEL)
    box = source_box((300.0, 430.0), (200.0, 130.0), frame, 640, 480)  # dragged up and left
    assert box == pytest.approx((99.5, 99.5, 199.5, 399.5), abs=PIXEL)


def test_half_the_size_gives_the_same_box() -> None:
    frame = Frame(10.0, 20.0, 330.0, 260.0)
    box = source_box((60.0, 60.0), (110.0, 210.0), frame, 640, 480)
    assert box == pytest.approx((99.5, 99.5, 199.5, 399.5), abs=PIXEL)


def test_a_box_ends_where_the_picture_does() -> None:
    frame = Frame(0.0, 0.0, 640.0, 480.0)
    box = source_box((-50.0, 500.0), (100.0, 300.0), frame, 640, 480)
    assert box == pytest.approx((-0.5, -0.5, 99.5, 179.5), abs=PIXEL)
    assert source_box((-50.0, 500.0), (-10.0, 300.0), frame, 640, 480) is None


def test_a_click_is_no_box() -> None:
    frame = Frame(0.0, 0.0, 640.0, 480.0)
    assert source_box((50.0, 50.0), (52.0, 300.0), frame, 640, 480) is None
    with pytest.raises(UserError, match="too small"):
        box_drawn(frame, (50.0, 50.0), (50.0, 50.0), SOURCE)


def test_another_resolution_is_refused() -> None:
    with pytest.raises(UserError, match="640 x 480"):
        box_drawn(Frame(0.0, 0.0, 640.0, 640.0), (0.0, 0.0), (90.0, 90.0), SOURCE)
    with pytest.raises(UserError, match="look through the camera"):
        box_drawn(None, (0.0, 0.0), (90.0, 90.0), SOURCE)


def test_the_sidebar_lies_over_the_view() -> None:
    view = SimpleNamespace(type="WINDOW", x=100, y=100, width=800, height=600)
    sidebar = SimpleNamespace(type="UI", x=700, y=100, width=200, height=600)
    area = SimpleNamespace(regions=[view, sidebar])
    assert region_under(area, SimpleNamespace(mouse_x=200, mouse_y=200)) is view
    assert region_under(area, SimpleNamespace(mouse_x=750, mouse_y=200)) is None
    assert region_under(area, SimpleNamespace(mouse_x=50, mouse_y=200)) is None


def test_the_job_has_the_box_and_whose_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nlf_blender.register()
    play = Play(tmp_path / "walk.take", monkeypatch)
    REQUESTS.submit_box(play.folder, HandBox(7, (1.0, 2.0, 30.0, 40.0), SOMEBODY_NEW))
    assert play.tasks[0].command == BOXES
    assert play.tasks[0].fields["boxes"] == [
        {"frame": 7, "box": [1.0, 2.0, 30.0, 40.0], "person": -1}
    ]
    take = active_take(bpy.context)
    assert take is not None
    assert is_camera_of(play.camera, take)
    assert not is_camera_of(None, take)
    other = bpy.data.objects.new("other", bpy.data.cameras.new("other"))
    assert not is_camera_of(other, take)
    assert not bpy.ops.nlf.draw_box.poll()  # there is no 3D View
    nlf_blender.unregister()

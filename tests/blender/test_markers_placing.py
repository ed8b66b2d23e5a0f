# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers on a canonical body: by rays, by snapping, left and right at once."""

from __future__ import annotations

import time
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Vector

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.scene.datablocks import NewDatablocks
from nlf_blender.scene.markers import positions
from nlf_blender.scene.markers.canonical_body import (
    joints_of,
    make_canonical_body,
    world_from_canonical,
)
from nlf_blender.scene.markers.marker_sets import make_marker_set
from nlf_blender.scene.markers.mirroring import free_name, names_of_pair, new_markers, pair_names
from nlf_blender.scene.markers.raycast import at_depth, closest_skin, pierce
from nlf_blender.scene.markers.snapping import Screen, SnapTargets

pytestmark = pytest.mark.usefixtures("marker_properties")

OPEN_BODY = Path(__file__).resolve().parents[2] / "nlf_blender" / "assets" / "open_body.npz"
BODY = load_body_npz(OPEN_BODY)
BACKWARDS = np.array([0.0, 1.0, 0.0])  # the view from the front
LEFT = np.array([0.1, 0.2, 0.05])


@pytest.fixture
def body() -> bpy.types.Object:
    obj = make_canonical_body(NewDatablocks(), BODY, "open")
    for made in (obj, *obj.children):
        bpy.context.scene.collection.objects.link(made)
    bpy.context.view_layer.update()
    return obj


@pytest.fixture
def collection(body: bpy.types.Object) -> bpy.types.Collection:
    made = make_marker_set(NewDatablocks(), "Set", body)
    bpy.context.scene.collection.children.link(made)
    return made


def names(collection: bpy.types.Collection) -> list[str]:
    return list(positions.single_markers(collection))


def where(collection: bpy.types.Collection, name: str) -> np.ndarray:
    obj = positions.single_markers(collection)[name]
    return positions.canonical_position(obj, collection.nlf_markers.body)


def chest(body: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """A ray through the chest from the front, in the world."""
    names, joints, _ = joints_of(body)
    local = joints[names.index("Spine3")] + np.array([0.05, -1.0, 0.0])
    world = body.matrix_world
    return np.array(world @ Vector(local)), np.array(world.to_3x3() @ Vector(BACKWARDS))


def test_a_ray_finds_front_and_back_wherever_the_body_is(body: bpy.types.Object) -> None:
    graph = bpy.context.evaluated_depsgraph_get()
    first = pierce(body, *chest(body), graph)
    assert first is not None
    assert 0.1 < first.thickness < 0.35
    assert first.front[2] > first.back[2]  # SMPL's z is the front
    middle = closest_skin(body, first.at(0.5), graph)
    assert middle is not None and middle.depth > 0.04
    body.location, body.rotation_euler = (3.0, -2.0, 1.0), Euler((0.3, -0.2, 1.0))
    body.scale = (2.0, 0.5, 1.5)
    bpy.context.view_layer.update()
    moved = pierce(body, *chest(body), graph)
    assert moved is not None
    np.testing.assert_allclose(moved, first, atol=1e-5)
    assert pierce(body, np.array([0.0, 0.0, 50.0]), BACKWARDS, graph) is None
    assert first.share_of(first.at(0.3)) == pytest.approx(0.3)


def test_nested_surfaces_are_one_way() -> None:
    bpy.ops.mesh.primitive_uv_sphere_add(radius=1.0)
    ball = bpy.context.object
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.3, location=(0, -0.5, 0))
    with bpy.context.temp_override(selected_editable_objects=[ball, bpy.context.object]):
        bpy.context.view_layer.objects.active = ball
        ball.select_set(True)
        bpy.ops.object.join()
    graph = bpy.context.evaluated_depsgraph_get()
    found = pierce(ball, np.array([0.01, -5.0, 0.02]), BACKWARDS, graph)
    assert found is not None
    assert found.thickness == pytest.approx(2.0, abs=0.02)


def test_depth_under_the_skin_is_kept_and_set(body: bpy.types.Object) -> None:
    graph = bpy.context.evaluated_depsgraph_get()
    found = pierce(body, *chest(body), graph)
    for start in (found.front, found.at(0.1), found.front + np.array([0.0, 0.0, 0.01])):
        skin = closest_skin(body, start, graph)
        for depth in (0.012, -0.02, 0.0):
            again = closest_skin(body, at_depth(skin, start, depth), graph)
            assert again.depth == pytest.approx(depth, abs=5e-4)


@pytest.mark.parametrize("perspective", [True, False])
def test_snapping_takes_joints_before_bones_before_vertices(
    body: bpy.types.Object, perspective: bool
) -> None:
    body.location.x = 0.5
    bpy.context.view_layer.update()
    camera = bpy.data.objects.new("c", bpy.data.cameras.new("c"))
    bpy.context.scene.collection.objects.link(camera)
    camera.data.type = "PERSP" if perspective else "ORTHO"
    camera.data.ortho_scale = 2.5
    camera.location, camera.rotation_euler = (0.5, -4.0, 1.0), (np.pi / 2, 0, 0)
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    window = camera.calc_matrix_camera(graph, x=800, y=800)
    screen = Screen(window @ camera.matrix_world.inverted(), (800.0, 800.0), BACKWARDS)
    targets, (labels, joints, _) = SnapTargets(body), joints_of(body)

    def at(point: np.ndarray, off: float = 0.0) -> tuple[float, float]:
        seen, _ = screen.pixels(body.matrix_world, point[None])
        return float(seen[0, 0]) + off, float(seen[0, 1])

    knee, hip = (joints[labels.index(name)] for name in ("L_Knee", "L_Hip"))
    found = targets.nearest(screen, at(knee, 5.0))
    assert found.label == "joint L_Knee"
    np.testing.assert_allclose(
        world_from_canonical(body, found.position)[0], body.matrix_world @ Vector(knee), atol=1e-5
    )
    assert targets.nearest(screen, at((knee + hip) / 2, -5.0)).label == "middle of L_Hip - L_Knee"
    vertex = targets.nearest(screen, at((knee + hip) / 2, 30.0))
    number = int(vertex.label.removeprefix("vertex "))
    assert body.data.vertices[number].normal.y < 0  # of the front
    assert targets.nearest(screen, (5.0, 5.0)) is None
    behind = Screen(screen.matrix @ Matrix.Translation((0, -9, 0)), screen.size, BACKWARDS)
    assert targets.nearest(behind, (400.0, 400.0), 1e4) is None or not perspective


@pytest.mark.parametrize(
    ("name", "left", "pair"),
    [
        ("hand", True, ("hand.L", "hand.R")),
        ("hand", False, ("hand.R", "hand.L")),
        ("hand.L", False, ("hand.R", "hand.L")),
        ("left_hand", True, ("left_hand", "right_hand")),
        ("L_Hand", True, ("L_Hand", "R_Hand")),
        ("LASI", True, ("LASI", "RASI")),
        ("LASI", False, ("LASI.R", "LASI.L")),
        ("RING", True, ("RING.L", "RING.R")),
        ("knee", True, ("knee.L.001", "knee.R.001")),
    ],
)
def test_names_of_pairs(name: str, left: bool, pair: tuple[str, str]) -> None:
    assert pair_names(name, left, {"knee.R", "other"}) == pair


def test_names_that_are_taken_are_numbered() -> None:
    assert free_name("a", {"a", "a.001"}) == "a.002"
    assert free_name("a.001", {"a.001"}) == "a.002"
    assert names_of_pair("a", True, {"a.R"}) == ("a.L", "a.R.001")
    assert [n for n, _ in new_markers("a", np.array([0.003, 1, 2]), True, {"a"})] == ["a.001"]


def test_both_sides_are_placed_and_moved_exactly(collection: bpy.types.Collection) -> None:
    made = positions.add_at(collection, "hand", LEFT, mirror=True, group="arms")
    assert names(collection) == ["hand.L", "hand.R"] and made[0].nlf_marker.group == "arms"
    report = positions.mirror_state(collection)
    assert report.lonely == () and report.off == ()
    positions.move_to(collection, made[1], np.array([-0.3, 0.5, 0.1]), mirror=True)
    np.testing.assert_array_equal(
        where(collection, "hand.L"), where(collection, "hand.R") * (-1, 1, 1)
    )
    positions.move_to(collection, made[1], np.array([-0.2, 0.5, 0.1]), mirror=False)
    report = positions.mirror_state(collection)
    assert report.off[0].distance == pytest.approx(0.1, abs=1e-6)
    (nose,) = positions.add_at(collection, "nose", np.array([0.002, 0.4, 0.1]), mirror=True)
    assert where(collection, "nose")[0] == 0
    positions.move_to(collection, nose, np.array([-0.003, 0.4, 0.1]), mirror=True)
    assert where(collection, "nose")[0] == 0
    assert positions.symmetrize(collection, from_left=True) == 1
    assert positions.mirror_state(collection).off == ()
    np.testing.assert_allclose(where(collection, "hand.R"), (-0.3, 0.5, 0.1), atol=1e-7)


def test_symmetrize_makes_what_is_missing(collection: bpy.types.Collection) -> None:
    for name, x in (("LASI", 0.1), ("elbow", 0.4), ("RTOE", -0.1), ("top", 0.001)):
        positions.add_at(collection, name, np.array([x, 0.3, 0.0]), mirror=False)
    assert positions.mirror_state(collection).lonely == ("LASI", "elbow", "RTOE", "top")
    assert positions.symmetrize(collection, from_left=True) == 2
    assert names(collection) == ["LASI", "elbow.L", "RTOE", "top", "RASI", "elbow.R"]
    assert positions.mirror_state(collection).lonely == ("RTOE",)
    assert where(collection, "top")[0] == 0
    np.testing.assert_allclose(where(collection, "RASI"), (-0.1, 0.3, 0.0), atol=1e-7)


def test_a_click_is_answered_in_time(collection: bpy.types.Collection) -> None:
    body = collection.nlf_markers.body
    times = []
    for number in range(20):
        began = time.perf_counter()
        graph = bpy.context.evaluated_depsgraph_get()
        origin, direction = chest(body)
        found = pierce(body, origin + np.array([0, 0, 0.005 * number]), direction, graph)
        positions.add_at(collection, "m", found.front, mirror=True)
        bpy.context.view_layer.update()
        times.append(1e3 * (time.perf_counter() - began))
    print(f"placed in {np.median(times):.1f} ms, at most {max(times):.1f} ms")
    assert np.median(times) < 50

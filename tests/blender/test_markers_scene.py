# SPDX-License-Identifier: GPL-3.0-or-later
"""Canonical bodies and marker sets as objects and collections."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.errors import UserError
from nlf_blender.protocol.marker_set import Marker, MarkerSet
from nlf_blender.scene.datablocks import NewDatablocks
from nlf_blender.scene.markers import canonical_body, marker_sets
from nlf_blender.scene.markers.point_sets import gather

pytestmark = pytest.mark.usefixtures("marker_properties")

OPEN_BODY = Path(__file__).resolve().parents[2] / "nlf_blender" / "assets" / "open_body.npz"
BODY = load_body_npz(OPEN_BODY)
SET = MarkerSet(
    "Two",
    (
        Marker("tip", (0.1, 0.2, 0.3), "head", (0.2, 0.4, 0.6), "in the air"),
        Marker("L_end", (-0.5, 0.25, 0.125)),
    ),
)


@pytest.fixture
def body() -> bpy.types.Object:
    obj = canonical_body.make_canonical_body(NewDatablocks(), BODY, "open")
    bpy.context.scene.collection.objects.link(obj)
    for child in obj.children:
        bpy.context.scene.collection.objects.link(child)
    return obj


@pytest.fixture
def collection(body: bpy.types.Object) -> bpy.types.Collection:
    made = marker_sets.make_marker_set(NewDatablocks(), "Two", body)
    bpy.context.scene.collection.children.link(made)
    return made


def moved(body: bpy.types.Object) -> None:
    body.location = (3.0, -2.0, 1.0)
    body.rotation_euler = Euler((0.3, -0.2, 1.0))
    body.scale = (2.0, 2.0, 2.0)
    bpy.context.view_layer.update()


def test_body_stands_on_the_ground_and_faces_the_viewer(body: bpy.types.Object) -> None:
    bpy.context.view_layer.update()
    world = np.array([body.matrix_world @ vertex.co for vertex in body.data.vertices])
    assert world[:, 2].min() == pytest.approx(0, abs=1e-6)
    assert world[:, 2].max() == pytest.approx(np.ptp(BODY.canonical_vertices[:, 1]), abs=1e-5)
    names, joints, bones = canonical_body.joints_of(body)
    assert names == BODY.skeleton.joint_names
    assert len(bones) == BODY.joint_count - 1
    toes, ankle = (joints[names.index(n)] for n in ("L_Foot", "L_Ankle"))
    assert toes[1] < ankle[1] and ankle[0] > 0  # toes to the front, -Y; the left is +X
    assert canonical_body.canonical_bodies(bpy.context.scene) == [body]


def test_set_comes_back_wherever_the_body_went(
    body: bpy.types.Object, collection: bpy.types.Collection
) -> None:
    marker_sets.add_markers(NewDatablocks(), collection, SET)
    for _ in range(2):
        read = marker_sets.read_scene_set(collection)
        assert [m.name for m in read.markers] == ["tip", "L_end"]
        np.testing.assert_allclose(read.positions, SET.positions, atol=2e-6)
        assert read.markers[0].group == "head" and read.markers[0].place == "in the air"
        assert read.markers[0].color == pytest.approx((0.2, 0.4, 0.6))
        assert (read.body, read.gender) == ("open", "")
        moved(body)


def test_meshes_curves_and_groups_give_markers(
    body: bpy.types.Object, collection: bpy.types.Collection
) -> None:
    moved(body)
    mesh = bpy.data.meshes.new("m")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    patch = bpy.data.objects.new("patch", mesh)
    patch.scale = (0.5, 0.5, 0.5)
    patch.vertex_groups.new(name="part").add([0, 2], 1.0, "REPLACE")
    curve = bpy.data.curves.new("c", "CURVE")
    curve.dimensions = "3D"
    spline = curve.splines.new("POLY")
    spline.points.add(1)
    spline.points[1].co = (0, 0, 2, 1)
    line = bpy.data.objects.new("line", curve)
    for obj in (patch, line, bpy.data.objects.new("lamp", bpy.data.lights.new("l", "POINT"))):
        collection.objects.link(obj)
    expected = canonical_body.canonical_from_world(body, np.array([[0.5, 0, 0], [0, 0, 2]]))
    read = {m.name: m.position for m in marker_sets.read_scene_set(collection).markers}
    assert list(read) == ["patch.0001", "patch.0002", "patch.0003", "line.0001", "line.0002"]
    np.testing.assert_allclose([read["patch.0002"], read["line.0002"]], expected, atol=1e-5)
    patch.nlf_marker.vertex_group = "part"
    read = {m.name: m.position for m in marker_sets.read_scene_set(collection).markers}
    assert "patch.0002" in read and "patch.0003" not in read
    patch.nlf_marker.vertex_group = "none"
    with pytest.raises(UserError, match="vertex group"):
        marker_sets.read_scene_set(collection)


def test_what_cannot_be_read_is_told(
    body: bpy.types.Object, collection: bpy.types.Collection
) -> None:
    with pytest.raises(UserError, match="no markers"):
        marker_sets.read_scene_set(collection)
    for _ in range(2):
        marker_sets.add_marker(NewDatablocks(), collection, Marker("same", (0.0, 0.0, 0.0)))
    with pytest.raises(UserError, match="two markers are called 'same'"):
        marker_sets.read_scene_set(collection)
    with pytest.raises(UserError, match="was placed on"):
        marker_sets.add_markers(NewDatablocks(), collection, MarkerSet("x", (), "smpl"))
    bpy.data.objects.remove(body)
    with pytest.raises(UserError, match="no canonical body"):
        marker_sets.read_scene_set(collection)


def test_a_set_says_which_of_smpl_it_is_on() -> None:
    """Mean men and women differ by centimetres."""
    woman = replace(BODY, gender="female")
    body = canonical_body.make_canonical_body(NewDatablocks(), woman, "smpl")
    bpy.context.scene.collection.objects.link(body)
    collection = marker_sets.make_marker_set(NewDatablocks(), "Two", body)
    on = replace(SET, body="smpl")
    for gender in ("", "female"):
        marker_sets.add_markers(NewDatablocks(), collection, replace(on, gender=gender))
        assert marker_sets.read_scene_set(collection).gender == "female"
        for obj in list(collection.objects):
            bpy.data.objects.remove(obj)
    with pytest.raises(UserError, match="'smpl neutral', Two stands on 'smpl female'"):
        marker_sets.add_markers(NewDatablocks(), collection, replace(on, gender="neutral"))


def test_a_mirrored_mesh_is_taken_as_it_is_seen(body: bpy.types.Object) -> None:
    moved(body)
    suit = bpy.data.objects.new("Suit", body.data.copy())
    bpy.context.scene.collection.objects.link(suit)
    mirror = Matrix.Diagonal((-3.0, 3.0, 3.0, 1.0))
    suit.data.transform(mirror.inverted())
    suit.data.flip_normals()  # as Blender does where a negative scale is applied
    suit.matrix_world = body.matrix_world @ mirror
    suit.nlf_points.body = body
    bpy.context.view_layer.update()
    before = [loop.vertex_index for loop in suit.data.loops]
    points = gather(bpy.context.scene, suit).points
    np.testing.assert_allclose(points.points, BODY.canonical_vertices, atol=1e-5)
    first, second, third = points.points[points.polygons.corners.reshape(-1, 3)].swapaxes(0, 1)
    assert np.einsum("fx,fx->", first, np.cross(second, third)) > 0  # faces look outwards
    assert [loop.vertex_index for loop in suit.data.loops] == before

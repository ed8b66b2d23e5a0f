# SPDX-License-Identifier: GPL-3.0-or-later
"""Localized markers and meshes in the scene: places, gaps, updates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import footage_fixtures as footage
import numpy as np
import pytest
import scene_fixtures as fixtures
import set_fixtures as sets

from nlf_blender.body.body_data import BodyData
from nlf_blender.body.conventions import blender_points_from_camera
from nlf_blender.errors import UserError
from nlf_blender.scene import (
    FootageOptions,
    ImportOptions,
    ImportResult,
    UpdateOptions,
    import_take,
    update_take,
)
from nlf_blender.scene.markers import gaps as gap_keys
from nlf_blender.scene.markers.animated_marker import UNCERTAINTY
from nlf_blender.scene.markers.gap_options import Gaps
from nlf_blender.scene.markers.photo_sets import update_photo

pytestmark = pytest.mark.usefixtures("marker_properties")

FRAMES = np.arange(40)
NAMES = ("nose", "L_hip", "R_hip")
EXACT = 1e-5


@pytest.fixture(scope="module")
def body() -> BodyData:
    return fixtures.make_body()


@pytest.fixture
def take(tmp_path: Path, body: BodyData) -> Path:
    """Footage of one person, without point sets."""
    return footage.write_footage(
        tmp_path / "a.take", body, {3: footage.walk(body, 1, FRAMES)}, names={3: "Anna"}
    )


def imported(take: Path, **options: object) -> ImportResult:
    result = import_take(
        bpy.context.scene,
        take,
        ImportOptions(footage=FootageOptions(start_frame=1, **options)),
    )
    bpy.context.view_layer.update()
    return result


def updated(take: Path, **options: object) -> ImportResult:
    result = update_take(bpy.context.scene, take, UpdateOptions(**options))
    assert result is not None
    return result


def where(obj: bpy.types.Object, frame: int) -> np.ndarray:
    graph = footage.set_frame(bpy.context.scene, frame)
    return np.array(obj.evaluated_get(graph).matrix_world.translation)


def is_shown(obj: bpy.types.Object, frame: int) -> bool:
    footage.set_frame(bpy.context.scene, frame)
    return not obj.hide_viewport and not obj.hide_render


def localized(take: Path, seed: int = 0, *names: str) -> np.ndarray:
    """Add the marker set to Anna's solution; returns her places [T,K,3]."""
    chosen = names or NAMES
    places = sets.places(40, len(chosen), seed)
    motion = {3: (places, sets.doubt(40, len(chosen)))}
    sets.add_to_solution(take, sets.markers(*chosen), motion)
    return places


def test_each_marker_becomes_an_animated_empty(take: Path) -> None:
    places = localized(take)
    result = imported(take)
    collection = result.people[0].collection.children["Anna Markers"]
    nose = collection.objects["Anna nose"]
    assert [f"Anna {name}" in collection.objects for name in NAMES] == [True] * 3
    assert nose.nlf_marker.name == "nose" and nose.nlf_marker.group == "row"
    assert nose.color[:3] == pytest.approx((0.2, 0.4, 0.6))
    assert nose.parent.parent == result.people[0].rig
    for frame in (1, 17, 40):
        np.testing.assert_allclose(where(nose, frame), places[frame - 1, 0], atol=EXACT)
    footage.set_frame(bpy.context.scene, 5)
    shown = collection.objects["Anna R_hip"].evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert shown[UNCERTAINTY] == pytest.approx(0.15)
    assert shown.empty_display_size == pytest.approx(0.015, abs=1e-4)


def test_gaps_are_hidden_and_filled_on_request(take: Path) -> None:
    localized(take)
    imported(take)
    nose, hip = (bpy.data.objects[f"Anna {name}"] for name in ("nose", "L_hip"))
    expected = [*range(1, 13), *range(16, 21), *range(25, 41)]
    assert [frame for frame in range(1, 41) if is_shown(nose, frame)] == expected
    assert all(is_shown(hip, frame) for frame in (1, 14, 22, 40))
    assert "hide_viewport" not in {
        path for path, _ in gap_keys.curves_of(hip.animation_data.action, "OBJECT")
    }
    _, whole = gap_keys.stored_gaps(nose.parent)
    gap_keys.store_gaps(nose.parent, Gaps(1.0), whole)
    gap_keys.show_gaps(nose, nose.animation_data.action, nose.parent)
    assert is_shown(nose, 22) and not is_shown(nose, 14)
    gap_keys.store_gaps(nose.parent, Gaps(fill=True), whole)
    gap_keys.show_gaps(nose, nose.animation_data.action, nose.parent)
    assert all(is_shown(nose, frame) for frame in range(1, 41))


def test_a_person_who_comes_late_has_no_markers_before(tmp_path: Path, body: BodyData) -> None:
    people = {1: footage.walk(body, 1, FRAMES), 2: footage.walk(body, 2, FRAMES[10:30])}
    take = footage.write_footage(tmp_path / "b.take", body, people)
    motion = {2: (sets.places(20, 1), np.full((20, 1), 0.1, dtype=np.float32))}
    sets.add_to_solution(take, sets.markers("tip"), motion)
    imported(take)
    tip = bpy.data.objects["Person 2 tip"]
    shown = [frame for frame in range(1, 41) if is_shown(tip, frame)]
    assert shown == list(range(11, 31))


def test_an_update_renews_what_the_artist_left_alone(take: Path) -> None:
    localized(take)
    imported(take)
    nose, left, right = (bpy.data.objects[f"Anna {name}"] for name in NAMES)
    nose.name = "My nose"
    left.hide_set(True)
    left.scale = (2.0, 2.0, 2.0)
    left.keyframe_insert("scale", frame=3)
    bpy.data.objects.remove(right)
    places = localized(take, 7)
    updated(take)
    assert "My nose" in bpy.data.objects and "Anna R_hip" not in bpy.data.objects
    assert left.hide_get() and left.scale[0] == 2.0
    np.testing.assert_allclose(where(nose, 17), places[16, 0], atol=EXACT)
    np.testing.assert_allclose(where(left, 17), places[16, 1], atol=EXACT)
    curves = gap_keys.curves_of(left.animation_data.action, "OBJECT")
    assert ("scale", 0) in curves


def test_only_a_range_is_renewed_and_hand_keys_stay(take: Path) -> None:
    before = localized(take)
    imported(take)
    nose = bpy.data.objects["Anna nose"]
    footage.set_frame(bpy.context.scene, 20)
    nose.location.z += 1.0
    nose.keyframe_insert("location", frame=20)
    wanted = where(nose, 20)
    places = localized(take, 7)
    updated(take, first=15, last=40, blend=0)
    np.testing.assert_allclose(where(nose, 10), before[9, 0], atol=EXACT)
    np.testing.assert_allclose(where(nose, 20), wanted, atol=EXACT)
    np.testing.assert_allclose(where(nose, 30), places[29, 0], atol=EXACT)


def test_an_edited_set_gains_and_hides_markers_and_a_lost_set_goes(take: Path) -> None:
    localized(take)
    imported(take)
    places = localized(take, 0, "nose", "chin")
    updated(take)
    chin, hip = bpy.data.objects["Anna chin"], bpy.data.objects["Anna L_hip"]
    np.testing.assert_allclose(where(chin, 9), places[8, 1], atol=EXACT)
    assert hip.hide_render and hip.hide_get()
    localized(take)
    updated(take)
    assert not hip.hide_render and not hip.hide_get()
    for path in sorted((take / "sets" / "Probe").iterdir()):
        path.unlink()
    solution = take / "solution" / "solution.json"
    text = solution.read_text()
    sets.write_solution(
        solution.parent,
        replace(
            sets.read_solution(take),
            people=tuple(replace(p, sets=()) for p in sets.read_solution(take).people),
        ),
    )
    assert solution.read_text() != text
    updated(take)
    assert not [obj for obj in bpy.data.objects if obj.name.startswith("Anna nose")]


def test_a_dropped_persons_markers_are_hidden(take: Path, body: BodyData) -> None:
    localized(take)
    imported(take)
    people = {4: footage.walk(body, 2, FRAMES)}
    footage.write_people(take, body, people, footage.footage_info(), FRAMES / 30.0, {})
    updated(take)
    assert bpy.data.objects["Anna nose"].hide_get()


def test_a_mesh_keeps_its_faces_and_follows_its_points(take: Path) -> None:
    places, unsure = sets.places(40, 4), sets.doubt(40, 4)
    sets.add_to_solution(take, sets.tetrahedron(), {3: (places, unsure)})
    imported(take)
    suit = bpy.data.objects["Anna Suit"]
    assert len(suit.data.polygons) == 4
    np.testing.assert_allclose(footage.mesh_points(suit, 17), places[16], atol=EXACT)
    values = [item.value for item in suit.data.attributes["uncertainty"].data]
    np.testing.assert_allclose(values, np.nanmean(unsure, axis=0), atol=1e-6)
    again = sets.places(40, 4, 5)
    sets.add_to_solution(take, sets.tetrahedron(), {3: (again, unsure)})
    updated(take, first=10, last=40, blend=0)
    np.testing.assert_allclose(footage.mesh_points(suit, 5), places[4], atol=EXACT)
    np.testing.assert_allclose(footage.mesh_points(suit, 17), again[16], atol=EXACT)


def _turned(corners: list[int]) -> list[int]:
    """A face from its smallest corner on."""
    first = corners.index(min(corners))
    return corners[first:] + corners[:first]


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_artists_own_mesh_is_copied_with_what_it_has(take: Path, mirrored: bool) -> None:
    points = sets.tetrahedron()
    mesh = bpy.data.meshes.new("m")
    faces = points.polygons.corners.reshape(-1, 3).tolist()
    mesh.from_pydata(points.points.tolist(), [], faces)
    mesh.uv_layers.new(name="Mine")
    mesh.materials.append(bpy.data.materials.new("Cloth"))
    if mirrored:  # its set has the faces as the object shows them
        mesh.flip_normals()
    original = bpy.data.objects.new("Suit", mesh)
    bpy.context.scene.collection.objects.link(original)
    sets.add_to_solution(take, points, {3: (sets.places(40, 4), sets.doubt(40, 4))})
    imported(take)
    suit = bpy.data.objects["Anna Suit"]
    assert suit.data != mesh and "Mine" in suit.data.uv_layers
    assert suit.data.materials[0].name == "Cloth"
    corners = [loop.vertex_index for loop in suit.data.loops]
    assert sorted(faces) == sorted(_turned(corners[i : i + 3]) for i in range(0, 12, 3))


def test_many_markers_become_points_with_names(take: Path) -> None:
    names = [f"m{i}" for i in range(5200)]
    places = sets.places(40, len(names))
    unsure = np.full((40, len(names)), 0.1, dtype=np.float32)
    sets.add_to_solution(take, sets.markers(*names), {3: (places, unsure)})
    before = len(bpy.data.objects)
    imported(take)
    assert len(bpy.data.objects) < before + 10
    cloud = bpy.data.objects["Anna Probe"]
    np.testing.assert_allclose(footage.mesh_points(cloud, 30), places[29], atol=EXACT)
    ids = [item.value for item in cloud.data.attributes["marker_id"].data]
    lines = cloud["nlf_marker_names"].as_string().split("\n")
    assert ids == list(range(5200)) and lines[77] == "m77"


def test_units_and_in_place_hold_for_markers(take: Path, body: BodyData) -> None:
    places = localized(take)
    result = imported(take, in_place=True)
    nose, rig = bpy.data.objects["Anna nose"], result.people[0].rig
    assert rig.scale[0] == 1.0
    root = footage.walk(body, 1, FRAMES).root
    travel = root[16] - root[0]
    expected = places[16, 0] - (travel[0], travel[1], 0.0)
    np.testing.assert_allclose(where(nose, 17), expected, atol=1e-4)


def test_a_damaged_set_is_told_before_anything_is_made(take: Path) -> None:
    localized(take)
    sets.write_set(take, sets.markers("one", "two"))
    before = len(bpy.data.objects)
    with pytest.raises(UserError, match="Solve"):
        imported(take)
    assert len(bpy.data.objects) == before


def test_photos_get_markers_where_they_were_localized(tmp_path: Path, body: BodyData) -> None:
    fits = [fixtures.random_fit(body, seed) for seed in (1, 2)]
    take = fixtures.write_take(tmp_path / "p.take", body, fits)
    places = sets.places(2, 3) + np.float32([0, 0, 4])
    places[1, 2] = np.nan
    unsure = np.where(np.isnan(places[..., 0]), np.nan, 0.08).astype(np.float32)
    sets.add_to_photo(take, sets.markers(*NAMES), places, unsure, ("R_hip is far away.",))
    result = import_take(bpy.context.scene, take)
    bpy.context.view_layer.update()
    assert "R_hip is far away." in result.notes
    assert "Person 1 R_hip" in bpy.data.objects and "Person 2 R_hip" not in bpy.data.objects
    one, two = (bpy.data.objects[f"Person {i} nose"] for i in (1, 2))
    apart = np.array(two.matrix_world.translation - one.matrix_world.translation)
    expected = blender_points_from_camera(places[1, 0] - places[0, 0])
    np.testing.assert_allclose(apart, expected, atol=EXACT)
    mesh = result.people[0].points.data.vertices[0].co
    camera = result.camera.matrix_world.inverted() @ one.matrix_world.translation
    np.testing.assert_allclose(camera, places[0, 0] * (1, -1, -1), atol=1e-4)
    assert mesh is not None and one[UNCERTAINTY] == pytest.approx(0.08)


def test_a_photo_in_the_scene_gets_further_sets(tmp_path: Path, body: BodyData) -> None:
    take = fixtures.write_take(tmp_path / "p.take", body, [fixtures.random_fit(body, 1)])
    import_take(bpy.context.scene, take)
    assert update_photo(bpy.context.scene, tmp_path) is None
    places = sets.places(1, 4)
    places[0, 3] = np.nan
    sets.add_to_photo(take, sets.tetrahedron(), places, np.full((1, 4), 0.1, dtype=np.float32))
    assert update_photo(bpy.context.scene, take) == []
    suit = bpy.data.objects["Person 1 Suit"]
    corners = np.array([vertex.co for vertex in suit.data.vertices])
    assert len(suit.data.polygons) == 4 and np.isfinite(corners).all()
    sets.add_to_photo(take, sets.markers(*NAMES), places[:, :3], np.full((1, 3), 0.1))
    update_photo(bpy.context.scene, take)
    assert "Person 1 nose" in bpy.data.objects and bpy.data.objects["Person 1 Suit"] == suit

# SPDX-License-Identifier: GPL-3.0-or-later
"""Clothes: MakeHuman's files read, and bound to the open body."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from wardrobe_examples import HEADER, TIGHTS, bound_patch, four, near, texts

from nlf_blender.errors import UserError
from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.training.synthetic.bodies import open_body
from nlf_blender.worker.training.synthetic.wardrobe.base_mesh import BaseMesh, load_base_mesh
from nlf_blender.worker.training.synthetic.wardrobe.binding import bind
from nlf_blender.worker.training.synthetic.wardrobe.mhclo import read_clothes


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return open_body()


@pytest.fixture(scope="module")
def base(body: BodyModel) -> BaseMesh:
    return load_base_mesh(body.body)


def test_the_base_mesh_is_the_open_body_in_another_pose(body: BodyModel, base: BaseMesh) -> None:
    edges = body.body.faces[:, :2]
    lengths = [
        np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
        for points in (base.vertices[base.kept], body.body.v_template)
    ]
    longer = lengths[0] > 0.004  # the asset is rounded to 0.06 mm
    ratio = lengths[0][longer] / lengths[1][longer]
    assert abs(np.median(ratio) - 1) < 0.005
    assert np.percentile(abs(ratio - 1), 90) < 0.1
    np.testing.assert_array_equal(base.nearest[base.kept], np.arange(body.body.vertex_count))


def test_offsets_scale_with_the_base_mesh() -> None:
    mesh = np.zeros((19158, 3))
    mesh[200, 0], mesh[7] = 0.3, [0.1, 0.2, 0.3]
    rows = "7\n7 8 9 1 0 0 0.5 0.5 0\n" + "7\n" * 2
    clothes = read_clothes("clothes/a/cloth.mhclo", texts(rows), len(mesh))
    # x_scale: 3 dm where 1.5 were meant doubles offsets in x; those in y stay
    np.testing.assert_allclose(clothes.on_base(mesh)[1], [0.2, 0.25, 0.3])
    np.testing.assert_allclose(clothes.on_base(mesh)[0], [0.1, 0.2, 0.3])


def test_covered_vertices_are_ranges_and_keywords_do_not_end_the_rows(base: BaseMesh) -> None:
    rows = "material cloth.mhmat\n7\n7\n7\n7\ndelete_verts\n3 5 - 7\n9\n"
    clothes = bound_patch(base, rows)
    assert clothes.covered.tolist() == [3, 5, 6, 7, 9]
    assert len(clothes.corners) == 4 and clothes.faces.tolist() == [[0, 1, 3], [0, 3, 2]]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("7\n7\n7\n", "binds 3 vertices of a mesh with 4"),
        ("7\n7\n7\n7 8 9 1 0\n", "line 9"),
        ("7\n7\n7\n7 8 9 nan 0 0 0 0 0\n", "NaN"),
        ("7\n7\n7\n19158\n", "names vertices beyond"),
        ("7\n7\n7\n7\ndelete_verts\n5 - x\n", "line 11"),
    ],
)
def test_a_broken_file_is_named(base: BaseMesh, rows: str, told: str) -> None:
    with pytest.raises(UserError, match=r"clothes/a/cloth[.]mhclo") as raised:
        bound_patch(base, rows)
    assert told in raised.value.detail


def test_a_file_without_its_mesh_is_named(base: BaseMesh) -> None:
    only = {"clothes/a/cloth.mhclo": HEADER.format(name="x")}
    with pytest.raises(UserError, match=r"its mesh cloth[.]obj is not beside it"):
        read_clothes("clothes/a/cloth.mhclo", only, len(base.vertices))


def test_what_lies_on_the_skin_stays_on_the_skin(body: BodyModel, base: BaseMesh) -> None:
    vertices = near(body, "left_elbow")
    bound = bind(bound_patch(base, four(base, *vertices)), base, body.body, is_hair=False)
    np.testing.assert_array_equal(bound.corners[:, 0], vertices)
    np.testing.assert_allclose(bound.rest, body.body.v_template[vertices], atol=1e-9)


def test_offsets_are_turned_to_the_open_bodys_rest_pose(body: BodyModel, base: BaseMesh) -> None:
    """MakeHuman's forearm points down and out, the open body's straight out."""
    vertices = near(body, "left_elbow")
    on_base = base.vertices[base.kept]
    along = on_base[near(body, "left_wrist", 1)[0]] - on_base[near(body, "left_shoulder", 1)[0]]
    along /= np.linalg.norm(along)
    rows = "".join(
        f"{base.kept[vertex]} 0 0 1 0 0 {0.1 * along[0]} {0.1 * along[1]} {0.1 * along[2]}\n"
        for vertex in vertices
    )
    clothes = replace(bound_patch(base, rows), scales={})
    bound = bind(clothes, base, body.body, is_hair=False)
    np.testing.assert_allclose(np.linalg.norm(bound.offsets, axis=1), 0.01, atol=1e-6)
    assert (bound.offsets[:, 0] > 0.0085).all()  # nearly along x now
    assert along[0] < 0.8


def test_helpers_are_replaced_by_the_skin_under_them(body: BodyModel, base: BaseMesh) -> None:
    rows = "".join(f"{TIGHTS + number}\n" for number in range(4))
    bound = bind(bound_patch(base, rows), base, body.body, is_hair=False)
    helper = base.vertices[TIGHTS : TIGHTS + 4]
    skin = base.vertices[base.kept[bound.corners[:, 0]]]
    assert np.linalg.norm(helper - skin, axis=1).max() < 0.03
    np.testing.assert_allclose(
        np.linalg.norm(bound.offsets, axis=1), np.linalg.norm(helper - skin, axis=1), atol=1e-4
    )


def test_no_weight_is_negative_yet_nothing_moves(body: BodyModel, base: BaseMesh) -> None:
    """A vertex bound beyond a triangle would spring off where a pose folds that triangle."""
    first, second = near(body, "pelvis", 2)
    row = f"{base.kept[first]} {base.kept[second]} {base.kept[second]} 3 -1 -1 0 0 0\n"
    clothes = bound_patch(base, row * 4)
    bound = bind(clothes, base, body.body, is_hair=False)
    assert bound.weights.min() >= 0
    np.testing.assert_allclose(bound.weights.sum(axis=1), 1)
    away = clothes.on_base(base.vertices) - base.vertices[base.kept[first]]
    assert np.linalg.norm(away[0]) > 0.005
    np.testing.assert_allclose(bound.rest - body.body.v_template[first], away, atol=2e-3)

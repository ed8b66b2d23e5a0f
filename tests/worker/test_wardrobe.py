# SPDX-License-Identifier: GPL-3.0-or-later
"""Clothes: MakeHuman's files, bound to the open body, on people in any shape and pose."""

from __future__ import annotations

import argparse
import tarfile
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch

from nlf_blender.errors import UserError
from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.training.synthetic.bodies import open_body, skinning_transforms
from nlf_blender.worker.training.synthetic.normals import rings, vertex_normals
from nlf_blender.worker.training.synthetic.skeleton import INDEX
from nlf_blender.worker.training.synthetic.stage import (
    Cameras,
    Cast,
    Clothing,
    Lights,
    MeshGroup,
    People,
)
from nlf_blender.worker.training.synthetic.wardrobe import command, looks
from nlf_blender.worker.training.synthetic.wardrobe.base_mesh import BaseMesh, load_base_mesh
from nlf_blender.worker.training.synthetic.wardrobe.binding import bind
from nlf_blender.worker.training.synthetic.wardrobe.dressing import Wardrobe, open_wardrobe
from nlf_blender.worker.training.synthetic.wardrobe.fitting import fabric_of, fitted
from nlf_blender.worker.training.synthetic.wardrobe.garment import load_garments, save_garments
from nlf_blender.worker.training.synthetic.wardrobe.mhclo import Clothes, read_clothes
from nlf_blender.worker.training.synthetic.wardrobe.outfits import Outfit
from nlf_blender.worker.training.synthetic.wardrobe.painted import (
    Painted,
    Patch,
    hemmed,
    inside_by,
)
from nlf_blender.worker.training.synthetic.wardrobe.pieces import (
    garments_of,
    with_some_held_out,
    without_doubles,
)
from nlf_blender.worker.training.synthetic.wardrobe.skirts import skirts

TIGHTS = 15328  # the first vertex of a helper of the base mesh
OBJ = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\nvt 0 0\nf 1/1 2/1 4/1 3/1\n"
HEADER = "# CC0\nname {name}\nobj_file cloth.obj\nx_scale 100 200 1.5\nverts 0\n"
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
Texts = dict[str, str]


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return open_body()


@pytest.fixture(scope="module")
def base(body: BodyModel) -> BaseMesh:
    return load_base_mesh(body.body)


@pytest.fixture(scope="module")
def plain(body: BodyModel) -> Wardrobe:
    """What can be worn without any archive."""
    return open_wardrobe(None, "train", "cpu")


def texts(rows: str, name: str = "cloth", folder: str = "clothes/a") -> Texts:
    return {f"{folder}/cloth.mhclo": HEADER.format(name=name) + rows, f"{folder}/cloth.obj": OBJ}


def four(base: BaseMesh, *vertices: int) -> str:
    """Rows that put four vertices on four vertices of the open body."""
    return "".join(f"{base.kept[vertex]}\n" for vertex in vertices)


def near(body: BodyModel, joint: str, count: int = 4) -> list[int]:
    """Vertices of the skin that move with a joint, about its middle."""
    weights = body.weights[:, INDEX[joint]].numpy()
    return np.argsort(-weights, kind="stable")[:count].tolist()


def people_of(body: BodyModel, rotations: torch.Tensor, betas: torch.Tensor) -> People:
    count = len(rotations)
    place, scale = torch.tensor([[0.0, 0.0, 3.0]]).repeat(count, 1), torch.ones(count)
    posed = body(rotations, betas, place, scale)
    shaped = body.v_template + torch.einsum("vcb,nb->nvc", body.shapedirs, betas)
    return People(
        picture=torch.arange(count),
        owner=torch.zeros(count, dtype=torch.int64),
        betas=betas,
        rotations=rotations,
        translation=place,
        scale=scale,
        shaped=shaped,
        transforms=skinning_transforms(posed, body.rest_joints(betas), scale),
        vertices=posed.vertices,
        joints=posed.joints,
    )


def bent(count: int) -> torch.Tensor:
    """People who stand before the camera and bend their limbs."""
    random = np.random.default_rng(3)
    turns = torch.tensor(random.normal(size=(count, 24, 3)) * 0.3, dtype=torch.float32)
    skew = torch.zeros(count, 24, 3, 3)
    skew[..., 0, 1], skew[..., 0, 2], skew[..., 1, 2] = (
        -turns[..., 2],
        turns[..., 1],
        -turns[..., 0],
    )
    rotations = torch.linalg.matrix_exp(skew - skew.mT)
    rotations[:, 0] = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    return rotations


def cast_of(people: People, numbers: tuple[int, ...], seed: int = 5) -> Cast:
    count, zero = len(numbers), torch.zeros(len(numbers), 1, 3)
    cameras = Cameras((64, 64), torch.eye(3).repeat(count, 1, 1), zero[:, 0], zero[:, 0, 0])
    lights = Lights(zero[:, 0], zero[:, 0], zero, zero, zero[:, 0, 0])
    return Cast(seed, numbers, people, cameras, lights)


def of_picture(clothing: Clothing, picture: int) -> list[tuple[MeshGroup, int]]:
    """The copies of meshes that a picture shows."""
    return [
        (group, row)
        for group in clothing.groups
        for row in (group.picture == picture).nonzero()[:, 0].tolist()
    ]


def bound_patch(base: BaseMesh, rows: str) -> Clothes:
    return read_clothes("clothes/a/cloth.mhclo", texts(rows), len(base.vertices))


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


def test_a_garment_follows_shape_and_pose(body: BodyModel, base: BaseMesh) -> None:
    vertices = near(body, "left_elbow")
    path = "clothes/a/cloth.mhclo"
    clothes = bound_patch(base, four(base, *vertices) + f"delete_verts\n{base.kept[vertices[0]]}\n")
    (garment,) = garments_of(clothes, path, base, body.body)
    assert garment.covers.tolist() == [vertices[0]]
    people = people_of(body, bent(2), torch.randn(2, 16, generator=torch.manual_seed(0)))
    faces = torch.from_numpy(body.body.faces.astype(np.int64))
    normals = vertex_normals(people.vertices, faces, rings(faces.numpy(), body.body.vertex_count))
    fabric = fabric_of(garment, body.body.v_template, torch.device("cpu"))
    worn = fitted(fabric, people, normals, torch.tensor([1, 0]))
    apart = worn - people.vertices[[1, 0]][:, vertices]
    # what it hides may stay in the skin; the rest is pushed out by the garment's layer
    covered = fabric.covers[fabric.guards]
    torch.testing.assert_close(apart[:, covered], torch.zeros_like(apart[:, covered]))
    heights = (apart * normals[[1, 0]][:, vertices]).sum(-1)[:, ~covered]
    torch.testing.assert_close(heights, torch.full_like(heights, garment.layer))


def test_doubles_are_left_out_and_some_are_held_out(body: BodyModel, base: BaseMesh) -> None:
    joints = ("left_shoulder", "left_elbow", "spine3")
    garments = []
    for number, joint in enumerate(joints):
        files = texts(four(base, *near(body, joint)), name=f"cloth {number}")
        files["clothes/a/cloth.obj"] += f"f 1 2 {'34'[number % 2]}\n"
        clothes = read_clothes("clothes/a/cloth.mhclo", files, len(base.vertices))
        garments += garments_of(clothes, "clothes/a/cloth.mhclo", base, body.body)
    assert [garment.kind for garment in garments] == ["top"] * 3
    assert [garment.name for garment in without_doubles(garments)] == ["cloth 0", "cloth 1"]
    aside = [garment.name for garment in with_some_held_out(garments) if garment.held_out]
    assert len(aside) == 1
    assert aside == [one.name for one in with_some_held_out(garments[::-1]) if one.held_out]


def test_the_kind_comes_from_where_it_is_worn(body: BodyModel, base: BaseMesh) -> None:
    def kind(joint: str, folder: str) -> str:
        files = texts(four(base, *near(body, joint)), folder=folder)
        clothes = read_clothes(f"{folder}/cloth.mhclo", files, len(base.vertices))
        return next(garments_of(clothes, f"{folder}/cloth.mhclo", base, body.body)).kind

    assert kind("head", "hair/x") == "hair"
    assert kind("head", "clothes/x") == "hat"
    assert kind("left_foot", "clothes/x") == "shoes"
    assert kind("right_knee", "clothes/x") == "trousers"


def test_the_command_makes_a_wardrobe_that_can_be_worn(
    body: BodyModel, base: BaseMesh, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "archive" / "clothes" / "vest"
    folder.mkdir(parents=True)
    for path, text in texts(four(base, *near(body, "spine3")), name="vest").items():
        (folder / Path(path).name).write_text(text)
    packed, made = tmp_path / "clothes.tar.xz", tmp_path / "wardrobe.npz"
    with tarfile.open(packed, "w:xz") as tar:
        tar.add(tmp_path / "archive", "archive")
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    for archive in (packed, tmp_path / "archive"):
        assert command.run(parser.parse_args([str(archive), "--out", str(made)])) == 0
        assert "top      vest: 4 vertices" in capsys.readouterr().out
        (vest,) = load_garments(made, body.body.vertex_count)
        np.testing.assert_allclose(vest.rest, body.body.v_template[near(body, "spine3")], atol=1e-6)
    with pytest.raises(UserError, match=r"vest[.]mhclo.x"):
        beyond = packed.parent / "archive" / "vest.mhclo"
        command.run(parser.parse_args([str(packed), "--out", str(beyond / "x")]))
    assert "vest" in {one.garment.name for one in open_wardrobe(made, "train", "cpu").fabrics}


def test_unusable_archives_and_wardrobes_are_told(body: BodyModel, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no [.]mhclo or"):
        command.run(argparse.Namespace(archive=tmp_path, out=tmp_path / "x.npz"))
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK not a zip")
    with pytest.raises(UserError, match=r"broken[.]npz"):
        open_wardrobe(broken, "train", "cpu")
    with pytest.raises(UserError, match="does not exist"):
        open_wardrobe(tmp_path / "none.npz", "train", "cpu")
    save_garments(broken, skirts(body.body), 6890)
    with pytest.raises(UserError, match="6890 vertices"):
        open_wardrobe(broken, "train", "cpu")
    broken.write_bytes(broken.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"broken[.]npz"):
        open_wardrobe(broken, "train", "cpu")


@pytest.mark.parametrize("packing", ("gz", "xz", "bz2"))
def test_damaged_archives_are_told(tmp_path: Path, packing: str) -> None:
    archive = tmp_path / f"clothes.tar.{packing}"
    (tmp_path / "a.mhclo").write_bytes(np.random.default_rng(0).bytes(60_000))
    with tarfile.open(archive, f"w:{packing}") as tar:
        tar.add(tmp_path / "a.mhclo")
    whole = archive.read_bytes()
    for data in (whole[:9000], whole[:20] + bytes(4000) + whole[4020:], b"no archive"):
        archive.write_bytes(data)
        with pytest.raises(UserError, match=r"clothes[.]tar"):
            command.run(argparse.Namespace(archive=archive, out=tmp_path / "x.npz"))


def test_training_and_evaluation_share_no_garment() -> None:
    names = [
        {fabric.garment.name for fabric in open_wardrobe(None, split, "cpu").fabrics}
        for split in ("train", "held-out")
    ]
    assert names[0] and names[1] and not names[0] & names[1]


def test_skirts_hang_outside_the_body(body: BodyModel) -> None:
    faces = torch.from_numpy(body.body.faces.astype(np.int64))
    template = body.v_template[None]
    normals = vertex_normals(template, faces, rings(faces.numpy(), body.body.vertex_count))[0]
    for skirt in skirts(body.body):
        guard = skirt.guards
        apart = skirt.rest - body.body.v_template[guard]
        assert (np.sum(apart * normals[guard].numpy(), axis=1) > -0.005).all(), skirt.name
        outward = np.cross(
            skirt.rest[skirt.faces[:, 1]] - skirt.rest[skirt.faces[:, 0]],
            skirt.rest[skirt.faces[:, 2]] - skirt.rest[skirt.faces[:, 0]],
        )
        middle = skirt.rest[skirt.faces].mean(axis=1) * [1, 0, 1]
        assert (np.sum(outward * middle, axis=1) > 0).mean() > 0.99, skirt.name


def test_a_picture_is_the_same_in_any_batch(body: BodyModel, plain: Wardrobe) -> None:
    people = people_of(body, bent(3), torch.zeros(3, 16))
    whole = plain.dress(cast_of(people, (4, 7, 9)))
    alone = People(**{name: value[1:2] for name, value in vars(people).items()})
    alone = replace(alone, picture=torch.zeros(1, dtype=torch.int64))
    single = plain.dress(cast_of(alone, (7,)))
    pairs = list(zip(of_picture(whole, 1), of_picture(single, 0), strict=True))
    assert len(pairs) > 1
    for (group, row), (other, only) in pairs:
        torch.testing.assert_close(group.vertices[row], other.vertices[only], atol=1e-5, rtol=0)
        first, second = whole.looks[group.look[row]], single.looks[other.look[only]]
        assert first.kind == second.kind
        np.testing.assert_array_equal(first.colors, second.colors)


@pytest.mark.parametrize("device", DEVICES)
def test_every_part_of_a_person_has_a_look_and_is_finite(body: BodyModel, device: str) -> None:
    people = people_of(body, bent(8), torch.zeros(8, 16))
    people = People(**{name: value.to(device) for name, value in vars(people).items()})
    clothing = open_wardrobe(None, "train", device).dress(cast_of(people, tuple(range(8))))
    seen = sorted(number for group in clothing.groups for number in group.look.tolist())
    assert seen == list(range(len(clothing.looks)))
    for group in clothing.groups:
        assert group.vertices.isfinite().all()
        assert group.vertices.shape[1] == len(group.rest)
        shown = None if group.shown is None else tuple(group.shown.shape)
        assert shown in (None, (len(group.vertices), len(group.faces)))
        body_points = people.vertices[group.picture[0]][::5]
        assert torch.cdist(group.vertices[0][::17], body_points).amin(dim=1).max() < 0.35


def test_cloth_is_off_the_skin_and_hides_it(body: BodyModel, plain: Wardrobe) -> None:
    people = people_of(body, bent(2), torch.zeros(2, 16))
    random = np.random.default_rng(0)
    piece = Painted("lower", looks.cloth(random), 0.01, low=-0.5, high=0.02)
    outfits = [Outfit(looks.skin(random), looks.hair(random), painted=[piece])] * 2
    with patch.object(plain, "outfits", lambda cast: outfits):
        skin, cloth = plain.dress(cast_of(people, (0, 1))).groups
    region = plain.patches["lower"]
    depth = torch.from_numpy(inside_by(region, piece))
    height = body.v_template[region.vertices, 1]
    torch.testing.assert_close(depth.float(), torch.minimum(height + 0.5, 0.02 - height))
    normals = vertex_normals(people.vertices, plain.faces, plain.rings)[:, region.vertices]
    apart = ((cloth.vertices - people.vertices[:, region.vertices]) * normals).sum(dim=2)
    torch.testing.assert_close(apart[:, depth > 0], torch.full_like(apart, 0.01)[:, depth > 0])
    assert skin.shown is not None and cloth.shown is not None
    drawn = region.vertices[torch.unique(region.faces[cloth.shown[0]])]
    assert body.v_template[drawn, 1].min() > -0.54  # one ring of triangles more than the edge
    bare = torch.unique(plain.faces[skin.shown[0]])
    inside = region.vertices[depth > 0.05]
    assert not np.isin(inside.numpy(), bare.numpy()).any()


def test_a_hem_is_drawn_to_where_the_cloth_ends() -> None:
    """A strip of three points along x, cut at x = 0.25."""
    strip = Patch(
        vertices=torch.arange(3),
        neighbours=torch.tensor([[0, 1], [0, 2], [1, 2]]),
        faces=torch.tensor([[0, 1, 2]]),
        rings=torch.zeros(3, 1, dtype=torch.int64),
        rest=torch.zeros(3, 3),
        places=np.zeros((3, 3)),
        depth=np.zeros(3),
        from_neck=np.zeros(3),
    )
    points = torch.tensor([[[0.0, 0, 0], [1.0, 0, 0], [2.0, 0, 0]]])
    ended = hemmed(points, torch.tensor([[0.25, -0.75, -1.75]]), strip)
    torch.testing.assert_close(ended[0, :, 0], torch.tensor([0.0, 0.25, 2.0]))


def test_no_people_no_clothes(body: BodyModel, plain: Wardrobe) -> None:
    people = people_of(body, bent(1), torch.zeros(1, 16))
    nobody = People(**{name: value[:0] for name, value in vars(people).items()})
    assert plain.dress(cast_of(nobody, ())).groups == ()

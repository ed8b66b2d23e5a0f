# SPDX-License-Identifier: GPL-3.0-or-later
"""Garments: made of bound clothes, kept in a file, held out, and hanging where they should."""

from __future__ import annotations

import argparse
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from wardrobe_examples import bent, bound_patch, four, near, people_of, texts

from nlf_blender.errors import UserError
from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.training.synthetic.bodies import open_body
from nlf_blender.worker.training.synthetic.normals import rings, vertex_normals
from nlf_blender.worker.training.synthetic.wardrobe import command
from nlf_blender.worker.training.synthetic.wardrobe.base_mesh import BaseMesh, load_base_mesh
from nlf_blender.worker.training.synthetic.wardrobe.dressing import open_wardrobe
from nlf_blender.worker.training.synthetic.wardrobe.fitting import fabric_of, fitted
from nlf_blender.worker.training.synthetic.wardrobe.garment import load_garments, save_garments
from nlf_blender.worker.training.synthetic.wardrobe.mhclo import read_clothes
from nlf_blender.worker.training.synthetic.wardrobe.pieces import (
    garments_of,
    with_some_held_out,
    without_doubles,
)
from nlf_blender.worker.training.synthetic.wardrobe.skirts import skirts


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return open_body()


@pytest.fixture(scope="module")
def base(body: BodyModel) -> BaseMesh:
    return load_base_mesh(body.body)


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

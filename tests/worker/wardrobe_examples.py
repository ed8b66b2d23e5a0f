# SPDX-License-Identifier: GPL-3.0-or-later
"""Small clothes in MakeHuman's layout, and people to wear them."""

from __future__ import annotations

import numpy as np
import torch

from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.training.synthetic.bodies import skinning_transforms
from nlf_blender.worker.training.synthetic.skeleton import INDEX
from nlf_blender.worker.training.synthetic.stage import (
    Cameras,
    Cast,
    Clothing,
    Lights,
    MeshGroup,
    People,
)
from nlf_blender.worker.training.synthetic.wardrobe.base_mesh import BaseMesh
from nlf_blender.worker.training.synthetic.wardrobe.mhclo import Clothes, read_clothes

TIGHTS = 15328  # the first vertex of a helper of the base mesh
OBJ = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\nvt 0 0\nf 1/1 2/1 4/1 3/1\n"
HEADER = "# CC0\nname {name}\nobj_file cloth.obj\nx_scale 100 200 1.5\nverts 0\n"
Texts = dict[str, str]


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

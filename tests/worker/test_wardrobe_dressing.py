# SPDX-License-Identifier: GPL-3.0-or-later
"""People in skin, hair and clothes: whole, the same in any batch, on every device."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import torch
from wardrobe_examples import bent, cast_of, of_picture, people_of

from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.training.synthetic.bodies import open_body
from nlf_blender.worker.training.synthetic.normals import vertex_normals
from nlf_blender.worker.training.synthetic.stage import People
from nlf_blender.worker.training.synthetic.wardrobe import looks
from nlf_blender.worker.training.synthetic.wardrobe.dressing import Wardrobe, open_wardrobe
from nlf_blender.worker.training.synthetic.wardrobe.outfits import Outfit
from nlf_blender.worker.training.synthetic.wardrobe.painted import Painted, Patch, hemmed, inside_by

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return open_body()


@pytest.fixture(scope="module")
def plain(body: BodyModel) -> Wardrobe:
    """What can be worn without any archive."""
    return open_wardrobe(None, "train", "cpu")


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

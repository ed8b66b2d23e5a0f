# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawn pictures and their truth: what is seen is where the camera projects it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from nlf_blender.worker.training.synthetic.casting import Casting
from nlf_blender.worker.training.synthetic.jpeg import through_jpeg
from nlf_blender.worker.training.synthetic.noise import Noise
from nlf_blender.worker.training.synthetic.pictures import SAMPLES
from nlf_blender.worker.training.synthetic.primitives import Solid, groups_of
from nlf_blender.worker.training.synthetic.random_looks import thing_look
from nlf_blender.worker.training.synthetic.stage import KINDS, THING, Clothing, Look
from nlf_blender.worker.training.synthetic.studio import Pictures, Studio
from nlf_blender.worker.training.synthetic.textures import Looks, surface_colors
from nlf_blender.worker.training.synthetic.wardrobe.dressing import Wardrobe, open_wardrobe

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
SIDE = 96


@pytest.fixture(scope="module", params=DEVICES)
def device(request: pytest.FixtureRequest) -> torch.device:
    return torch.device(request.param)


@pytest.fixture(scope="module")
def casting(device: torch.device) -> Casting:
    return Casting(None, "train", device)


@pytest.fixture(scope="module")
def studio(casting: Casting, device: torch.device) -> Studio:
    faces = torch.from_numpy(casting.body.body.faces.astype(np.int64))
    return Studio(faces, open_wardrobe(None, "train", device), device)


@pytest.fixture(scope="module")
def pictures(casting: Casting, studio: Studio) -> Pictures:
    return studio.draw(casting.crops(5, range(6), SIDE))


def projected(pictures: Pictures, person: int) -> np.ndarray:
    """Pixels [V,2] of a person's skin."""
    people, cameras = pictures.cast.people, pictures.cast.cameras
    seen = people.vertices[person] @ cameras.intrinsics[people.picture[person]].t()
    return (seen[:, :2] / seen[:, 2:]).cpu().numpy()


def test_pictures_are_pictures(pictures: Pictures) -> None:
    assert pictures.images.shape == (6, SIDE, SIDE, 3)
    assert pictures.images.dtype == torch.uint8
    assert (pictures.images.float().std(dim=(1, 2, 3)) > 4).all()


def test_visible_points_lie_on_their_owner(pictures: Pictures, studio: Studio) -> None:
    visible = studio.visible(pictures).cpu().numpy()
    people = pictures.cast.people
    assert 0.05 < visible.mean() < 0.6
    shares = []
    for person in range(len(visible)):
        rows = np.flatnonzero(visible[person])
        sample = np.round(projected(pictures, person)[rows] * SAMPLES + (SAMPLES - 1) / 2)
        x, y = sample.astype(int).T
        its = pictures.owners[people.picture[person]].cpu().numpy()[y, x]
        if len(rows):
            shares.append((its == int(people.owner[person])).mean())
    assert np.mean(shares) > 0.93  # points at the very outline may fall beside it


def test_what_is_behind_something_is_not_visible(pictures: Pictures, studio: Studio) -> None:
    visible = studio.visible(pictures)
    wall = dataclasses.replace(
        pictures,
        owners=torch.full_like(pictures.owners, THING),
        nearness=torch.full_like(pictures.nearness, 1 / 0.2),
    )
    assert not studio.visible(wall).any()
    nothing = dataclasses.replace(pictures, nearness=torch.zeros_like(pictures.nearness))
    bare = studio.visible(nothing)
    assert (bare | ~visible).all() and bare.sum() > visible.sum()
    assert bare.float().mean() < 0.6  # what faces away stays hidden


def test_masks_count_the_owners_samples(pictures: Pictures) -> None:
    people = pictures.cast.people
    mask = pictures.mask(0)
    hit = pictures.owners[people.picture[0]] == people.owner[0]
    assert mask.shape == (SIDE, SIDE)
    assert abs(float(mask.float().mean()) - float(hit.float().mean())) < 0.02


def test_a_picture_does_not_depend_on_its_batch(
    casting: Casting, studio: Studio, pictures: Pictures
) -> None:
    again = studio.draw(casting.crops(5, range(6), SIDE))
    assert torch.equal(again.images, pictures.images)
    assert torch.equal(again.owners, pictures.owners)
    alone = studio.draw(casting.crops(5, [3], SIDE))
    apart = (alone.images[0].int() - pictures.images[3].int()).abs()
    assert float((apart > 2).float().mean()) < 1e-3
    other = studio.draw(casting.crops(6, [3], SIDE))
    assert not torch.equal(other.images[0], pictures.images[3])


class Bare:
    """Skin of one look, so that only light makes differences."""

    def __init__(self, wardrobe: Wardrobe) -> None:
        self.wardrobe = wardrobe

    def dress(self, cast) -> Clothing:
        clothing = self.wardrobe.dress(cast)
        grey = Look("plain", np.full((3, 3), 0.5, np.float32), mottle=0.0)
        groups = (dataclasses.replace(clothing.groups[0], tint=None, shown=None),)
        return Clothing(groups, (grey,) * len(clothing.looks))


def test_the_side_towards_the_lamp_is_brighter(casting: Casting, device: torch.device) -> None:
    faces = torch.from_numpy(casting.body.body.faces.astype(np.int64))
    studio = Studio(faces, Bare(open_wardrobe(None, "train", device)), device)
    cast = casting.crops(8, range(4), SIDE)
    means = []
    for side in (-1.0, 1.0):
        toward = torch.tensor([side, 0.0, -0.2], device=device)
        toward = (toward / toward.norm()).expand_as(cast.lights.directions)
        colors = torch.zeros_like(cast.lights.colors)
        colors[:, 0] = 1.0
        dark = torch.full_like(cast.lights.sky, 0.02)
        lights = dataclasses.replace(
            cast.lights, sky=dark, ground=dark, directions=toward, colors=colors
        )
        drawn = studio.draw(dataclasses.replace(cast, lights=lights))
        halves = []
        for person in np.flatnonzero(cast.people.owner.cpu().numpy() == 0):
            mask = drawn.mask(int(person))
            image = drawn.images[cast.people.picture[person]].float().mean(-1)
            columns = mask.nonzero()[:, 1].float()
            left = mask & (torch.arange(SIDE, device=device) < columns.median())
            right = mask & ~left
            halves.append(float(image[right].mean() - image[left].mean()))
        means.append(np.mean(halves))
    assert means[0] < 0 < means[1]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_look_has_a_pattern(kind: str) -> None:
    colors = np.eye(3, dtype=np.float32)
    looks = Looks.of([Look("plain", colors), Look(kind, colors, mottle=0.0)], torch.device("cpu"))
    rest = torch.rand(3, 4000, generator=torch.Generator().manual_seed(1)) * 2
    second, noise = torch.ones(4000, dtype=torch.int64), Noise.on(torch.device("cpu"))
    light, _ = surface_colors(looks, second, rest, torch.full((4000,), 1e-3), noise)
    assert torch.allclose(light.sum(0), torch.ones(4000), atol=1e-5)
    varied = float(light.std(dim=1).max()) > 0.1
    assert varied == (kind != "plain")
    far, _ = surface_colors(looks, second, rest, torch.full((4000,), 0.2), noise)
    assert far.std(dim=1).max() < 1e-5  # a pixel sees two whole repeats
    assert (far.mean(1) - light.mean(1)).abs().max() < 0.08


def test_unknown_looks_are_refused() -> None:
    with pytest.raises(ValueError, match="velvet"):
        Looks.of([Look("velvet", np.eye(3, dtype=np.float32))], torch.device("cpu"))


def test_jpeg_takes_more_at_lower_quality() -> None:
    image = torch.rand(3, 3, 50, 70, generator=torch.Generator().manual_seed(2))
    lost = (through_jpeg(image, torch.tensor([95.0, 60.0, 20.0])) - image).abs().mean((1, 2, 3))
    assert lost[0] < lost[1] < lost[2]
    smooth = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    assert (through_jpeg(smooth, torch.tensor([90.0])) - smooth).abs().max() < 0.03


def test_solids_stand_where_they_are_put() -> None:
    random = np.random.default_rng(1)
    solids = [
        Solid(shape, number, np.eye(3), np.array([1.0, 2, 3]), np.array([0.2, 0.5, 0.4]),
              thing_look(random))
        for number, shape in enumerate(("box", "cylinder", "ball", "box"))
    ]  # fmt: skip
    groups, looks = groups_of(solids, 7, torch.device("cpu"))
    assert len(looks) == 4
    assert sorted(n for group in groups for n in group.look.tolist()) == [7, 8, 9, 10]
    for group in groups:
        low, high = group.vertices.amin(1), group.vertices.amax(1)
        assert torch.allclose(low, torch.tensor([0.9, 2.0, 2.8]), atol=0.01)
        assert torch.allclose(high, torch.tensor([1.1, 2.5, 3.2]), atol=0.01)

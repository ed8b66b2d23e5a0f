# SPDX-License-Identifier: GPL-3.0-or-later
"""Crops for training: their pixels are those of inference, and the truth is where it is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from crop_examples import (
    BARREL,
    LANDMARKS,
    SIDES,
    DotPoints,
    dot_example,
    dot_places,
    lens,
    skeleton_example,
)

from nlf_blender.errors import UserError
from nlf_blender.worker.nlf.crop_plan import CropOptions, plan_crops
from nlf_blender.worker.nlf.crops import CropSpec
from nlf_blender.worker.nlf.model import CropStyle
from nlf_blender.worker.people.person import Frame
from nlf_blender.worker.training.crops.batch import FIXED, CropBatch
from nlf_blender.worker.training.crops.collate import collate
from nlf_blender.worker.training.crops.color import ColorSettings
from nlf_blender.worker.training.crops.example_crop import CropMaker, ExampleCrop
from nlf_blender.worker.training.crops.geometry import GeometrySettings
from nlf_blender.worker.training.crops.picture_bank import BankSettings, PictureBank, collect
from nlf_blender.worker.training.crops.settings import CropSettings, unvaried
from nlf_blender.worker.training.crops.truncation import (
    Cut,
    TruncationSettings,
    clipped_box,
    draw_cut,
)
from nlf_blender.worker.training.crops.truth import BodySamples
from nlf_blender.worker.training.datasets.example import Example, PersonTruth, SurfacePixels
from nlf_blender.worker.training.datasets.joint_sets import JointCatalogue

SIDE = 256
CATALOGUE = JointCatalogue()
MIDDLE = SIDE / 2  # where a crop's camera looks, in pixels


def new_samples(points: int = 2 * SIDES) -> BodySamples:
    return BodySamples({"dots": DotPoints()}, (0,), points)


def maker(settings: CropSettings, aligned: bool, bank: PictureBank | None = None) -> CropMaker:
    return CropMaker(settings, SIDE, aligned, CATALOGUE, bank or PictureBank())


def made(
    example: Example, settings: CropSettings, aligned: bool = True, seed: int = 0
) -> tuple[ExampleCrop, CropBatch]:
    samples = new_samples()
    crop = maker(settings, aligned).crop(example, example.people[0], samples, (seed,))
    return crop, collate([crop], [0], samples, CATALOGUE)


def redness(image: np.ndarray, place: np.ndarray, reach: int = 6) -> tuple[float, np.ndarray]:
    """How red rather than blue a crop [3,S,S] is about a place, and where the middle of that colour
    is."""
    ys, xs = np.mgrid[0:SIDE, 0:SIDE]
    near = np.hypot(xs - place[0], ys - place[1]) <= reach
    red = image[0].astype(float) - image[2]
    total = red[near].sum()
    weight = np.clip(red * np.sign(total), 0, None) * near
    weight = np.where(weight > 0.5 * weight.max(), weight, 0)
    middle = np.array([(weight * xs).sum(), (weight * ys).sum()]) / max(weight.sum(), 1e-9)
    return float(total / near.sum()), middle


@pytest.mark.parametrize("distortion", [(), BARREL], ids=["ideal lens", "barrel"])
@pytest.mark.parametrize("aligned", [True, False], ids=["aligned", "upright"])
def test_a_crop_as_it_is_has_the_bytes_that_inference_cuts(
    aligned: bool, distortion: tuple[float, ...]
) -> None:
    example = dot_example(distortion=distortion, roll=0.4)
    crop, batch = made(example, unvaried(2 * SIDES), aligned)
    person = example.people[0]
    left, top, width, height = person.box
    spec = CropSpec.from_box(left, top, left + width, top + height)
    if aligned:
        pixels = lens(distortion).project(person.mesh.vertices[:LANDMARKS])
        hips, shoulders = pixels[[23, 24]].mean(axis=0), pixels[[11, 12]].mean(axis=0)
        reach = 1.05 * np.linalg.norm(pixels - hips, axis=1).max()
        up = (shoulders - hips) / np.linalg.norm(shoulders - hips)
        spec = Frame.from_hips(hips, hips + up * reach).square
    style = CropStyle(False, (1.0, 1.0), aligned)
    (planned,) = plan_crops(
        [example.image()], [[spec]], [lens(distortion)], SIDE, style, 1, CropOptions()
    )
    assert np.array_equal(crop.image, np.rint(planned.pixels(SIDE) * 255).astype(np.uint8))
    assert np.allclose(batch.intrinsics[0], planned.view.intrinsics)
    assert np.allclose(crop.points, crop.known.truth.points @ planned.view.rotation.T)


@pytest.mark.parametrize("distortion", [(), BARREL], ids=["ideal lens", "barrel"])
@pytest.mark.parametrize("aligned", [True, False], ids=["aligned", "upright"])
def test_truth_is_where_it_is_seen_with_all_variations(
    aligned: bool, distortion: tuple[float, ...]
) -> None:
    example = dot_example(distortion=distortion, roll=0.3)
    settings = replace(
        CropSettings(points=2 * SIDES), color=ColorSettings(grey_share=0, smallest=0.5)
    )
    bank = collect([example], BankSettings())
    assert bank.cut_outs and bank.places
    creator = maker(settings, aligned, bank)
    seen = asked = flips = outside = 0
    errors = []
    for seed in range(24):
        samples = new_samples()
        crop = creator.crop(example, example.people[0], samples, (seed,))
        batch = collate([crop], [0], samples, CATALOGUE)
        places = batch.queries.places[batch.columns[0]].numpy()
        image, pixels = batch.images[0].numpy(), batch.points_2d[0].numpy()
        rays = batch.points_3d[0].numpy() @ batch.intrinsics[0].numpy().T
        assert np.allclose(rays[:, :2] / rays[:, 2:], pixels, atol=0.02)
        flips += crop.flip
        outside += int((~batch.is_inside).sum())
        for place, pixel, inside in zip(places, pixels, batch.is_inside[0], strict=True):
            if not inside or min(pixel) < 8 or max(pixel) > SIDE - 8:
                continue
            asked += 1
            color, middle = redness(image, pixel)
            if abs(color) < 12:  # hidden by something
                continue
            is_red = (place[0] > 0) != crop.flip
            seen += (color > 0) == is_red
            errors.append(np.linalg.norm(middle - pixel))
    assert asked > 300 and 6 < flips < 18 and outside > 10
    assert seen > 0.8 * asked
    assert np.median(errors) < 0.3 and np.quantile(errors, 0.8) < 1.0


def test_a_mirrored_crop_is_the_mirror_image_with_the_other_sides_names() -> None:
    plain = unvaried(2 * SIDES)
    mirrored = replace(plain, geometry=replace(GeometrySettings.off(), flip_share=1.0))
    for example in (dot_example(), skeleton_example("skeleton")):
        _, one = made(example, plain)
        _, other = made(example, mirrored)
        image, mirror = one.images[0].int(), other.images[0].flip(-1).int()
        assert (image[..., 1:] - mirror[..., :-1]).abs().max() <= 1  # the middle is pixel 128
        if example.name == "skeleton":
            rows = {int(j): n for n, j in enumerate(one.queries.joints[one.columns[0]])}
            names = other.queries.joints[other.columns[0]].tolist()
            pairs = [(rows[int(CATALOGUE.mirror[joint])], n) for n, joint in enumerate(names)]
            assert any(CATALOGUE.mirror[joint] != joint for joint in names)
        else:
            ours = one.queries.places[one.columns[0]].numpy()
            theirs = other.queries.places[other.columns[0]].numpy() * [-1, 1, 1]
            gaps = np.linalg.norm(ours[:, None] - theirs[None], axis=-1)
            assert gaps.min(axis=0).max() < 1e-6
            pairs = [(int(row), n) for n, row in enumerate(gaps.argmin(axis=0))]
            assert one.queries.places.shape == other.queries.places.shape  # none is added
            right, left = one.landmarks_3d[0, 12].numpy(), other.landmarks_3d[0, 11].numpy()
            assert np.allclose(left, right * [-1, 1, 1], atol=1e-5)
        for ours, theirs in pairs:
            expected = one.points_3d[0, ours].numpy() * [-1, 1, 1]
            assert np.allclose(other.points_3d[0, theirs], expected, atol=1e-5)
            across = one.points_2d[0, ours].numpy() * [-1, 1] + [2 * MIDDLE, 0]
            assert np.allclose(other.points_2d[0, theirs], across, atol=1e-3)


def test_a_cut_picture_is_black_where_it_ends_and_what_is_there_is_not_inside() -> None:
    example = dot_example()
    below = TruncationSettings(share=1, below_share=1, aside_share=0, above_share=0)
    settings = replace(unvaried(2 * SIDES), truncation=below)
    crop, batch = made(example, settings)
    _, whole = made(example, unvaried(2 * SIDES))
    lost = (whole.is_inside & ~batch.is_inside)[0]
    assert 2 <= lost.sum() <= 2 * SIDES - 4
    assert np.allclose(batch.points_3d, whole.points_3d)
    for place in batch.points_2d[0][lost].numpy():
        x, y = np.rint(place).astype(int).clip(0, SIDE - 1)
        assert crop.image[:, y, x].max() == 0
    assert batch.has_2d.all() and batch.has_3d.all()


def test_truth_is_where_it_is_seen_in_what_is_left_of_a_picture() -> None:
    example = dot_example(roll=0.2)
    left_above = TruncationSettings(share=1, below_share=0, aside_share=1, above_share=1)
    brighter = replace(ColorSettings.off(), brightness=0.4)
    settings = replace(unvaried(2 * SIDES), truncation=left_above, color=brighter)
    dark = lost = 0
    for seed in range(6):
        for aligned in (True, False):
            crop, batch = made(example, settings, aligned, seed)
            inside = batch.is_inside[0].numpy()
            assert inside.sum() >= 4
            lost += (~inside).sum()
            places = batch.queries.places[batch.columns[0]].numpy()[inside]
            for place, pixel in zip(places, batch.points_2d[0].numpy()[inside], strict=True):
                color, middle = redness(crop.image, pixel)
                if min(pixel) > 8 and max(pixel) < SIDE - 8 and abs(color) > 30:
                    assert (color > 0) == (place[0] > 0)
                    assert np.linalg.norm(middle - pixel) < 3  # a border halves dots
            plain, _ = made(example, replace(settings, color=ColorSettings.off()), aligned, seed)
            beyond = (plain.image == 0).all(axis=0)
            assert (crop.image[:, beyond] > 0).mean() < 0.01  # however bright the picture
            dark += beyond.mean() > 0.02
    assert lost > 20 and dark > 6


def test_cuts_stay_within_the_picture_and_boxes_within_cuts() -> None:
    box = np.array([100.0, 50.0, 80.0, 200.0])
    for seed in range(50):
        random = np.random.default_rng(seed)
        cut = draw_cut(random, TruncationSettings(share=1.0), (640, 480), box)
        assert 0 <= cut.left < cut.right <= 640 and 0 <= cut.top < cut.bottom <= 480
        left, top, width, height = clipped_box(box, cut)
        assert left >= -0.5 and top >= -0.5 and width > 0 and height > 0
        assert left + width <= cut.size[0] and top + height <= cut.size[1]
    assert draw_cut(np.random.default_rng(0), TruncationSettings.off(), (640, 480), box) == Cut(
        0, 0, 640, 480
    )


def test_without_a_camera_only_pixels_are_known() -> None:
    example = skeleton_example("skeleton", known_camera=False)
    crop, batch = made(example, unvaried())
    assert not batch.has_camera[0] and not batch.has_3d.any()
    assert batch.has_2d.sum() == 16  # the nose is unknown
    left = [n for n, joint in enumerate(_names(batch)) if joint.startswith("left")]
    for row in left:
        color, middle = redness(crop.image, batch.points_2d[0, row].numpy())
        assert color > 20 and np.linalg.norm(middle - batch.points_2d[0, row].numpy()) < 1
    assert batch.landmarks_3d.isnan().all()


def test_places_up_to_a_translation_are_marked_and_keep_their_own_pixels() -> None:
    absolute, relative = (
        made(skeleton_example("skeleton", absolute=known), unvaried())[1] for known in (True, False)
    )
    assert absolute.absolute[0] and not relative.absolute[0]
    assert relative.has_3d.sum() == relative.has_2d.sum() == 16
    assert _names(absolute) == _names(relative)
    assert np.allclose(absolute.points_2d, relative.points_2d, atol=1e-3)


def test_pairs_of_pixels_and_surface_become_points_of_their_own() -> None:
    example = dot_example()
    (person,) = example.people
    corners = np.tile(np.arange(3) + LANDMARKS, (5, 1))
    weights = np.tile([0.2, 0.3, 0.5], (5, 1))
    pixels = person.box[:2] + np.arange(10).reshape(5, 2) * 3
    pairs = SurfacePixels("dots", pixels, corners, weights)
    person = replace(person, mesh=None, surface=pairs)
    crop, batch = made(replace(example, people=(person,)), unvaried())
    assert len(batch.queries.places) == 5 and (batch.queries.joints == FIXED).all()
    assert np.allclose(batch.queries.places, weights[0] @ dot_places()[:3])
    assert batch.has_2d.all() and not batch.has_3d.any()
    expected = crop.view.project(lens().unproject(pixels))
    assert np.allclose(batch.points_2d[0], expected, atol=1e-3)


def test_crops_of_a_batch_share_their_canonical_points() -> None:
    settings = CropSettings(points=20)
    samples = new_samples(20)
    crops = [
        maker(settings, True).crop(example, example.people[0], samples, (seed,))
        for seed in range(3)
        for example in (dot_example(), skeleton_example("skeleton"))
    ]
    batch = collate(crops, [0, 1] * 3, samples, CATALOGUE)
    assert len(batch.queries.places) == 20 + 16
    assert batch.columns.shape == (6, 20) and batch.dataset.tolist() == [0, 1] * 3
    known = batch.has_3d.sum(dim=1).tolist()
    assert known == [20, 16] * 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mesh": None}, "Nothing to learn"),
        ({"box": np.array([10.0, 10.0, 0.0, 50.0])}, "no area"),
        ({"box": np.array([700.0, 10.0, 90.0, 50.0])}, "none in the picture"),
        ({"box": np.array([10.0, np.nan, 0.0, 50.0]), "mesh": None}, "Nothing to learn"),
    ],
    ids=["nothing known", "flat box", "box beyond the picture", "no box"],
)
def test_a_person_that_cannot_be_used_is_refused(change: dict, words: str) -> None:
    example = dot_example()
    person: PersonTruth = replace(example.people[0], **change)
    with pytest.raises(UserError, match=words):
        made(replace(example, people=(person,)), unvaried())


def test_a_box_that_is_unknown_is_that_of_the_points() -> None:
    example = dot_example()
    person = replace(example.people[0], box=np.full(4, np.nan))
    _, batch = made(replace(example, people=(person,)), unvaried(), aligned=False)
    assert batch.is_inside.sum() >= 2 * SIDES - 4  # those at the very edge may be half beyond it


def test_a_picture_of_another_size_than_annotated_is_refused() -> None:
    example = replace(dot_example(), size=(641, 480))
    with pytest.raises(UserError, match="annotated as 641x480"):
        made(example, unvaried())


def _names(batch: CropBatch) -> list[str]:
    numbers = batch.queries.joints[batch.columns[0]].tolist()
    return [CATALOGUE.labels[number].partition("/")[2] for number in numbers]

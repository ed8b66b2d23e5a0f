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
    dot_example,
    lens,
    skeleton_example,
)
from crops_made import CATALOGUE, MIDDLE, SIDE, made, maker, new_samples, redness

from nlf_blender.worker.nlf.crop_plan import CropOptions, plan_crops
from nlf_blender.worker.nlf.crops import CropSpec
from nlf_blender.worker.nlf.model import CropStyle
from nlf_blender.worker.people.person import Frame
from nlf_blender.worker.training.crops.collate import collate
from nlf_blender.worker.training.crops.color import ColorSettings
from nlf_blender.worker.training.crops.geometry import GeometrySettings
from nlf_blender.worker.training.crops.picture_bank import BankSettings, collect
from nlf_blender.worker.training.crops.settings import CropSettings, unvaried
from nlf_blender.worker.training.crops.truncation import (
    Cut,
    TruncationSettings,
    clipped_box,
    draw_cut,
)


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
        frame = Frame.from_hips(hips, hips + up * reach)
        spec = CropSpec.square((frame.center[0], frame.center[1]), frame.side, frame.roll)
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

# SPDX-License-Identifier: GPL-3.0-or-later
"""How crops' looks are varied, one kind of variation at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from crop_examples import dot_example, skeleton_example

from nlf_blender.errors import UserError
from nlf_blender.worker.training.crops.background import BackgroundSettings, exchange_background
from nlf_blender.worker.training.crops.color import ColorSettings, vary_colors
from nlf_blender.worker.training.crops.geometry import GeometrySettings, draw_geometry
from nlf_blender.worker.training.crops.occlusion import OcclusionSettings, occlude
from nlf_blender.worker.training.crops.picture_bank import BankSettings, PictureBank, collect
from nlf_blender.worker.training.crops.settings import CropSettings
from nlf_blender.worker.training.crops.textures import draw_texture

SIDE = 96
NONE = ColorSettings.off()


def photo(seed: int = 0) -> np.ndarray:
    return draw_texture(np.random.default_rng(seed), SIDE, SIDE)


def colored(settings: ColorSettings, seed: int = 0) -> np.ndarray:
    return vary_colors(np.random.default_rng(seed), photo(), settings).astype(float)


def test_nothing_changes_where_all_is_off() -> None:
    assert np.array_equal(colored(NONE), photo())
    random = np.random.default_rng(0)
    assert np.array_equal(occlude(random, photo(), OcclusionSettings.off(), PictureBank()), photo())
    change = draw_geometry(random, GeometrySettings.off())
    assert (change.roll, change.size, change.shift, change.flip) == (0, 1, (0, 0), False)
    assert change.aligned and change.focal == 1


def test_each_change_of_colour_does_what_it_says() -> None:
    plain = photo().astype(float)
    spread = plain.max(axis=-1) - plain.min(axis=-1)
    assert spread.mean() > 10
    grey = colored(replace(NONE, grey_share=1))
    assert np.abs(grey - grey[..., :1]).max() <= 1
    assert np.allclose(grey[..., 0], plain @ [0.299, 0.587, 0.114], atol=1)
    tones = [colored(replace(NONE, brightness=0.3), seed).mean() for seed in range(8)]
    assert min(tones) < plain.mean() - 10 and max(tones) > plain.mean() + 10
    brightest = [colored(replace(NONE, gamma=1.0), seed) for seed in range(4)]
    assert all(np.array_equal(image == 0, plain == 0) or image.min() == 0 for image in brightest)
    hues = colored(replace(NONE, hue=0.5), 3)
    assert np.abs(hues - plain).mean() > 5
    middle = (hues > 2).all(axis=-1) & (hues < 253).all(axis=-1)
    assert np.abs((hues - plain).mean(axis=-1))[middle].max() < 2  # a turn about grey
    for settings in (
        replace(NONE, blur_share=1, blur=3.0),
        replace(NONE, shrink_share=1, smallest=0.2),
        replace(NONE, jpeg_share=1, worst_jpeg=10),
        replace(NONE, noise_share=1, noise=0.3),
    ):
        changed = colored(settings, 1)
        assert 0 < np.abs(changed - plain).mean() < 40
        assert np.array_equal(changed, colored(settings, 1))


def test_things_in_front_cover_a_part_and_leave_the_rest() -> None:
    for kind in ("shape_share", "noise_share", "cut_out_share"):
        settings = replace(OcclusionSettings.off(), **{kind: 1.0}, most=1)
        covered = []
        for seed in range(12):
            image = occlude(np.random.default_rng(seed), photo(), settings, PictureBank())
            covered.append((image != photo()).any(axis=-1).mean())
        assert 0.01 < np.mean(covered) < 0.2 and max(covered) < 0.5


def test_a_cut_out_is_the_person_alone() -> None:
    example = dot_example()
    bank = collect([example], BankSettings())
    (cut_out,) = bank.cut_outs
    opaque = cut_out[..., 3] > 250
    assert 0.1 < opaque.mean() < 0.9
    assert max(cut_out.shape) == 160
    settings = replace(OcclusionSettings.off(), cut_out_share=1.0, smallest=0.4)
    grey = np.full((SIDE, SIDE, 3), 128, np.uint8)
    image = occlude(np.random.default_rng(4), grey, settings, bank).astype(int)
    red, blue = (np.sign(image[..., 0] - image[..., 2]) == sign for sign in (1, -1))
    assert red.sum() > 10 and blue.sum() > 10 and (image == 128).mean() > 0.3


def test_backgrounds_change_behind_people_alone() -> None:
    image = photo()
    shown = np.zeros((SIDE, SIDE), np.float32)
    shown[30:70, 30:70] = 1
    settings = BackgroundSettings(share=1, drawn_share=0, softest=0.3)
    place = np.full((64, 64, 3), (10, 200, 30), np.uint8)
    bank = PictureBank(places=[place])
    changed = exchange_background(np.random.default_rng(0), image, shown, settings, bank)
    assert np.array_equal(changed[32:68, 32:68], image[32:68, 32:68])
    assert (changed[:28] == [10, 200, 30]).all()
    drawn = exchange_background(np.random.default_rng(0), image, shown, settings, PictureBank())
    assert np.array_equal(drawn[32:68, 32:68], image[32:68, 32:68])
    assert (drawn[:28] != image[:28]).mean() > 0.5


def test_places_show_nobody() -> None:
    example = dot_example()
    bank = collect([example] * 12, BankSettings())
    assert bank.places
    for place in bank.places:
        assert np.abs(place.astype(int) - 90).max() == 0  # no dot is in it
    assert not collect([skeleton_example("skeleton")], BankSettings()).cut_outs


def test_a_folder_of_photos_stands_behind_people(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no pictures"):
        collect([], BankSettings(folder=str(tmp_path)))
    cv2.imwrite(str(tmp_path / "a.png"), np.full((40, 50, 3), (30, 20, 10), np.uint8))
    (tmp_path / "b.jpg").write_bytes(b"broken")
    bank = collect([], BankSettings(folder=str(tmp_path)))
    behind = bank.background(np.random.default_rng(0), 32)
    assert behind is not None and (behind == [10, 20, 30]).all() and behind.shape == (32, 32, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"geometry": GeometrySettings(flip_share=1.2)},
        {"color": ColorSettings(noise=-0.1)},
        {"occlusion": OcclusionSettings(smallest=0.0)},
        {"points": 0},
        {"field_of_view": 0.0},
    ],
)
def test_settings_that_make_no_sense_are_refused(change: dict) -> None:
    with pytest.raises(ValueError, match=r"is -?[0-9]|must be"):
        CropSettings(**change)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The multi-person wrapper against outputs of the official one, in a folder that the variable
NLF_REFERENCE names: `multi_s_*.npz` (crops, single variations, combined results) and
`multi_filter.npz` (which people are believed), with the random weights of `nlf_s_crop.pt.xz`.
"""

from __future__ import annotations

import lzma
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from nlf_blender.worker.nlf.augmentation import combine, crop_variations
from nlf_blender.worker.nlf.camera import Camera
from nlf_blender.worker.nlf.crops import CropSpec, crop_view
from nlf_blender.worker.nlf.image_cameras import image_cameras
from nlf_blender.worker.nlf.multiperson import MultipersonLocalizer
from nlf_blender.worker.nlf.warping import OFFICIAL_COARSEST_LEVEL, WarpStyle, warp_crop
from nlf_blender.worker.people.plausibility import (
    fills_box,
    is_certain,
    plausible_people,
    similarity,
)

FOLDER = Path(os.environ.get("NLF_REFERENCE", ""))
pytestmark = pytest.mark.skipif(
    not (FOLDER / "multi_filter.npz").is_file(),
    reason="NLF_REFERENCE names no folder with references",
)
MM = 1000.0
TOLERANCE_MM, TOLERANCE_PX = 0.2, 0.01
OFFICIAL_STYLE = WarpStyle(linear_light=True, coarsest_level=OFFICIAL_COARSEST_LEVEL)
MULTI = ["multi_s_a_aug1", "multi_s_b_aug5", "multi_s_c_aug1_dist5_ext"]


def _case(name: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{name}.npz") as file:
        return dict(file)


def _extrinsics(case: dict[str, np.ndarray]) -> np.ndarray | None:
    """In metres."""
    if "extrinsic" not in case:
        return None
    placed = case["extrinsic"].astype(np.float64)
    placed[:, :3, 3] /= MM
    return placed


def _camera(case: dict[str, np.ndarray]) -> Camera:
    images, lens = case["images_uint8_nhwc"], case.get("distortion")
    return image_cameras(images, case["intrinsic"], lens, _extrinsics(case))[0].lens


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> MultipersonLocalizer:
    path = tmp_path_factory.mktemp("model") / "nlf_s_crop.pt"
    path.write_bytes(lzma.decompress((FOLDER / "nlf_s_crop.pt.xz").read_bytes()))
    return MultipersonLocalizer.load(str(path), "cpu", FOLDER / "nlf_data_files")


@pytest.mark.parametrize("name", MULTI)
def test_people_in_boxes(people: MultipersonLocalizer, name: str) -> None:
    case = _case(name)
    result = people.estimate_poses(
        case["images_uint8_nhwc"],
        [case["boxes_xywh"]],
        case["canonical_points"],
        num_aug=int(case["num_aug"]),
        intrinsics=case["intrinsic"],
        distortion=case.get("distortion"),
        extrinsics=_extrinsics(case),
        antialias_factor=int(case["antialias_factor"]),
        rot_aug_max_degrees=float(case["rot_aug_max_degrees"]),
    )
    difference = np.linalg.norm(MM * result.poses3d[0] - case["poses3d"], axis=-1)
    assert difference.max() < TOLERANCE_MM
    assert np.abs(result.poses2d[0] - case["poses2d"]).max() < TOLERANCE_PX
    assert np.abs(result.uncertainties[0] - case["uncertainties"]).max() < 1e-4


@pytest.mark.parametrize("name", MULTI)
def test_crops(name: str) -> None:
    case = _case(name)
    image, camera = case["images_uint8_nhwc"][0], _camera(case)
    for index, variation in enumerate(crop_variations(int(case["num_aug"]), (0.6, 1.0))):
        for person, (x, y, width, height) in enumerate(case["boxes_xywh"].astype(float)):
            spec = CropSpec.from_box(x, y, x + width, y + height)
            view = crop_view(camera, spec, 256, variation)
            assert np.abs(view.rotation - case["R"][index, person]).max() < 2e-7
            intrinsics = case["new_intrinsics"][index, person]
            assert np.abs(view.intrinsics - intrinsics).max() < 1e-4
            crop = warp_crop(image, camera, view, 256, OFFICIAL_STYLE, variation.gamma)
            if index == person == 0:
                assert np.abs(crop - case["crop0_f32"]).mean() < 1e-9
            difference = np.abs(255 * crop - case["crops_u8"][index, person])
            assert difference.mean() < 0.3  # rounding to bytes alone makes 0.25
            assert (difference > 0.51).mean() < 1e-4


def test_combined_variations() -> None:
    case = _case("multi_s_b_aug5")
    points, uncertainty = combine(
        torch.from_numpy(case["poses3d_per_aug_mm"]).float() / MM,
        torch.from_numpy(case["uncert_per_aug"]),
    )
    difference = np.linalg.norm(MM * points.numpy() - case["poses3d"], axis=-1)
    assert difference.max() < 0.05
    assert np.abs(uncertainty.numpy() - case["uncertainties"]).max() < 1e-5


def test_which_people_are_believed() -> None:
    case = _case("multi_filter")
    boxes, points = case["boxes"], case["poses3d"] / MM
    corners = np.column_stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:4]])
    assert np.array_equal(is_certain(case["uncert"]), case["low"])
    assert np.array_equal(fills_box(case["poses2d"], corners), case["consistent"])
    alike = [[similarity(one, other) for other in points] for one in points]
    assert np.abs(np.array(alike) - case["similarity"]).max() < 1e-5
    kept = plausible_people(points, case["poses2d"], case["uncert"], corners, boxes[:, 4])
    assert np.array_equal(boxes[kept], case["kept_boxes"])

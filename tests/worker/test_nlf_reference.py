# SPDX-License-Identifier: GPL-3.0-or-later
"""Against outputs of the official code, in a folder that the variable NLF_REFERENCE names.

The folder holds random weights in the official layout and what the official code made of them:
`nlf_s_crop.pt.xz`, `parity_s.npz` (the crop model, stage by stage) and `multi_s_*.npz` (crops,
single variations, combined results).
"""

from __future__ import annotations

import io
import lzma
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from nlf_blender.worker.nlf.augmentation import combine, crop_variations
from nlf_blender.worker.nlf.camera import Camera
from nlf_blender.worker.nlf.crops import CropSpec, crop_view
from nlf_blender.worker.nlf.head import HeadOutput, HeatmapHead
from nlf_blender.worker.nlf.native_file import HEAD, field_config
from nlf_blender.worker.nlf.reconstruction import reconstruct_absolute
from nlf_blender.worker.nlf.warping import OFFICIAL_COARSEST_LEVEL, WarpStyle, warp_crop

FOLDER = Path(os.environ.get("NLF_REFERENCE", ""))
pytestmark = pytest.mark.skipif(
    not (FOLDER / "parity_s.npz").is_file(), reason="NLF_REFERENCE names no folder with references"
)
TOLERANCE_MM = 0.2
OFFICIAL_STYLE = WarpStyle(linear_light=True, coarsest_level=OFFICIAL_COARSEST_LEVEL)
MULTI = ["multi_s_a_aug1", "multi_s_b_aug5", "multi_s_c_aug1_dist5_ext"]


@pytest.fixture(scope="module")
def stages() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "parity_s.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def head(stages: dict[str, np.ndarray]) -> HeatmapHead:
    packed = (FOLDER / "nlf_s_crop.pt.xz").read_bytes()
    weights = torch.load(io.BytesIO(lzma.decompress(packed)), weights_only=True)
    field = HEAD + "weight_field."
    weights[field + "r_sqrt_eigva"] = torch.from_numpy(stages["r_sqrt_eigva"])
    for name in ("mini", "maxi", "center"):
        weights[f"{field}gps_net.{name}"] = torch.from_numpy(stages[f"gps_{name}"])
    config = field_config(weights)
    head = HeatmapHead(weights[HEAD + "layer.0.weight"].shape[1], 256, config=config)
    head.load_state_dict(
        {name.removeprefix(HEAD): value for name, value in weights.items() if HEAD in name}
    )
    return head.eval().requires_grad_(False)


def _tensor(stages: dict[str, np.ndarray], name: str) -> torch.Tensor:
    return torch.from_numpy(stages[name])


def _furthest_mm(points: torch.Tensor, expected_mm: np.ndarray) -> float:
    return float((points * 1000 - torch.from_numpy(expected_mm)).norm(dim=-1).max())


def test_field(head: HeatmapHead, stages: dict[str, np.ndarray]) -> None:
    field, points = head.weight_field, _tensor(stages, "canonical_points")
    weights = field(points)
    assert torch.allclose(weights.flatten(1), _tensor(stages, "weight_field_raw"), atol=2e-6)
    matrix, bias = field.split(weights)
    assert torch.allclose(matrix, _tensor(stages, "w_tensor_f32"), atol=2e-6)
    assert torch.allclose(bias, _tensor(stages, "b_tensor_f32"), atol=2e-6)


def test_head_and_decoding(head: HeatmapHead, stages: dict[str, np.ndarray]) -> None:
    backbone_map = _tensor(stages, "backbone_out")
    assert torch.allclose(head.layer(backbone_map), _tensor(stages, "features"), atol=1e-4)
    codes = head.point_weights(_tensor(stages, "canonical_points")).codes
    output = head(backbone_map, codes)
    assert torch.allclose(output.points_2d, _tensor(stages, "coords2d"), atol=2e-3)
    assert _furthest_mm(output.points_3d, 1000 * stages["coords3d"]) < TOLERANCE_MM
    assert torch.allclose(output.uncertainty, _tensor(stages, "uncertainties_raw"), atol=1e-4)


def test_absolute_position(head: HeatmapHead, stages: dict[str, np.ndarray]) -> None:
    weights = head.point_weights(_tensor(stages, "canonical_points"))
    backbone_map, intrinsics = _tensor(stages, "backbone_out"), _tensor(stages, "intrinsics")
    points = reconstruct_absolute(head(backbone_map, weights.codes), intrinsics, 256)
    assert _furthest_mm(points, stages["abs3d_mm"]) < TOLERANCE_MM
    output = head.read(backbone_map, weights, stages["flip_per_image"].tolist())
    points = reconstruct_absolute(output, intrinsics, 256)
    assert _furthest_mm(points, stages["abs3d_mm_weights_f32"]) < TOLERANCE_MM


def test_absolute_position_from_the_official_decoding(stages: dict[str, np.ndarray]) -> None:
    output = HeadOutput(
        *(_tensor(stages, name) for name in ("coords2d", "coords3d", "uncertainties_raw"))
    )
    points = reconstruct_absolute(output, _tensor(stages, "intrinsics"), 256)
    assert _furthest_mm(points, stages["abs3d_mm"]) < 0.05


@pytest.mark.parametrize("name", MULTI)
def test_crops(name: str) -> None:
    with np.load(FOLDER / f"{name}.npz") as file:
        case = dict(file)
    lens, up = case.get("distortion", [()])[0], (0.0, -1.0, 0.0)
    if "extrinsic" in case:
        up = case["extrinsic"][0, :3, :3] @ [0.0, -1.0, 0.0]
    camera = Camera.create(case["intrinsic"][0], lens, up)
    for index, variation in enumerate(crop_variations(int(case["num_aug"]), (0.6, 1.0))):
        for person, (x, y, width, height) in enumerate(case["boxes_xywh"].astype(float)):
            spec = CropSpec.from_box(x, y, x + width, y + height)
            view = crop_view(camera, spec, 256, variation)
            assert np.abs(view.rotation - case["R"][index, person]).max() < 2e-7
            intrinsics = case["new_intrinsics"][index, person]
            assert np.abs(view.intrinsics - intrinsics).max() < 1e-4
            image = case["images_uint8_nhwc"][0]
            crop = warp_crop(image, camera, view, 256, OFFICIAL_STYLE, variation.gamma)
            if index == person == 0:
                assert np.abs(crop - case["crop0_f32"]).mean() < 1e-5
            difference = np.abs(255 * crop - case["crops_u8"][index, person])
            assert difference.mean() < 0.3  # rounding to bytes alone makes 0.25
            assert (difference > 2.0).mean() < 1e-4


def test_combined_variations() -> None:
    with np.load(FOLDER / "multi_s_b_aug5.npz") as case:
        points, uncertainty = combine(
            torch.from_numpy(case["poses3d_per_aug_mm"]).float() / 1000,
            torch.from_numpy(case["uncert_per_aug"]),
        )
        assert _furthest_mm(points, case["poses3d"]) < 0.05
        assert np.abs(uncertainty.numpy() - case["uncertainties"]).max() < 1e-5

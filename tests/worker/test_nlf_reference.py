# SPDX-License-Identifier: GPL-3.0-or-later
"""Against outputs of the official code, in a folder that the variable NLF_REFERENCE names.

The folder holds random weights in the official layout and what the official code made of them:
`nlf_s_crop.pt.xz` and `parity_s.npz` (the crop model, stage by stage).
"""

from __future__ import annotations

import lzma
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from nlf_blender.worker.nlf.checkpoints import load_localizer
from nlf_blender.worker.nlf.head import HeadOutput, HeatmapHead
from nlf_blender.worker.nlf.model import LocalizerModel
from nlf_blender.worker.nlf.reconstruction import reconstruct_absolute

FOLDER = Path(os.environ.get("NLF_REFERENCE", ""))
pytestmark = pytest.mark.skipif(
    not (FOLDER / "parity_s.npz").is_file(), reason="NLF_REFERENCE names no folder with references"
)
TOLERANCE_MM, TOLERANCE_PX = 0.2, 0.01


@pytest.fixture(scope="module")
def stages() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "parity_s.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LocalizerModel:
    path = tmp_path_factory.mktemp("models") / "nlf_s_crop.pt"
    path.write_bytes(lzma.decompress((FOLDER / "nlf_s_crop.pt.xz").read_bytes()))
    return load_localizer(str(path), "cpu", path.parent, FOLDER / "nlf_data_files")


@pytest.fixture(scope="module")
def head(model: LocalizerModel) -> HeatmapHead:
    return model.heatmap_head


def _tensor(stages: dict[str, np.ndarray], name: str) -> torch.Tensor:
    return torch.from_numpy(stages[name])


def _furthest_mm(points: torch.Tensor, expected_mm: np.ndarray) -> float:
    return float((points * 1000 - torch.from_numpy(expected_mm)).norm(dim=-1).max())


def _images(stages: dict[str, np.ndarray]) -> torch.Tensor:
    return _tensor(stages, "images_uint8_nhwc").permute(0, 3, 1, 2).float() / 255


def test_constants(head: HeatmapHead, stages: dict[str, np.ndarray]) -> None:
    field = head.weight_field
    for name in ("mini", "maxi", "center"):
        assert torch.equal(getattr(field.gps_net, name), _tensor(stages, f"gps_{name}"))
    assert torch.equal(field.r_sqrt_eigva, _tensor(stages, "r_sqrt_eigva"))


def test_locations(model: LocalizerModel, stages: dict[str, np.ndarray]) -> None:
    start = np.load(FOLDER / "nlf_data_files" / "canonical_loc_symmetric_init_866.npy")
    # Neither file tells which points are of a hand, and stay; real models store no moves for them.
    moved = (stages["canonical_locs"] != start).any(axis=1)
    assert moved.sum() > 0.8 * len(start)
    difference = model.canonical.locations - stages["canonical_locs"]
    assert np.abs(difference[moved]).max() < 1e-6


def test_backbone(model: LocalizerModel, stages: dict[str, np.ndarray]) -> None:
    with torch.inference_mode():
        features = model.features(_images(stages))
    assert torch.allclose(features, _tensor(stages, "backbone_out"), rtol=0, atol=1e-4)


def test_from_pixels_to_absolute_position(
    model: LocalizerModel, stages: dict[str, np.ndarray]
) -> None:
    head = model.heatmap_head
    with torch.inference_mode():
        weights = head.point_weights(_tensor(stages, "canonical_points"))
        output = head(model.features(_images(stages)), weights.codes)
        points = reconstruct_absolute(output, _tensor(stages, "intrinsics"), head.crop_side)
    assert (output.points_2d - _tensor(stages, "coords2d")).norm(dim=-1).max() < TOLERANCE_PX
    assert _furthest_mm(points, stages["abs3d_mm"]) < TOLERANCE_MM


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
    output = head.read(backbone_map, [weights], stages["flip_per_image"].tolist())[0]
    points = reconstruct_absolute(output, intrinsics, 256)
    assert _furthest_mm(points, stages["abs3d_mm_weights_f32"]) < TOLERANCE_MM


def test_absolute_position_from_the_official_decoding(stages: dict[str, np.ndarray]) -> None:
    output = HeadOutput(
        *(_tensor(stages, name) for name in ("coords2d", "coords3d", "uncertainties_raw"))
    )
    points = reconstruct_absolute(output, _tensor(stages, "intrinsics"), 256)
    assert _furthest_mm(points, stages["abs3d_mm"]) < 1e-3

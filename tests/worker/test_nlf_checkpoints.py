# SPDX-License-Identifier: GPL-3.0-or-later
"""Localizer files: the default one loads, and every kind of broken one is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from nlf_blender.errors import UserError
from nlf_blender.worker.nlf.checkpoints import load_localizer

ASSETS = Path(__file__).resolve().parents[2] / "nlf_blender" / "assets"
BIAS = "heatmap_head.weight_field.pred_mlp.2.bias"
Contents = tuple[dict[str, torch.Tensor], dict[str, str]]


def _default() -> Contents:
    with safe_open(str(ASSETS / "default_model.safetensors"), framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, dict(file.metadata())


def test_the_default_model_loads() -> None:
    model = load_localizer("default", "cpu", ASSETS)
    assert len(model.info.sha256) == 64
    assert model.info.license
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert model.heatmap_head.weight_field.config.feature_dim == 512
    features = model.features(torch.rand(2, 3, 256, 256))
    output = model.heatmap_head(features, model.heatmap_head.point_weights(torch.rand(5, 3)).codes)
    assert output.points_2d.shape == (2, 5, 2)
    assert torch.isfinite(output.points_3d).all()


def test_a_file_given_by_its_path_is_the_same_model(tmp_path: Path) -> None:
    tensors, metadata = _default()
    path = tmp_path / "mein Modell ä.safetensors"
    save_file(tensors, path, metadata | {"name": "mine", "license": "CC0-1.0", "gamma": "0.9 1.1"})
    model = load_localizer(str(path), "cpu", ASSETS)
    assert (model.info.name, model.info.license) == ("mine", "CC0-1.0")
    assert model.style.gamma_range == (0.9, 1.1)
    default = load_localizer("default", "cpu", ASSETS).state_dict()
    assert all(torch.equal(value, default[name]) for name, value in model.state_dict().items())


def _not_finite(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    tensors[BIAS] = tensors[BIAS].clone()
    tensors[BIAS][7] = float("nan")


def _wrong_shape(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    tensors[BIAS] = tensors[BIAS][:-1].clone()


def _wrong_head(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    name = "heatmap_head.layer.0.weight"
    tensors[name] = tensors[name][:, :-1].clone()


def _missing_tensor(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    del tensors["heatmap_head.weight_field.gps_net.center"]


def _missing_field(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    del tensors["heatmap_head.weight_field.pred_mlp.0.weight"]


def _surplus_tensor(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    tensors["something.else"] = torch.zeros(3)


def _no_metadata(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    metadata.clear()


def _other_crops(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    metadata["proc_side"] = "384"


def _bad_number(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    metadata["stride"] = "many"


def _bad_flag(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    metadata["aligned"] = "maybe"


@pytest.mark.parametrize(
    "damage",
    [
        _not_finite,
        _wrong_shape,
        _wrong_head,
        _missing_tensor,
        _missing_field,
        _surplus_tensor,
        _no_metadata,
        _other_crops,
        _bad_number,
        _bad_flag,
    ],
)
def test_contents_that_do_not_fit_are_refused(
    tmp_path: Path, damage: Callable[[dict[str, torch.Tensor], dict[str, str]], None]
) -> None:
    tensors, metadata = _default()
    damage(tensors, metadata)
    path = tmp_path / "broken.safetensors"
    save_file(tensors, path, metadata)
    with pytest.raises(UserError) as caught:
        load_localizer(str(path), "cpu", ASSETS)
    assert "broken.safetensors" in caught.value.detail
    assert caught.value.fix


def test_an_unknown_backbone_is_refused(tmp_path: Path) -> None:
    tensors, metadata = _default()
    save_file(tensors, tmp_path / "new.safetensors", metadata | {"backbone": "of tomorrow"})
    with pytest.raises(UserError, match="of tomorrow"):
        load_localizer(str(tmp_path / "new.safetensors"), "cpu", ASSETS)


@pytest.mark.parametrize("contents", [b"", b"no model", None], ids=["empty", "text", "truncated"])
def test_damaged_files_are_refused(tmp_path: Path, contents: bytes | None) -> None:
    if contents is None:
        contents = (ASSETS / "default_model.safetensors").read_bytes()[:-1000]
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(contents)
    with pytest.raises(UserError, match=r"damaged\.safetensors"):
        load_localizer(str(path), "cpu", ASSETS)


@pytest.mark.parametrize(
    ("name", "contents", "told"),
    [
        ("nlf_l_multi.torchscript", b"PK", "damaged or no model file"),
        ("nlf_s_crop.pt", b"PK\x03\x04 cut off", "ends too early"),
        ("nlf_s_crop.pt", b"<html>404</html>", "damaged or no model file"),
        ("empty.pt", b"", "damaged or no model file"),
        ("SMPL_NEUTRAL.pkl", b"\x80\x02}q\x00(U\nv_template", "a body, not a model"),
        ("SMPL_NEUTRAL.pt", b"(dp0\nS'v_template'\np1\n", "a body, not a model"),
        ("old.pt", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "old format"),
    ],
)
def test_files_of_another_kind_are_refused(
    tmp_path: Path, name: str, contents: bytes, told: str
) -> None:
    path = tmp_path / name
    path.write_bytes(contents)
    with pytest.raises(UserError, match=told) as caught:
        load_localizer(str(path), "cpu", ASSETS)
    assert name in caught.value.detail
    assert caught.value.fix


def test_a_body_archive_is_refused_as_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "SMPLX_NEUTRAL.npz", v_template=np.zeros((4, 3)))
    with pytest.raises(UserError, match="a body, not a model"):
        load_localizer(str(tmp_path / "SMPLX_NEUTRAL.npz"), "cpu", ASSETS)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.safetensors"):
        load_localizer(str(tmp_path / "nowhere.safetensors"), "cpu", ASSETS)
    with pytest.raises(UserError, match="Install the extension again"):
        load_localizer("default", "cpu", tmp_path)
    with pytest.raises(UserError, match="Model not found"):
        load_localizer(str(tmp_path), "cpu", ASSETS)

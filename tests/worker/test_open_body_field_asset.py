# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped positional encoding: names, scale, symmetry, provenance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from nlf_blender.worker.nlf.field import WeightField

ASSETS = Path(__file__).parents[2] / "nlf_blender" / "assets"


@pytest.fixture(scope="module")
def shipped() -> tuple[dict[str, torch.Tensor], dict]:
    with safe_open(ASSETS / "canonical_field.safetensors", framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, json.loads(file.metadata()["provenance"])


@pytest.fixture(scope="module")
def field(shipped) -> WeightField:
    field = WeightField()
    state = {name: tensor.float() for name, tensor in shipped[0].items()}
    result = field.load_state_dict(state, strict=False)
    assert not result.unexpected_keys
    assert all(name.startswith("pred_mlp") for name in result.missing_keys)
    return field


@pytest.fixture(scope="module")
def body() -> dict[str, np.ndarray]:
    with np.load(ASSETS / "open_body.npz", allow_pickle=False) as file:
        names = ("canonical_vertices", "mirror_vertices", "vertex_part", "part_names", "provenance")
        return {name: file[name] for name in names}


def signature(field: WeightField, points: np.ndarray) -> torch.Tensor:
    with torch.no_grad():
        return field.signature(torch.from_numpy(np.asarray(points, np.float32)))


def test_extent_is_the_canonical_body(field, body):
    vertices = torch.from_numpy(body["canonical_vertices"])
    torch.testing.assert_close(field.gps_net.mini, vertices.amin(0))
    torch.testing.assert_close(field.gps_net.maxi, vertices.amax(0))
    torch.testing.assert_close(field.gps_net.center, (vertices.amin(0) + vertices.amax(0)) / 2)
    assert field.gps_net.center[0] == 0


def test_eigenvalues_ascend(field):
    scale = field.r_sqrt_eigva
    assert scale.shape == (1024,)
    assert (scale > 0).all()
    assert (scale[1:] <= scale[:-1]).all()


def test_features_are_well_scaled(field, body):
    features = signature(field, body["canonical_vertices"][::20])
    assert torch.isfinite(features).all()
    assert 0.1 < features.norm(dim=1).mean() < 3
    assert features.abs().max() < 10


def test_functions_are_even_or_odd(field, body):
    chosen = np.arange(0, len(body["canonical_vertices"]), 50)
    here = signature(field, body["canonical_vertices"][chosen])
    there = signature(field, body["canonical_vertices"][body["mirror_vertices"][chosen]])
    size = here.abs().amax(0)
    even = (here - there).abs().amax(0) < 1e-3 * size
    odd = (here + there).abs().amax(0) < 1e-3 * size
    assert (even ^ odd).all()
    assert 400 < even.sum() < 624


def test_left_and_right_hand_differ_more_than_neighbours(field, body):
    names = list(body["part_names"])
    hand = np.flatnonzero(body["vertex_part"] == names.index("left_hand"))
    vertices = body["canonical_vertices"]
    tip = hand[np.argmax(vertices[hand, 0])]
    near = hand[np.argsort(np.linalg.norm(vertices[hand] - vertices[tip], axis=1))[8]]
    far = body["mirror_vertices"][tip]
    features = signature(field, vertices[[tip, near, far]])
    assert 5 * (features[0] - features[1]).norm() < (features[0] - features[2]).norm()


def test_provenance(shipped, body):
    provenance = shipped[1]
    source = json.loads(str(body["provenance"]))
    assert provenance["license"] == "CC0-1.0"
    assert provenance["body_content_sha256"] == source["content_sha256"]
    assert provenance["figures"]["weighted_error"] < 0.13

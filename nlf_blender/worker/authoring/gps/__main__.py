# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line: computes the signature of the open body's volume, distils it, writes it."""

from __future__ import annotations

from ..single_thread import use_one_thread

use_one_thread()  # before numpy and torch start their threads

import argparse  # noqa: E402
import json  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from ...nlf.field import FieldConfig, WeightField  # noqa: E402
from . import distil  # noqa: E402
from .eigenmodes import Eigenmodes, eigenmodes  # noqa: E402
from .figures import held_out_figures  # noqa: E402
from .samples import Sampler  # noqa: E402
from .trunk import MirroredTrunk, gps_state  # noqa: E402
from .volume import half_volume, signed_volumes  # noqa: E402

BODY = Path(__file__).parents[3] / "assets" / "open_body.npz"
PREFIX = "gps_net."
LICENSE = "CC0-1.0"


def main() -> None:
    """Makes the asset named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m nlf_blender.worker.authoring.gps")
    parser.add_argument("--out", type=Path, required=True, help="the safetensors file to write")
    parser.add_argument("--body", type=Path, default=BODY, help="the open body's npz")
    options = parser.parse_args()
    started = time.monotonic()

    def say(stage: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {stage}", flush=True)

    torch.set_num_threads(1)
    with np.load(options.body, allow_pickle=False) as body:
        vertices = body["canonical_vertices"].astype(np.float64)
        faces = body["f"].astype(np.int64)
        source = json.loads(str(body["provenance"]))["content_sha256"]
    arrays, figures = build_field(vertices, faces, say)
    print(json.dumps(figures, indent=1))
    provenance = {
        "source": "the volume of the open body in canonical pose",
        "body_content_sha256": source,
        "steps": distil.STEPS,
        "seed": distil.SEED,
        "figures": figures,
        "license": LICENSE,
    }
    # one key: the writer does not keep several in a fixed order
    text = json.dumps(provenance, sort_keys=True)
    save_file(arrays, options.out, metadata={"provenance": text})
    say(f"{options.out}: {options.out.stat().st_size} bytes")


def build_field(
    vertices: np.ndarray, faces: np.ndarray, say: Callable[[str], None]
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors of the asset and its figures, from canonical vertices [V,3] and faces [F,3]."""
    config = FieldConfig()
    say("tetrahedra")
    volume = half_volume(vertices, faces)
    say("eigenfunctions")
    modes = eigenmodes(volume, config.eigenvalue_count)
    sampler = Sampler(volume, modes, vertices, faces)
    say("distillation")
    scale = torch.from_numpy((1 / np.sqrt(modes.values)).astype(np.float32))
    extent = [torch.from_numpy(e.astype(np.float32)) for e in (vertices.min(0), vertices.max(0))]
    trunk = MirroredTrunk(config, *extent, distil.SEED)
    net = distil.distil(trunk, sampler, torch.from_numpy(modes.parity > 0), scale, say)
    arrays = {"r_sqrt_eigva": scale} | {
        PREFIX + name: tensor.contiguous() for name, tensor in _shipped(net).items()
    }
    say("figures")
    figures = {
        "nodes_of_half": len(volume.nodes),
        "volume_litres": round(
            2e3 * float(signed_volumes(volume.nodes[volume.tetrahedra]).sum()), 3
        ),
        "eigenvalues": _eigenvalue_figures(modes),
        **held_out_figures(_field_of(arrays, config), sampler, modes.parity),
    }
    return arrays, figures


def _shipped(net: distil.Distillation) -> dict[str, torch.Tensor]:
    """The network's parameters at half precision, but the extent of its input."""
    state = gps_state(net.trunk, net.readout, net.even)
    exact = ("mini", "maxi", "center")
    return {name: tensor if name in exact else tensor.half() for name, tensor in state.items()}


def _field_of(arrays: dict[str, torch.Tensor], config: FieldConfig) -> WeightField:
    field = WeightField(config)
    missing = field.load_state_dict({k: v.float() for k, v in arrays.items()}, strict=False)
    if missing.unexpected_keys or any(not k.startswith("pred_mlp") for k in missing.missing_keys):
        raise RuntimeError(f"the field has other names: {missing}")
    return field


def _eigenvalue_figures(modes: Eigenmodes) -> dict[str, Any]:
    """Per square metre."""
    return {
        "first": [round(float(value), 3) for value in modes.values[:8]],
        "last": round(float(modes.values[-1]), 1),
        "even": int((modes.parity > 0).sum()),
    }


if __name__ == "__main__":
    main()

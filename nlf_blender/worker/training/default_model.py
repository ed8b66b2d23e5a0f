# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains the default model from nothing, in steps that each continue where they stopped:

    render    synthetic crops, from the open body and archives of motion capture
    features  the frozen BlazePose network's output for every crop
    train     neck, head and field; writes model.safetensors and figures.json
    evaluate  errors on held-out crops, as trained and without feature maps
    export    the asset

    python -m nlf_blender.worker.training.default_model STEP --work DIR [options]

Needs numba beside the worker's packages. `render` and `features --wait 600` can run side by side.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save_file

from ..assets import ASSETS, OPEN_BODY
from ..nlf.backbones.blazepose import BlazePoseEncoder
from .body import PointPool, RenderBody
from .data import CropSet, canonical_pool, canonical_samples
from .encoding import adopt_signature, start_randomly
from .export import export, exported_tensors, trained_names
from .features import cache_shards
from .loop import LoopSettings, evaluate, mean_weights, train
from .mocap import load_archive
from .model import TrainedPart
from .render import Studio, render_shards

HELD_OUT_FIRST_SEED = 900_000
SHARD = 400


def run_render(options: argparse.Namespace) -> None:
    body = RenderBody(options.body)
    motions = [load_archive(Path(path), int(every)) for path, every in options.motions]
    studio = Studio(body, motions)
    options.work.mkdir(parents=True, exist_ok=True)
    np.savez(options.work / "pool.npz", **dataclasses.asdict(body.pool))
    last = HELD_OUT_FIRST_SEED + options.held_out
    render_shards(studio, options.work / "held_out", HELD_OUT_FIRST_SEED, last, SHARD // 2)
    render_shards(studio, options.work / "train", 0, options.crops, SHARD)


def run_features(options: argparse.Namespace) -> None:
    encoder = BlazePoseEncoder.from_assets()
    cache_shards(encoder, options.work / "held_out")
    cache_shards(encoder, options.work / "train", options.wait)


def run_train(options: argparse.Namespace) -> None:
    torch.manual_seed(0)
    body = RenderBody(options.body)
    model = TrainedPart()
    field = model.heatmap_head.weight_field
    start_randomly(field, canonical_samples(body))
    crops = CropSet(options.work / "train", options.crops)
    held_out = CropSet(options.work / "held_out")
    first = LoopSettings(steps=options.steps)
    second = LoopSettings(options.tune_steps, learning_rate=7e-4, drop_maps=0.4, seed=5)
    began = time.monotonic()
    average = train(model, crops, held_out, _signatures(model, options), first)
    field = average.heatmap_head.weight_field
    changed = adopt_signature(field, options.signature, canonical_samples(body))
    print(f"the signature changes codes by {changed:.1%}", flush=True)
    signatures = _signatures(average, options)
    tuned = train(copy.deepcopy(average).train(), crops, held_out, signatures, second)
    average = mean_weights(average, tuned)
    figures = {
        "train_crops": len(crops),
        "held_out_crops": len(held_out),
        "seconds": round(time.monotonic() - began),
        "settings": [dataclasses.asdict(settings) for settings in (first, second)],
        "held_out": evaluate(average, held_out, signatures),
        "held_out_landmarks_only": evaluate(average, held_out, signatures, keep_maps=False),
    }
    save_file(exported_tensors(average), str(options.work / "model.safetensors"))
    (options.work / "figures.json").write_text(json.dumps(figures, indent=1))


def run_evaluate(options: argparse.Namespace) -> None:
    model = _trained(options)
    held_out = CropSet(options.work / "held_out")
    signatures = _signatures(model, options)
    print("as trained", evaluate(model, held_out, signatures))
    print("without feature maps", evaluate(model, held_out, signatures, keep_maps=False))


def run_export(options: argparse.Namespace) -> None:
    figures = json.loads((options.work / "figures.json").read_text())
    export(_trained(options), figures, options.out)
    print(f"{options.out.name}: {options.out.stat().st_size / 1e6:.1f} MB")


def _trained(options: argparse.Namespace) -> TrainedPart:
    model = TrainedPart()
    model.load_state_dict(trained_names(load_file(str(options.work / "model.safetensors"))))
    return model.eval()


@torch.no_grad()
def _signatures(model: TrainedPart, options: argparse.Namespace) -> torch.Tensor:
    """Of the pool's points on the canonical body: [N,S]; they do not change in training."""
    pool = PointPool(**np.load(options.work / "pool.npz"))
    points = canonical_pool(RenderBody(options.body), pool)
    return model.heatmap_head.weight_field.signature(points)


STEPS = {
    "render": run_render,
    "features": run_features,
    "train": run_train,
    "evaluate": run_evaluate,
    "export": run_export,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("--work", type=Path, required=True, help="folder for everything between")
    parser.add_argument("--body", type=Path, default=OPEN_BODY)
    parser.add_argument(
        "--motions",
        nargs=2,
        action="append",
        default=[],
        metavar=("ARCHIVE", "EVERY"),
        help="a tar archive of ASF/AMC or BVH files, and which frames to take: every n-th",
    )
    parser.add_argument("--crops", type=int, default=27_000)
    parser.add_argument("--held-out", type=int, default=600)
    parser.add_argument("--wait", type=float, default=0.0, help="seconds to wait for new crops")
    parser.add_argument("--steps", type=int, default=4_500, help="on the random encoding")
    parser.add_argument("--tune-steps", type=int, default=1_400, help="on the signature")
    parser.add_argument("--signature", type=Path, default=ASSETS / "canonical_field.safetensors")
    parser.add_argument("--out", type=Path, default=ASSETS / "default_model.safetensors")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    cv2.setNumThreads(options.threads)
    STEPS[options.step](options)


if __name__ == "__main__":
    main()

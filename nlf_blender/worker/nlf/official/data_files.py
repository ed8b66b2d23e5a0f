# SPDX-License-Identifier: GPL-3.0-or-later
"""The official data files, which hold what a crop checkpoint lacks.

`canonical_nodes3.npy` [n,3] are the nodes of the canonical volume, in metres, whose eigenvalues
(of the Laplacian, in rising order from zero) `canonical_eigval3.npy` lists. With these a
checkpoint runs. The others tell where bodies and the trained points lie in canonical space.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ....body.arrays import Float64Array
from ....body.smpl_layout import PUBLISHED_VERTICES
from ....errors import UserError
from ..canonical_space import CanonicalBody
from ..field import FieldConfig
from .variants import EIGENVALUES, GPS_NET, JOINTS

NODES, EIGENVALUE_FILE = "canonical_nodes3.npy", "canonical_eigval3.npy"
START = "canonical_loc_symmetric_init_866.npy"
BODY_POINTS = {  # vertices and joints
    kind: (PUBLISHED_VERTICES[kind], JOINTS[kind]) for kind in JOINTS
}
NEEDED = (NODES, EIGENVALUE_FILE)
WANTED = (START, "canonical_verts_smpl.npy", "canonical_joints_smpl.npy")
ALL = (*NEEDED, *WANTED)


@dataclass(frozen=True, eq=False)
class OfficialData:
    """constants: tensors that the field needs, by their official names. bodies: by kind. start
    [L,3]: where the trained points lie before a model moves them, or None. locations [L,3]: where
    another model moved them to, or None."""

    constants: dict[str, Tensor]
    bodies: dict[str, CanonicalBody]
    start: Float64Array | None = None
    locations: Float64Array | None = None


def lacking(folder: Path, names: tuple[str, ...] = ALL) -> list[str]:
    """Which of the official data files a folder lacks."""
    return [name for name in names if not (folder / name).is_file()]


def body_files(kind: str) -> tuple[str, str]:
    """The two files with a body's points."""
    return f"canonical_verts_{kind}.npy", f"canonical_joints_{kind}.npy"


def read_data_files(folder: Path) -> OfficialData:
    """The official data files of a folder. UserError if one is needed but lacks, or is damaged."""
    nodes = _read(folder / NODES, (None, 3))
    eigenvalues = _read(folder / EIGENVALUE_FILE, (None,))[1:]
    if len(eigenvalues) < FieldConfig.signature_dim or not (eigenvalues > 0).all():
        raise _damaged(
            folder / EIGENVALUE_FILE,
            f"it should list 0 and then {FieldConfig.signature_dim} or more values above 0",
        )
    low, high = nodes.min(axis=0), nodes.max(axis=0)
    if not (high > low).all():
        raise _damaged(folder / NODES, "its points span no volume")
    # In single precision from here on, as the official code computes it.
    mini, maxi = (torch.from_numpy(corner).float() for corner in (low, high))
    constants = {
        EIGENVALUES: torch.from_numpy(eigenvalues).float().rsqrt(),
        GPS_NET + "mini": mini,
        GPS_NET + "maxi": maxi,
        GPS_NET + "center": (mini + maxi) / 2,
    }
    start = None if lacking(folder, (START,)) else _read(folder / START, (None, 3))
    return OfficialData(constants, _bodies(folder), start)


def _bodies(folder: Path) -> dict[str, CanonicalBody]:
    """The bodies whose two files are there."""
    bodies: dict[str, CanonicalBody] = {}
    for kind, (vertices, joints) in BODY_POINTS.items():
        names = body_files(kind)
        if not lacking(folder, names):
            bodies[kind] = CanonicalBody(
                _read(folder / names[0], (vertices, 3)),
                _read(folder / names[1], (joints, 3)),
                whole=True,
            )
    return bodies


def _read(path: Path, shape: tuple[int | None, ...]) -> Float64Array:
    """A file's finite numbers of this shape, None being any size. UserError if it has others.

    It is mapped before it is read, so that a size it only claims to have costs no memory.
    """
    try:
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(stored, np.ndarray) or stored.dtype.kind not in "fiu":
            raise _damaged(path, "it holds no array of numbers")
        if len(stored.shape) != len(shape) or any(
            wanted not in (None, size) for size, wanted in zip(stored.shape, shape, strict=True)
        ):
            wanted = " x ".join("n" if size is None else str(size) for size in shape)
            raise _damaged(path, f"its shape is {stored.shape} instead of {wanted}")
        array = np.array(stored, dtype=np.float64)
    except OSError as error:
        raise _damaged(path, f"it cannot be read ({error.strerror or error})") from error
    except (ValueError, EOFError, MemoryError, OverflowError, SyntaxError, TypeError) as error:
        raise _damaged(path, f"it is no plain .npy file ({' '.join(str(error).split())})") from None
    if array.size == 0 or not np.isfinite(array).all():
        raise _damaged(path, "it is empty or holds values that are not finite")
    return array


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(
        "Data file cannot be used",
        f"{path} cannot be used: {reason}.",
        f"Copy {path.name} of the official NLF release there again.",
    )

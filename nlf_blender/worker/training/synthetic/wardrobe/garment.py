# SPDX-License-Identifier: GPL-3.0-or-later
"""Garments bound to the open body, and their file: one npz, nothing pickled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .....body.arrays import Float64Array
from .....body.npz_file import DAMAGED, npz_keys, read_npz
from .....errors import UserError
from .....protocol.files import whole_file
from .base_mesh import IntArray

FORMAT = "nlf_blender wardrobe 1"
# How far each kind keeps off the skin, metres: what is worn over something lies farther out.
LAYERS = {"hair": 0.003, "trousers": 0.004, "shoes": 0.005, "hat": 0.004}
OUTER_LAYER = 0.007


@dataclass(frozen=True, eq=False)
class Garment:
    """G vertices, each at a weighted sum of three vertices of the body plus an offset.

    corners [G,3] with weights [G,3]: vertices of the body. offsets [G,3]: from there, metres, in
    the axes of the body at rest; they turn with the skin by joint_weights [G,J]. guards [G]: the
    vertex of the body outside of whose skin each stays. rest [G,3]: where they are on the body's
    template. faces [F,3]. covers [C]: vertices of the body that are not to be seen. references
    [R,2]: pairs of vertices whose distance tells the garment's size. held_out: for evaluation
    alone. kind: "top", "trousers", "suit", "skirt", "shoes", "hat" or "hair".
    """

    name: str
    kind: str
    held_out: bool
    faces: IntArray
    corners: IntArray
    weights: Float64Array
    offsets: Float64Array
    joint_weights: Float64Array
    guards: IntArray
    rest: Float64Array
    covers: IntArray
    references: IntArray

    @property
    def layer(self) -> float:
        """The least distance from the skin, metres."""
        return LAYERS.get(self.kind, OUTER_LAYER)


_ARRAYS = tuple(f.name for f in fields(Garment) if f.name not in ("name", "kind", "held_out"))
_WHOLE = ("faces", "corners", "guards", "covers", "references")


def save_garments(path: Path, garments: Iterable[Garment], vertex_count: int) -> None:
    """Write the garments of a body with that many vertices, whole or not at all. OSError from the
    disk."""
    arrays: dict[str, NDArray[np.generic]] = {"format": np.array(FORMAT)}
    arrays["vertex_count"] = np.array(vertex_count)
    chosen = list(garments)
    arrays["names"] = np.array([garment.name for garment in chosen])
    arrays["kinds"] = np.array([garment.kind for garment in chosen])
    arrays["held_out"] = np.array([garment.held_out for garment in chosen])
    for number, garment in enumerate(chosen):
        for name in _ARRAYS:
            dtype = np.int32 if name in _WHOLE else np.float32
            arrays[f"{name}_{number}"] = getattr(garment, name).astype(dtype)
    with whole_file(path) as file:
        np.savez_compressed(file, **arrays)  # pyright: ignore[reportArgumentType]


def load_garments(path: Path, vertex_count: int) -> list[Garment]:
    """The garments of a wardrobe file. UserError if it is missing, broken, or of another body."""
    try:
        data = read_npz(path, npz_keys(path))
        if str(data["format"]) != FORMAT:
            raise ValueError(f"its format is {data['format']}, not {FORMAT}")
        if int(data["vertex_count"]) != vertex_count:
            raise ValueError(f"it is for a body with {data['vertex_count']} vertices")
        return [_read(data, number) for number in range(len(data["names"]))]
    except FileNotFoundError as error:
        raise _unreadable(f"{path} does not exist.") from error
    except KeyError as error:
        raise _unreadable(f"{path}: {error} is missing.") from error
    except (OSError, *DAMAGED) as error:
        raise _unreadable(f"{path}: {error}.") from error


def _unreadable(detail: str) -> UserError:
    return UserError("No wardrobe", detail, "Make it with `worker train wardrobe`.")


def _read(data: Mapping[str, NDArray[np.generic]], number: int) -> Garment:
    return Garment(
        name=str(data["names"][number]),
        kind=str(data["kinds"][number]),
        held_out=bool(data["held_out"][number]),
        **{
            name: data[f"{name}_{number}"].astype(np.int64 if name in _WHOLE else np.float64)
            for name in _ARRAYS
        },
    )

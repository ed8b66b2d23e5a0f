# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reader of a public layout gives, and what it is told."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from .....body.arrays import Float64Array
from .....errors import UserError
from ..example import PersonTruth

Key = TypeVar("Key", bound=Hashable)
Size = tuple[int, int]
SCALE_PIXELS = 200  # `scale` of SPIN's and BEDLAM's files counts boxes in so many pixels
MOST_READABLE = 54  # letters of an item's path in its name


@dataclass(frozen=True)
class ReaderOptions:
    """annotations: a file, or several; images: the folder that their image paths are in. cameras,
    bodies, atlas: files that only some layouts need; see each reader. fov: degrees over a
    picture's larger side, where nothing says more; None: pictures have no camera then."""

    annotations: tuple[Path, ...]
    images: Path
    cameras: Path | None = None
    bodies: Path | None = None
    atlas: Path | None = None
    fov: float | None = None


@dataclass(frozen=True)
class Annotation:
    """What is known of a picture: an Example without its name, picture and size."""

    people: tuple[PersonTruth, ...]
    intrinsics: Float64Array | None = None
    distortion: Float64Array = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class Item:
    """A picture and how to annotate it. path: as the annotations call it; annotate(size) may raise
    Unusable, or ValueError for a damaged annotation. turned: the file shows the picture a quarter
    turn too far to the left."""

    path: str
    picture: Path
    annotate: Callable[[Size], Annotation]
    turned: bool = False

    @property
    def name(self) -> str:
        """The path as an example's name, made unique by its hash."""
        readable = re.sub(r"[^A-Za-z0-9]+", "-", self.path.rsplit(".", 1)[0])[-MOST_READABLE:]
        digest = hashlib.sha1(self.path.encode(), usedforsecurity=False).hexdigest()[:8]
        return f"{readable.strip('-') or 'item'}-{digest}"


@dataclass(frozen=True)
class Source:
    """The items of a public dataset; body_kinds: of the bodies that they hold."""

    items: Sequence[Item]
    body_kinds: tuple[str, ...] = ()


def rows_of(keys: Iterable[Key]) -> dict[Key, list[int]]:
    """The rows that each key is in, keys in the order of their first rows."""
    found: dict[Key, list[int]] = {}
    for row, key in enumerate(keys):
        found.setdefault(key, []).append(row)
    return found


def box_of_scale(center: Float64Array, scale: float) -> Float64Array:
    """The box [4] of a centre [2] in pixels and a scale in 200 pixels, as SPIN's files have it."""
    side = SCALE_PIXELS * float(scale)
    return np.array([center[0] - side / 2, center[1] - side / 2, side, side], np.float64)


def box_around(pixels: Float64Array, size: Size) -> Float64Array:
    """The box [4] of the points [N,2] that are finite, cut at the picture's edges."""
    known = pixels[np.isfinite(pixels).all(axis=1)]
    if not len(known):
        return np.full(4, np.nan)
    low = np.clip(known.min(axis=0), -0.5, np.array(size) - 0.5)
    high = np.clip(known.max(axis=0), -0.5, np.array(size) - 0.5)
    return np.concatenate([low, high - low])


def not_readable(path: Path, error: Exception, fix: str) -> UserError:
    """The failure for an annotation file that is missing or not of its layout."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return UserError("Annotations not readable", f"{path}: {reason}.", fix)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras of pictures whose annotations do not hold them: from a file, or a field of view.

The file is JSON: `{"54138969": {"intrinsics": [[...], [...], [...]], "distortion": [...]}, ...}`.
A picture's camera is the one whose name is a part of the picture's path.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from .....body.arrays import Float64Array
from .....body.npz_file import DAMAGED
from .....protocol.json_fields import as_floats, as_list, as_object
from ..report import Unusable
from .source import Size, not_readable

Camera = tuple[Float64Array | None, Float64Array]  # intrinsics, distortion
NO_DISTORTION = np.zeros(0)


class Cameras:
    """Which camera took a picture."""

    def __init__(self, path: Path | None, fov: float | None) -> None:
        """UserError if the file is missing or not as described."""
        self.fov = fov
        self.known: dict[str, Camera] = {}
        if path is None:
            return
        try:
            data = as_object(json.loads(path.read_bytes()), path.name)
            self.known = {name: _camera(value, name) for name, value in data.items()}
        except (OSError, *DAMAGED) as error:
            raise not_readable(
                path, error, "Write each camera's intrinsics as a 3x3 matrix, in pixels."
            ) from error

    def of(self, path: str, size: Size) -> Camera:
        """The camera of a picture. Unusable if the file has cameras, but not this one."""
        names = [name for name in self.known if name in path]
        if names:
            return self.known[max(names, key=len)]
        if self.known:
            raise Unusable("picture of no known camera")
        if self.fov is None:
            return None, NO_DISTORTION
        return seeing(size, self.fov), NO_DISTORTION


def seeing(size: Size, fov: float) -> Float64Array:
    """Intrinsics [3,3] of a camera that sees `fov` degrees over the picture's larger side."""
    focal = max(size) / 2 / math.tan(math.radians(fov) / 2)
    return camera_matrix((focal, focal), ((size[0] - 1) / 2, (size[1] - 1) / 2))


def camera_matrix(focal: tuple[float, float], center: tuple[float, float]) -> Float64Array:
    """Intrinsics [3,3] of focal lengths and principal point, pixels."""
    return np.array([[focal[0], 0.0, center[0]], [0.0, focal[1], center[1]], [0.0, 0.0, 1.0]])


def _camera(value: object, name: str) -> Camera:
    data = as_object(value, name)
    rows = [as_floats(row, name) for row in as_list(data.get("intrinsics"), f"{name}: intrinsics")]
    if [len(row) for row in rows] != [3, 3, 3]:
        raise ValueError(f"the intrinsics of {name} are not 3x3")
    return np.array(rows), np.array(as_floats(data.get("distortion", []), name))

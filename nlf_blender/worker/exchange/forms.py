# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats of other programs: which units and axes each of them expects.

OpenSim and Motion Analysis's own programs read TRC with y up, in millimetres or metres as it says.
Mokka, Vicon's programs and MotionBuilder take a C3D's z for up, and millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...body.conventions import blender_points_from_smpl, smpl_points_from_blender
from ...errors import UserError

TRC, C3D, CSV, JSON = "trc", "c3d", "csv", "json"
MILLIMETRES, METRES = "mm", "m"
Z_UP, Y_UP = "z-up", "y-up"
UNITS = {MILLIMETRES: 1000.0, METRES: 1.0}  # of them in a metre
KNOWN_UNITS = {**UNITS, "cm": 100.0, "dm": 10.0, "um": 1e6, "in": 1 / 0.0254, "ft": 1 / 0.3048}
AXES = (Z_UP, Y_UP)
SENTENCES = {
    Z_UP: "right-handed, z up, as Blender's world",
    Y_UP: "right-handed, y up: x, z and -y of Blender's world",
}


@dataclass(frozen=True)
class Form:
    """How positions stand in a file. units: one of KNOWN_UNITS; axes: Z_UP or Y_UP."""

    units: str
    axes: str

    def to_file(self, metres: NDArray[np.floating]) -> NDArray[np.float64]:
        """Positions [...,3] in Blender's world as the file has them."""
        turned = smpl_points_from_blender(metres) if self.axes == Y_UP else metres
        return np.asarray(turned, dtype=np.float64) * KNOWN_UNITS[self.units]

    def from_file(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """The inverse of `to_file`."""
        metres = np.asarray(values, dtype=np.float64) / KNOWN_UNITS[self.units]
        with np.errstate(over="ignore", invalid="ignore"):  # MarkerMotion refuses what is infinite
            turned = blender_points_from_smpl(metres) if self.axes == Y_UP else metres
            return turned.astype(np.float32)

    def lengths(self, metres: NDArray[np.floating]) -> NDArray[np.float64]:
        """Lengths [...] as the file has them."""
        return np.asarray(metres, dtype=np.float64) * KNOWN_UNITS[self.units]

    def lengths_from(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """The inverse of `lengths`."""
        return (np.asarray(values, dtype=np.float64) / KNOWN_UNITS[self.units]).astype(np.float32)


# TRC and SMPL have y up alike, and both axes are right-handed
DEFAULT_FORMS = {
    TRC: Form(MILLIMETRES, Y_UP),
    C3D: Form(MILLIMETRES, Z_UP),
    CSV: Form(METRES, Z_UP),
    JSON: Form(METRES, Z_UP),
}


def form_of(kind: str, units: str | None = None, axes: str | None = None) -> Form:
    """The form of a file of this kind, with other units or axes where the user wants them."""
    default = DEFAULT_FORMS[kind]
    return Form(units or default.units, axes or default.axes)


def known_units(text: str, path: object) -> str:
    """A file's own units as KNOWN_UNITS have them. UserError if they are not known."""
    words = {"millimeters": "mm", "millimetre": "mm", "meters": "m", "metre": "m", "meter": "m"}
    lower = text.strip().lower()
    units = words.get(lower, lower)
    if units not in KNOWN_UNITS:
        raise UserError(
            "Unknown units",
            f"{path} has its positions in '{text}'.",
            f"Say which units they are: {' or '.join(UNITS)}.",
        )
    return units

# SPDX-License-Identifier: GPL-3.0-or-later
"""Skeletons of Human3.6M and MPI-INF-3DHP in npz files with a row for each person.

Columns as SPIN and its successors have them: `imgname`, `center` and `scale` (the box, in 200
pixels), `S` [.,K,3 or 4] (3D joints, and whether each is known), `part` [.,K,2 or 3] (2D joints,
likewise), and, if the file has it, the camera as `intrinsics`, `cam_int` or `K` [.,3,3]. K tells
the joints: SPIN's 24, or one of the dataset's own sets in its own order. SMPL fits (`pose`,
`shape`) have no place in the camera there, and are not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .....body.arrays import Float64Array
from .....errors import UserError
from ..example import Joints2D, Joints3D, PersonTruth
from ..joint_set_names import HUMAN36M_17, HUMAN36M_ROWS, MPI_INF_3DHP_17
from ..joint_sets import JointCatalogue
from .cameras import Cameras
from .npz_columns import Columns, numbers, read_columns, text
from .source import (
    Annotation,
    Item,
    ReaderOptions,
    Size,
    Source,
    box_around,
    box_of_scale,
    rows_of,
)

CAMERA_COLUMNS = ("intrinsics", "cam_int", "K")
OTHERS = ("center", "scale", "S", "part", *CAMERA_COLUMNS)
FIX = "Choose an npz with imgname, S or part, and center and scale, as the guide says."
MOST_METRES = 20.0  # nobody is further from a root, or from a camera in a studio
MILLIMETRE = 1e-3
ROOT_TOLERANCE = 1e-6

# SPIN's 24 joints by our names; some of them are of one dataset only.
SPIN_HUMAN36M = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
    *("right_wrist", "right_elbow", "right_shoulder"),
    *("left_shoulder", "left_elbow", "left_wrist", "thorax", "", "pelvis", "", "spine", "neck"),
    *("head_top", "", "", "", "", ""),
)
SPIN_3DHP = (
    *SPIN_HUMAN36M[:12],
    *("neck", "head_top", "pelvis", "", "spine", "", "head", "", "", "", "", ""),
)


@dataclass(frozen=True)
class JointLayout:
    """rows: for each number of joints in a file, the joint set, and the file's row of each of the
    set's joints."""

    rows: dict[int, tuple[str, NDArray[np.int64]]]


def _spin(joints: tuple[str, ...], wanted: tuple[str, ...]) -> NDArray[np.int64]:
    return np.array([joints.index(name) for name in wanted])


HUMAN36M = JointLayout(
    {
        17: ("h36m17", np.arange(17)),
        24: ("h36m17", _spin(SPIN_HUMAN36M, HUMAN36M_17)),
        25: ("h36m25", np.arange(25)),
        32: ("h36m25", np.array(HUMAN36M_ROWS)),
    }
)
MPI_INF_3DHP = JointLayout(
    {
        17: ("mpi_inf_3dhp17", np.arange(17)),
        24: ("mpi_inf_3dhp17", _spin(SPIN_3DHP, MPI_INF_3DHP_17)),
        28: ("mpi_inf_3dhp28", np.arange(28)),
    }
)


def read_human36m(options: ReaderOptions) -> Source:
    """Human3.6M: 17, 25 or 32 joints in its order, or SPIN's 24. UserError for another file."""
    return _read(options, HUMAN36M)


def read_mpi_inf_3dhp(options: ReaderOptions) -> Source:
    """MPI-INF-3DHP: 28 joints in its order, 17 as of its test set, or SPIN's 24. UserError for
    another file."""
    return _read(options, MPI_INF_3DHP)


def _read(options: ReaderOptions, layout: JointLayout) -> Source:
    cameras = Cameras(options.cameras, options.fov)
    items: list[Item] = []
    for path in options.annotations:
        columns = read_columns(path, ("imgname",), OTHERS, FIX)
        reader = _Reader(path, columns, layout, cameras)
        names = [text(columns, "imgname", row) for row in range(len(columns["imgname"]))]
        items += [
            Item(name, options.images / name, partial(reader.annotate, name, tuple(rows)))
            for name, rows in rows_of(names).items()
        ]
    return Source(items)


class _Reader:
    """Annotations out of one file's columns."""

    def __init__(self, path: Path, columns: Columns, layout: JointLayout, cameras: Cameras) -> None:
        self.columns, self.cameras = columns, cameras
        self.joints = {
            name: self._layout(path, name, layout) for name in ("S", "part") if name in columns
        }
        if not self.joints:
            raise UserError("Annotations not readable", f"{path}: it has neither S nor part.", FIX)
        self.unit, self.absolute = self._conventions() if "S" in self.joints else (1.0, False)
        self.camera = next((name for name in CAMERA_COLUMNS if name in columns), None)

    def annotate(self, path: str, rows: tuple[int, ...], size: Size) -> Annotation:
        """The people in these rows, who are in one picture."""
        intrinsics, distortion = self.cameras.of(path, size)
        if self.camera is not None:
            intrinsics = numbers(self.columns, self.camera, rows[0], (3, 3))
        return Annotation(tuple(self._person(row, size) for row in rows), intrinsics, distortion)

    def _layout(self, path: Path, name: str, layout: JointLayout) -> tuple[str, NDArray[np.int64]]:
        shape = self.columns[name].shape
        widths = (3, 4) if name == "S" else (2, 3)
        if len(shape) != 3 or shape[1] not in layout.rows or shape[2] not in widths:
            counts = ", ".join(map(str, layout.rows))
            raise UserError(
                "Unknown joints",
                f"{path}: {name} has the shape {shape}.",
                f"Choose a file with {counts} joints a person, of {widths} numbers each.",
            )
        return layout.rows[shape[1]]

    def _conventions(self) -> tuple[float, bool]:
        """The unit of S in metres, and whether it is in the camera rather than about the root."""
        joint_set, rows = self.joints["S"]
        places = np.abs(np.asarray(self.columns["S"][..., :3], np.float64))
        unit = MILLIMETRE if np.nanmax(places, initial=0.0) > MOST_METRES else 1.0
        root = rows[JointCatalogue().get(joint_set).index("pelvis")]
        return unit, bool((places[:, root] > ROOT_TOLERANCE).any())

    def _person(self, row: int, size: Size) -> PersonTruth:
        joints_3d, joints_2d = (), ()
        if "S" in self.joints:
            joint_set, _ = self.joints["S"]
            positions = self._known("S", row, 3) * self.unit
            joints_3d = (Joints3D(joint_set, positions, self.absolute),)
        if "part" in self.joints:
            joints_2d = (Joints2D(self.joints["part"][0], self._known("part", row, 2)),)
        return PersonTruth(
            self._box(row, joints_2d, size), joints_3d=joints_3d, joints_2d=joints_2d
        )

    def _known(self, name: str, row: int, width: int) -> Float64Array:
        """The joints [K,width] in their set's order, NaN where the last column says unknown."""
        values = np.asarray(self.columns[name][row], np.float64)[self.joints[name][1]]
        if values.shape[1] == width:
            return values
        return np.where(values[:, width:] > 0, values[:, :width], np.nan)

    def _box(self, row: int, joints: tuple[Joints2D, ...], size: Size) -> Float64Array:
        if "center" in self.columns and "scale" in self.columns:
            center = numbers(self.columns, "center", row, (2,))
            return box_of_scale(center, float(numbers(self.columns, "scale", row, ())))
        return box_around(joints[0].pixels, size) if joints else np.full(4, np.nan)

# SPDX-License-Identifier: GPL-3.0-or-later
"""A point set: what is localized beside the body, in one npz file.

Markers, the vertices of somebody's own mesh, or the joints and surface of somebody's own rig: all
are canonical points to the localizer. A marker set's JSON (marker_set.py) is one, too.

    format, version     texts and a number that say what the file is
    name, kind, body    of the set: its name, MARKERS, MESH or RIG, and the canonical body
    points [K,3]        metres, canonical space of that body
    force               whether points far from the body are localized, too
    names, groups [K]   of markers; colors [K,3]: linear RGB, below 0 where a marker has none
    polygon_sizes [F], corners [C]   of a mesh: how many corners each polygon has, and their points
    joint_names [J], parents [J] (-1: none), joints [J,3], weights [K,J], held [J]   of a rig
    bone_axes [J,3,3], rig_size                         of a rig, where they are known
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..body.array_fields import Arrays, floats_of, indices_of, texts_of
from ..body.npz_file import DAMAGED, read_npz
from ..errors import UserError
from .files import write_whole
from .marker_set import BODIES, FURTHEST, SUFFIX, MarkerSet, read_marker_set, require_gender

FORMAT = "nlf_blender.points"
VERSION = 1
MARKERS, MESH, RIG = "markers", "mesh", "rig"
KINDS = (MARKERS, MESH, RIG)
_KEYS = (
    *("format", "version", "name", "kind", "body", "gender", "points", "force"),
    *("names", "groups", "colors", "polygon_sizes", "corners"),
    *("joint_names", "parents", "joints", "weights", "held", "bone_axes", "rig_size"),
)


@dataclass(frozen=True, eq=False)
class Polygons:
    """The faces of a mesh. sizes [F]: corners of each, 3 or more; corners [C]: their points, one
    face after the other."""

    sizes: NDArray[np.int64]
    corners: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RigInfo:
    """A rig as it stands in the canonical body, of J joints, parents first.

    parents [J]: the parent's place in the list, -1 for a root; joints [J,3]: where each turns,
    metres, canonical space; weights [K,J]: how much each point of the set follows each joint, rows
    sum to 1; held [J]: whether it keeps its rest turn, since nothing tells where it is. For who
    gives the rig its motion: bone_axes [J,3,3]: the bones' own axes in columns, canonical space;
    size: how large the rig's object was for one metre of canonical space.
    """

    joint_names: tuple[str, ...]
    parents: NDArray[np.int64]
    joints: NDArray[np.float64]
    weights: NDArray[np.float32]
    held: NDArray[np.bool_]
    bone_axes: NDArray[np.float64] | None = None
    size: float = 1.0


@dataclass(frozen=True, eq=False)
class PointSet:
    """Canonical points [K,3] in metres, on one of BODIES; names, groups, colors are of markers,
    polygons of a mesh; gender as a MarkerSet's."""

    name: str
    kind: str
    body: str
    points: NDArray[np.float64]
    names: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    colors: NDArray[np.float32] | None = None
    rig: RigInfo | None = None
    force: bool = False
    polygons: Polygons | None = None
    gender: str = ""

    def __post_init__(self) -> None:
        """ValueError naming what is wrong."""
        if self.kind not in KINDS:
            raise ValueError(f"'{self.kind}' is no kind of point set")
        if self.body not in BODIES:
            raise ValueError(f"'{self.body}' is no canonical body; there are {', '.join(BODIES)}")
        require_gender(self.gender)
        if self.points.ndim != 2 or self.points.shape[1] != 3 or not len(self.points):
            raise ValueError(f"points have shape {self.points.shape}, not (any, 3)")
        if not (np.abs(self.points) <= FURTHEST).all():
            raise ValueError(f"points are not finite or over {FURTHEST:g} m away")
        if self.kind == MARKERS and len(set(self.names)) != len(self.points):
            raise ValueError("markers need names of their own")
        if (self.kind == RIG) != (self.rig is not None):
            raise ValueError("a rig's points need the rig, and other points have none")

    @property
    def slug(self) -> str:
        """The name as a folder may be called: letters, digits, '-' and '_'."""
        return re.sub(r"[^\w-]+", "_", self.name).strip("_")[:60] or "points"


def of_markers(markers: MarkerSet, *, force: bool = False) -> PointSet:
    """The point set of a marker set. ValueError if it is empty."""
    colors = [(-1.0, -1.0, -1.0) if m.color is None else m.color for m in markers.markers]
    return PointSet(
        name=markers.name,
        kind=MARKERS,
        body=markers.body,
        points=markers.positions,
        names=tuple(marker.name for marker in markers.markers),
        groups=tuple(marker.group for marker in markers.markers),
        colors=np.array(colors, dtype=np.float32),
        force=force,
        gender=markers.gender,
    )


def write_point_set(path: Path, points: PointSet) -> None:
    """Write a point set's npz file. OSError from the disk."""
    write_whole(path, point_set_bytes(points))


def point_set_bytes(points: PointSet) -> bytes:
    """A point set as its npz file holds it; the same for the same set."""
    arrays: dict[str, NDArray[Any]] = {
        "format": np.array(FORMAT),
        "version": np.array(VERSION),
        "name": np.array(points.name),
        "kind": np.array(points.kind),
        "body": np.array(points.body),
        "points": points.points,
        "force": np.array(points.force),
    }
    if points.gender:
        arrays["gender"] = np.array(points.gender)
    if points.names:
        arrays |= {"names": np.array(points.names), "groups": np.array(points.groups)}
    if points.colors is not None:
        arrays["colors"] = points.colors
    if points.polygons is not None:
        arrays |= {"polygon_sizes": points.polygons.sizes, "corners": points.polygons.corners}
    if points.rig is not None:
        rig = points.rig
        arrays |= {
            "joint_names": np.array(rig.joint_names),
            "parents": rig.parents,
            "joints": rig.joints,
            "weights": rig.weights,
            "held": rig.held,
            "rig_size": np.array(rig.size),
        }
        if rig.bone_axes is not None:
            arrays["bone_axes"] = rig.bone_axes
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    return buffer.getvalue()


def read_point_set(path: Path) -> PointSet:
    """The point set in an npz file, or that of a marker set's JSON. UserError, naming the file and
    what to do, if it is missing, damaged, of a newer version, or of an unknown body."""
    if path.suffix.lower() == SUFFIX:
        try:
            return of_markers(read_marker_set(path))
        except ValueError as error:
            raise UserError(
                "Empty marker set",
                f"{path}: {error}.",
                "Add markers to the set, or choose another.",
            ) from error
    try:
        return _from_arrays(read_npz(path, _KEYS), path)
    except FileNotFoundError as error:
        raise UserError(
            "Point set not found", f"{path} does not exist.", "Choose the file again."
        ) from error
    except (OSError, *DAMAGED) as error:
        raise UserError(
            "Not a point set",
            f"{path}: {error}.",
            "Choose a marker set's JSON, or make the points again in Blender.",
        ) from error


def _from_arrays(arrays: Arrays, path: Path) -> PointSet:
    if str(arrays.get("format")) != FORMAT:
        raise ValueError(f"its format is not {FORMAT}")
    version = int(arrays["version"])
    if version > VERSION:
        raise UserError(
            "Point set from a newer version",
            f"{path} has format version {version}, this version reads {VERSION}.",
            "Update the NLF extension.",
        )
    points = floats_of(arrays, "points", (None, 3)).astype(np.float64)
    colors = arrays.get("colors")
    return PointSet(
        name=str(arrays["name"]),
        kind=str(arrays["kind"]),
        body=str(arrays["body"]),
        points=points,
        names=texts_of(arrays, "names"),
        groups=texts_of(arrays, "groups"),
        colors=None if colors is None else floats_of(arrays, "colors", (len(points), 3)),
        rig=_rig(arrays, len(points)) if "joints" in arrays else None,
        force=bool(arrays["force"]),
        polygons=_polygons(arrays, len(points)) if "corners" in arrays else None,
        gender=str(arrays.get("gender", "")),
    )


def _polygons(arrays: Arrays, count: int) -> Polygons:
    corners = indices_of(arrays, "corners", (None,), count)
    sizes = indices_of(arrays, "polygon_sizes", (None,), len(corners) + 1)
    if (sizes < 3).any() or sizes.sum() != len(corners):
        raise ValueError("the polygons are not of its corners")
    return Polygons(sizes, corners)


def _rig(arrays: Arrays, count: int) -> RigInfo:
    names = texts_of(arrays, "joint_names")
    joints = len(names)
    parents = indices_of({"parents": arrays["parents"] + 1}, "parents", (joints,), joints + 1) - 1
    if (parents >= np.arange(joints)).any():
        raise ValueError("a joint comes before its parent")
    held = np.asarray(arrays["held"])
    if held.shape != (joints,) or held.dtype != np.bool_:
        raise ValueError("held is not a yes or no for each joint")
    axes, size = arrays.get("bone_axes"), float(arrays.get("rig_size", 1.0))
    if not np.isfinite(size) or size <= 0:
        raise ValueError("rig_size is not above 0")
    return RigInfo(
        joint_names=names,
        parents=parents,
        joints=floats_of(arrays, "joints", (joints, 3)).astype(np.float64),
        weights=floats_of(arrays, "weights", (count, joints)).astype(np.float32),
        held=held,
        bone_axes=None
        if axes is None
        else floats_of(arrays, "bone_axes", (joints, 3, 3)).astype(np.float64),
        size=size,
    )

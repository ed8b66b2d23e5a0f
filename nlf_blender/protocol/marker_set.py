# SPDX-License-Identifier: GPL-3.0-or-later
"""A marker set: named points on, in or near a canonical body, as a JSON file.

    {"format": "nlf_blender.markers", "version": 1,
     "name": "COCO-17", "description": "where the positions come from",
     "body": "smplx", "gender": "neutral", "space": "canonical", "units": "metre",
     "axes": "x left, y up, z front",
     "markers": [{"name": "nose", "position": [0.0, 0.61, 0.12], "group": "head",
                  "color": [1.0, 0.6, 0.1], "place": "in words, where on the body it is"}]}

Positions are in the canonical space of the body that is named: the pose of its canonical vertices,
metres. Left is the body's own. Gender, group, color (linear RGB, 0 to 1) and place may be left out:
gender is that of the SMPL-family file, neutral, male or female, whose mean people differ by
centimetres; without it, the set is taken to be of the file that is used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..body.model_folder import GENDERS
from ..errors import UserError
from .files import read_versioned, write_whole
from .json_fields import Json, as_floats, as_list, as_object, as_str, optional

FORMAT = "nlf_blender.markers"
VERSION = 1
SUFFIX = ".json"
OPEN, SMPL, SMPLH, SMPLX = "open", "smpl", "smplh", "smplx"
BODIES = (OPEN, SMPL, SMPLH, SMPLX)  # canonical bodies that points can be placed on
SPACE = "canonical"
UNITS, AXES = "metre", "x left, y up, z front"
LONGEST_NAME = 63  # bytes, as Blender's
FURTHEST = 1000.0  # metres from the origin; beyond, it is a mistake

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Marker:
    """A named canonical point. position: metres, canonical space; group: markers that belong
    together, "" for none; color: linear RGB, None for the set's own choice; place: where it is on
    the body, in words."""

    name: str
    position: tuple[float, float, float]
    group: str = ""
    color: Color | None = None
    place: str = ""


def require_unicode(*texts: str) -> None:
    """ValueError if one of them cannot be written to a file: JSON may have halves of characters."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{text!r} is not valid Unicode") from error


@dataclass(frozen=True)
class MarkerSet:
    """A named list of markers with names of their own. body: one of BODIES; gender: which of
    SMPL's family it is, one of GENDERS, "" where nobody knows and for the open body."""

    name: str
    markers: tuple[Marker, ...]
    body: str = OPEN
    description: str = ""
    gender: str = ""

    def __post_init__(self) -> None:
        """ValueError naming what is wrong."""
        if not self.name.strip():
            raise ValueError("the set has no name")
        if self.body not in BODIES:
            raise ValueError(f"'{self.body}' is no canonical body; there are {', '.join(BODIES)}")
        require_gender(self.gender)
        require_unicode(self.name, self.description)
        seen: set[str] = set()
        for marker in self.markers:
            require_unicode(marker.name, marker.group, marker.place)
            if not marker.name.strip() or len(marker.name.encode()) > LONGEST_NAME:
                raise ValueError(f"a marker's name is empty or over {LONGEST_NAME} bytes")
            if marker.name in seen:
                raise ValueError(f"two markers are called '{marker.name}'")
            if not np.isfinite(marker.position).all():
                raise ValueError(f"the position of '{marker.name}' is not finite")
            if np.abs(marker.position).max() > FURTHEST:
                raise ValueError(f"'{marker.name}' is more than {FURTHEST:g} m away")
            seen.add(marker.name)

    @property
    def positions(self) -> NDArray[np.float64]:
        """All positions [K,3], metres, canonical space."""
        return np.array([m.position for m in self.markers], dtype=np.float64).reshape(-1, 3)

    def to_json(self) -> Json:
        """The object of the file, with format, version, units and axes spelled out."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "description": self.description,
            "body": self.body,
            **({"gender": self.gender} if self.gender else {}),
            "space": SPACE,
            "units": UNITS,
            "axes": AXES,
            "markers": [_to_json(marker) for marker in self.markers],
        }

    @classmethod
    def from_json(cls, data: Json) -> MarkerSet:
        """What `to_json` wrote; ValueError naming the field that is missing or wrong."""
        for key, wanted in (("space", SPACE), ("units", UNITS), ("axes", AXES)):
            found = as_str(data.get(key, wanted), key)
            if found != wanted:
                raise ValueError(f"its {key} is '{found}', not '{wanted}'")
        return cls(
            name=as_str(data.get("name"), "name"),
            markers=tuple(_marker(item) for item in as_list(data.get("markers"), "markers")),
            body=as_str(data.get("body"), "body"),
            description=as_str(data.get("description", ""), "description"),
            gender=as_str(data.get("gender", ""), "gender"),
        )


def require_gender(gender: str) -> None:
    """ValueError if it is none of a canonical body."""
    if gender and gender not in GENDERS:
        raise ValueError(f"'{gender}' is no gender of a body; there are {', '.join(GENDERS)}")


def body_title(body: str, gender: str) -> str:
    """What a canonical body is called: smplx, or smplx female."""
    return f"{body} {gender}" if gender else body


def _to_json(marker: Marker) -> Json:
    data: Json = {"name": marker.name, "position": list(marker.position)}
    if marker.group:
        data["group"] = marker.group
    if marker.color is not None:
        data["color"] = list(marker.color)
    if marker.place:
        data["place"] = marker.place
    return data


def _marker(value: object) -> Marker:
    data = as_object(value, "a marker")
    name = as_str(data.get("name"), "marker.name")
    color = optional(data.get("color"), as_floats, f"the color of '{name}'")
    return Marker(
        name=name,
        position=_three(as_floats(data.get("position"), f"the position of '{name}'"), name),
        group=as_str(data.get("group", ""), f"the group of '{name}'"),
        color=None if color is None else _three(color, name),
        place=as_str(data.get("place", ""), f"the place of '{name}'"),
    )


def _three(numbers: tuple[float, ...], name: str) -> tuple[float, float, float]:
    if len(numbers) != 3:
        raise ValueError(f"'{name}' has {len(numbers)} numbers where 3 are wanted")
    return numbers[0], numbers[1], numbers[2]


def marker_set_bytes(markers: MarkerSet) -> bytes:
    """A marker set as its file holds it."""
    text = json.dumps(markers.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def write_marker_set(path: Path, markers: MarkerSet) -> None:
    """Write a marker set's JSON file. OSError from the disk."""
    write_whole(path, marker_set_bytes(markers))


def read_marker_set(path: Path) -> MarkerSet:
    """The marker set in a JSON file. UserError, naming the file and what to do, if it is missing,
    damaged, of a newer version, or of an unknown body or space."""
    try:
        return MarkerSet.from_json(read_versioned(path, FORMAT, VERSION))
    except FileNotFoundError as error:
        raise UserError(
            "Marker set not found", f"{path} does not exist.", "Choose the file again."
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(
            "Not a marker set",
            f"{path}: {error}.",
            "Choose a marker set that was saved as JSON, or correct the file.",
        ) from error

# SPDX-License-Identifier: GPL-3.0-or-later
"""C3D files, read by ezc3d: the markers of everybody in them, without what is computed from them.

Which axis is up is told by POINT:Y_SCREEN, the axis that points up on a screen. Vicon's programs
store angles, forces and the like as points, too; their names are listed in groups of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...protocol.marker_motion import MarkerMotion, MarkerTrack
from .c3d_library import MOST_FRAMES, read_c3d_file
from .forms import Y_UP, Z_UP, Form, known_units
from .labels import SEPARATOR, by_person, distinct

COMPUTED = ("ANGLES", "MOMENTS", "FORCES", "POWERS", "SCALARS", "REACTIONS")
Parameters = dict[str, list[Any]]


def read_c3d(path: Path, units: str | None, axes: str | None) -> MarkerMotion:
    """The markers in a C3D file. units, axes: what they are, None for what the file says.
    ValueError says what is wrong with the file; UserError if its units are not known."""
    content = read_c3d_file(path)
    points, parameters = content.points, content.parameters.get("POINT", {})
    notes: list[str] = []
    if points.shape[2] < content.frames < MOST_FRAMES:
        notes.append(f"The file is cut off: it has {points.shape[2]} of {content.frames} frames.")
    axes = axes or _axes(_texts(parameters, "Y_SCREEN"), notes)
    units = units or known_units(next(iter(_texts(parameters, "UNITS")), ""), path)
    labels = _labels(parameters, points.shape[1])
    markers = _markers(parameters, labels, notes)
    values = points[:3, markers].transpose(2, 1, 0)
    values[(values == 0.0).all(axis=2)] = np.nan  # how programs that know no residual mark a gap
    people = by_person(
        [labels[marker] for marker in markers],
        _people(content.parameters.get("SUBJECTS", {}), labels),
    )
    rate = float(next(iter(parameters.get("RATE", [])), 0.0))
    return MarkerMotion(
        name=path.stem,
        source=path.name,
        rate=rate,
        start=content.first / rate if rate > 0 else 0.0,
        people=_tracks(Form(units, axes).from_file(values), people),
        notes=tuple(notes),
    )


def _tracks(
    positions: NDArray[np.float32], people: list[tuple[str, list[int], list[str]]]
) -> tuple[MarkerTrack, ...]:
    """The positions [T,M,3] by person."""
    unknown = np.full(positions.shape[:2], np.nan, dtype=np.float32)
    return tuple(
        MarkerTrack(person, tuple(names), positions[:, places], unknown[:, places])
        for person, places, names in people
    )


def _texts(parameters: Parameters, name: str) -> list[str]:
    """A parameter's texts, empty where there is none."""
    return [str(value) for value in parameters.get(name, [])]


def _labels(parameters: Parameters, count: int) -> list[str]:
    """The names of all points: LABELS has 255 at most, LABELS2 the next, and so on."""
    labels, number = _texts(parameters, "LABELS"), 2
    while f"LABELS{number}" in parameters:
        labels += _texts(parameters, f"LABELS{number}")
        number += 1
    labels = [label or f"M{place:04d}" for place, label in enumerate(labels[:count], start=1)]
    unnamed = [f"M{place:04d}" for place in range(len(labels) + 1, count + 1)]
    return distinct([*labels, *unnamed])


def _axes(screen: list[str], notes: list[str]) -> str:
    """Which axis is up."""
    up = screen[0].upper().lstrip("+") if screen else ""
    if up in ("Y", "Z"):
        return Y_UP if up == "Y" else Z_UP
    said = f"says that {screen[0]} points up" if up else "does not say which axis points up"
    notes.append(f"The file {said}: z was taken.")
    return Z_UP


def _markers(parameters: Parameters, labels: list[str], notes: list[str]) -> list[int]:
    """The places of the points that are markers. ValueError if none is."""
    computed = {label for name in COMPUTED for label in _texts(parameters, name)}
    markers = [place for place, label in enumerate(labels) if label not in computed]
    if len(markers) < len(labels):
        notes.append(f"{len(labels) - len(markers)} angles, forces and the like were left out.")
    if not markers:
        raise ValueError("it has no markers")
    return markers


def _people(subjects: Parameters, labels: list[str]) -> list[str]:
    """The people whose names stand before markers', as SUBJECTS lists them, or as all markers
    have them."""
    listed = _texts(subjects, "LABEL_PREFIXES")
    if not any(listed) and all(SEPARATOR in label for label in labels):
        listed = [label.partition(SEPARATOR)[0] for label in labels]
    return list(dict.fromkeys(name.rstrip(SEPARATOR) for name in listed if name))

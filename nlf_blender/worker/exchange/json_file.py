# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON files of markers over time.

    {"format": "nlf_blender.marker_motion", "version": 1, "name": "COCO-17", "source": "walk.mp4",
     "units": "m", "axes": "z-up", "axes_in_words": "...",
     "rate": 29.97, "start": 0.0, "first_frame": 1, "frames": 2,
     "people": [{"name": "Person 1", "markers": [
       {"name": "nose", "group": "head", "color": [1.0, 0.6, 0.1],
        "positions": [[0.1, 0.2, 1.6], null], "uncertainty": [0.021, null]}]}]}

units hold for positions and uncertainties; rate is in frames a second, start, the time of the first
frame, in seconds from the start of the source. null is a gap, or an uncertainty nobody knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...protocol.files import read_versioned
from ...protocol.json_fields import (
    Json,
    as_float,
    as_floats,
    as_list,
    as_object,
    as_str,
    optional,
)
from ...protocol.marker_motion import FORMAT, NO_COLOR, VERSION, MarkerMotion, MarkerTrack
from .forms import AXES, SENTENCES, Form, known_units
from .text_columns import write_lines

DIGITS = {"mm": 4, "m": 7}


def write_json(path: Path, motion: MarkerMotion, form: Form) -> list[str]:
    """Write everybody's markers. Returns what the user should know. OSError from the disk."""
    head = {
        "format": FORMAT,
        "version": VERSION,
        "name": motion.name,
        "source": motion.source,
        "units": form.units,
        "axes": form.axes,
        "axes_in_words": SENTENCES[form.axes],
        "rate": motion.rate,
        "start": motion.start,
        "first_frame": motion.first_frame,
        "frames": motion.frame_count,
    }
    text = json.dumps(head, ensure_ascii=False, allow_nan=False, indent=1)
    write_lines(path, [text.removesuffix("\n}") + ',\n "people": ['], _people(motion, form))
    return []


def _people(motion: MarkerMotion, form: Form) -> Iterator[str]:
    """The lines of all people, marker by marker: all at once would take many times the memory."""
    for index, track in enumerate(motion.people):
        yield f'  {{"name": {_text(track.person)}, "markers": ['
        for marker in range(len(track.labels)):
            last = marker == len(track.labels) - 1
            yield "   " + _marker(track, marker, form) + ("" if last else ",")
        yield "  ]}" + ("" if index == len(motion.people) - 1 else ",")
    yield " ]\n}"


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _marker(track: MarkerTrack, marker: int, form: Form) -> str:
    facts: Json = {"name": track.labels[marker]}
    if track.groups and track.groups[marker]:
        facts["group"] = track.groups[marker]
    if track.colors is not None and track.colors[marker, 0] >= 0:
        facts["color"] = [round(float(value), 6) for value in track.colors[marker]]
    positions = _list(form.to_file(track.positions[:, marker]), form.units)
    uncertainty = _list(form.lengths(track.uncertainty[:, marker, None]), form.units)
    start = json.dumps(facts, ensure_ascii=False).removesuffix("}")
    return f'{start}, "positions": {positions}, "uncertainty": {uncertainty}}}'


def _list(values: NDArray[np.float64], units: str) -> str:
    """Values [T,C] as a list of rows, or of numbers where C is 1; null for a row with NaN."""
    gaps = np.isnan(values).any(axis=1)
    row = ",".join([f"%.{DIGITS[units]}f"] * values.shape[1])
    row = row if values.shape[1] == 1 else f"[{row}]"
    form = ",".join("null" if gap else row for gap in gaps.tolist())
    return f"[{form % tuple(values[~gaps].ravel())}]"


def read_json(path: Path, units: str | None, axes: str | None) -> MarkerMotion:
    """The markers in a JSON file. units, axes: what they are, None for what the file says.
    ValueError says what is wrong; UserError if it is newer, or its units are not known."""
    data = read_versioned(path, FORMAT, VERSION)
    axes = axes or as_str(data.get("axes"), "axes")
    if axes not in AXES:
        raise ValueError(f"its axes are '{axes}', not one of {', '.join(AXES)}")
    form = Form(units or known_units(as_str(data.get("units"), "units"), path), axes)
    people = [as_object(item, "a person") for item in as_list(data.get("people"), "people")]
    return MarkerMotion(
        name=as_str(data.get("name"), "name"),
        source=path.name,
        rate=as_float(data.get("rate"), "rate"),
        start=as_float(data.get("start"), "start"),
        people=tuple(_track(person, form) for person in people),
    )


def _track(person: Json, form: Form) -> MarkerTrack:
    markers = [as_object(m, "a marker") for m in as_list(person.get("markers"), "markers")]
    if not markers:
        raise ValueError("somebody has no markers")
    names = tuple(as_str(marker.get("name"), "marker.name") for marker in markers)
    positions = [_positions(m, name) for m, name in zip(markers, names, strict=True)]
    frames = len(positions[0])
    if any(len(own) != frames for own in positions):
        raise ValueError("its markers have different numbers of frames")
    doubts = [_uncertainty(m, n, frames) for m, n in zip(markers, names, strict=True)]
    return MarkerTrack(
        person=as_str(person.get("name"), "person.name"),
        labels=names,
        positions=form.from_file(np.stack(positions, axis=1)),
        uncertainty=form.lengths_from(np.stack(doubts, axis=1)),
        groups=tuple(as_str(marker.get("group", ""), "marker.group") for marker in markers),
        colors=np.array([_color(marker) for marker in markers], dtype=np.float32),
    )


def _positions(marker: Json, name: str) -> NDArray[np.float64]:
    """Positions [T,3], NaN in gaps."""
    what = f"a position of '{name}'"
    values = [
        (np.nan,) * 3 if item is None else as_floats(item, what)
        for item in as_list(marker.get("positions"), f"the positions of '{name}'")
    ]
    if any(len(value) != 3 for value in values):
        raise ValueError(f"{what} has not 3 numbers")
    return np.array(values, dtype=np.float64).reshape(-1, 3)


def _uncertainty(marker: Json, name: str, frames: int) -> NDArray[np.float64]:
    """Uncertainties [T], NaN where nobody knows."""
    what = f"the uncertainty of '{name}'"
    if "uncertainty" not in marker:
        return np.full(frames, np.nan)
    values = [optional(item, as_float, what) for item in as_list(marker["uncertainty"], what)]
    if len(values) != frames:
        raise ValueError(f"{what} has {len(values)} frames, not {frames}")
    return np.array([np.nan if value is None else value for value in values])


def _color(marker: Json) -> tuple[float, ...]:
    color = optional(marker.get("color"), as_floats, "a color")
    if color is not None and len(color) != 3:
        raise ValueError("a color has not 3 numbers")
    return (NO_COLOR,) * 3 if color is None else color

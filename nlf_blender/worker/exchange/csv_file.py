# SPDX-License-Identifier: GPL-3.0-or-later
"""CSV files of markers: what they are in lines that begin with "#", then a table.

    # format: nlf_blender.marker_motion
    # version: 1
    # name: COCO-17
    # source: walk.mp4
    # rate: 29.97002997            frames a second
    # units: m                     of positions and uncertainties; times are in seconds
    # axes: z-up                   or y-up
    # people: ["Person 1", "Person 2"]
    frame,time,Person 1:nose.x,Person 1:nose.y,Person 1:nose.z,Person 1:nose.uncertainty,...
    1,0.000000,0.012345,...

With one person, columns have the markers' names alone. An empty cell is a gap, or an uncertainty
that nobody knows. A table without such lines is read, too, if its columns are named so.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...protocol.marker_motion import FORMAT, VERSION, MarkerMotion, MarkerTrack
from .forms import AXES, CSV, DEFAULT_FORMS, SENTENCES, Form, known_units
from .labels import by_person, full_labels
from .text_columns import number, number_rows, numbers, read_text, write_lines

FIRST_COLUMNS = ["frame", "time"]
PARTS = ("x", "y", "z")
UNCERTAINTY = "uncertainty"
DIGITS = {"mm": 4, "m": 7}


def write_csv(path: Path, motion: MarkerMotion, form: Form) -> list[str]:
    """Write everybody's markers. Returns what the user should know. OSError from the disk."""
    people = motion.people
    facts = {
        "format": FORMAT,
        "version": VERSION,
        "name": motion.name,
        "source": motion.source,
        "rate": f"{motion.rate:.10g}",
        "units": form.units,
        "axes": form.axes,
        "axes in words": SENTENCES[form.axes],
        "people": json.dumps([track.person for track in people], ensure_ascii=False),
    }
    columns = [f"{label}.{part}" for label in full_labels(motion) for part in (*PARTS, UNCERTAINTY)]
    lines = [f"# {key}: {' '.join(str(value).splitlines())}" for key, value in facts.items()]
    blocks = [
        np.dstack([form.to_file(t.positions), form.lengths(t.uncertainty)[..., None]])
        for t in people
    ]
    table = np.concatenate(blocks, axis=1).reshape(motion.frame_count, -1)
    rows = number_rows(table, DIGITS[form.units], ",")
    write_lines(path, [*lines, _row([*FIRST_COLUMNS, *columns])], _numbered(motion, rows))
    return []


def _numbered(motion: MarkerMotion, rows: Iterator[str]) -> Iterator[str]:
    for index, (time, row) in enumerate(zip(motion.times, rows, strict=True)):
        yield f"{motion.first_frame + index},{time:.6f},{row}"


def _row(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(cells)
    return buffer.getvalue()


def read_csv(path: Path, units: str | None, axes: str | None) -> MarkerMotion:
    """The markers in a CSV file. units, axes: what they are, None for what the file says, else as
    written by default. ValueError says what is wrong; UserError if its units are not known."""
    lines = read_text(path).splitlines()
    facts = _facts(lines)
    if int(number(facts.get("version", "1"), "version")) > VERSION:
        raise ValueError("it was written by a newer version")
    default = DEFAULT_FORMS[CSV]
    axes = axes or facts.get("axes", default.axes)
    if axes not in AXES:
        raise ValueError(f"its axes are '{axes}', not one of {', '.join(AXES)}")
    form = Form(units or known_units(facts.get("units", default.units), path), axes)
    notes = () if "units" in facts else ("The file does not tell its units and axes.",)
    rows = list(csv.reader(line for line in lines if line.strip() and not line.startswith("#")))
    labels, places, doubts = _columns(rows[0] if rows else [])
    times, values = _values(rows)
    rate = float(facts["rate"]) if "rate" in facts else _rate(times)
    positions = form.from_file(values[:, places])
    doubt = np.full(positions.shape[:2], np.nan, dtype=np.float32)
    for marker, column in doubts.items():
        doubt[:, marker] = form.lengths_from(values[:, column])
    people = by_person(labels, _people(facts))
    return MarkerMotion(
        name=facts.get("name") or path.stem,
        source=path.name,
        rate=rate,
        start=float(times[0]),
        people=tuple(
            MarkerTrack(person, tuple(names), positions[:, own], doubt[:, own])
            for person, own, names in people
        ),
        notes=notes,
    )


def _facts(lines: list[str]) -> dict[str, str]:
    """What the lines that begin with # say."""
    facts = {}
    for line in lines:
        key, separator, value = line.lstrip("# ").partition(":")
        if not line.startswith("#"):
            break
        if separator:
            facts[key.strip()] = value.strip()
    return facts


def _people(facts: dict[str, str]) -> list[str]:
    people: Any = json.loads(facts.get("people", "[]"))
    if not isinstance(people, list) or not all(isinstance(name, str) for name in people):
        raise ValueError("its people are no list of names")
    return people


def _columns(header: list[str]) -> tuple[list[str], list[list[int]], dict[int, int]]:
    """The markers' names, the columns [K][3] of their positions and, by marker, of uncertainties.
    Columns count from behind frame and time."""
    names = [cell.strip() for cell in header]
    if names[:2] != FIRST_COLUMNS:
        raise ValueError("its first columns are not frame and time")
    column_of = {name: column for column, name in enumerate(names[2:])}
    labels = [name.removesuffix(".x") for name in column_of if name.endswith(".x")]
    if not labels or len(column_of) != len(names) - 2:
        raise ValueError("it has no columns like nose.x, nose.y, nose.z, or two of one name")
    for label in labels:
        if any(f"{label}.{part}" not in column_of for part in PARTS):
            raise ValueError(f"it lacks a column of {label}.x, {label}.y and {label}.z")
    places = [[column_of[f"{label}.{part}"] for part in PARTS] for label in labels]
    keys = [f"{label}.{UNCERTAINTY}" for label in labels]
    doubts = {marker: column_of[key] for marker, key in enumerate(keys) if key in column_of}
    return labels, places, doubts


def _values(rows: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Times [T] and the columns behind them [T,C], NaN for empty cells."""
    if len(rows) < 2:
        raise ValueError("it has no frames")
    count = len(rows[0])
    table = []
    for row in rows[1:]:
        if len(row) != count:
            raise ValueError(f"the row of frame {row[0]} has {len(row)} cells, not {count}")
        table.append(numbers(row[1:], f"a cell of frame {row[0]}"))
    values = np.array(table)
    if np.isnan(values[:, 0]).any():
        raise ValueError("a frame has no time")
    return values[:, 0], values[:, 1:]


def _rate(times: np.ndarray) -> float:
    """Frames a second of a table that does not say."""
    if len(times) < 2 or times[-1] <= times[0]:
        raise ValueError("it says neither its rate nor the times of two frames")
    return float((len(times) - 1) / (times[-1] - times[0]))

# SPDX-License-Identifier: GPL-3.0-or-later
"""TRC files (Motion Analysis; OpenSim): text in columns parted by tabs, one person each.

Gaps are empty cells. Every line of data ends with a tab: without it OpenSim takes a gap in the last
marker for a missing column.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...protocol.marker_motion import MarkerMotion, MarkerTrack
from .forms import Y_UP, Form, known_units
from .labels import distinct, renaming_notes, without_spaces
from .text_columns import number, number_rows, numbers, read_text, write_lines

FIRST_WORD = "PathFileType"
HEADER = (
    *("DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"),
    *("OrigDataRate", "OrigDataStartFrame", "OrigNumFrames"),
)
DIGITS = {"mm": 4, "m": 7}
UNEVEN = 0.1  # of a frame that a time may be off the rate


def write_trc(path: Path, motion: MarkerMotion, form: Form) -> list[str]:
    """Write one person's markers. Returns what the user should know. OSError from the disk."""
    (track,) = motion.people
    labels = without_spaces(track.labels)
    rate, frames, first = f"{motion.rate:.10g}", motion.frame_count, motion.first_frame
    values = (rate, rate, frames, len(labels), form.units, rate, first, frames)
    axes = "\t".join(f"{axis}{n}" for n in range(1, len(labels) + 1) for axis in "XYZ")
    head = [
        f"{FIRST_WORD}\t4\t(X/Y/Z)\t{'_'.join(path.name.split())}",
        "\t".join(HEADER),
        "\t".join(map(str, values)),
        "Frame#\tTime\t" + "".join(f"{label}\t\t\t" for label in labels),
        f"\t\t{axes}\t",
        "",
    ]
    numbers = range(first, first + frames)
    starts = [f"{n}\t{time:.6f}\t" for n, time in zip(numbers, motion.times, strict=True)]
    positions = form.to_file(track.positions).reshape(frames, -1)
    rows = number_rows(positions, DIGITS[form.units], "\t")
    write_lines(path, head, (start + row + "\t" for start, row in zip(starts, rows, strict=True)))
    return renaming_notes("TRC", list(track.labels), labels)


def read_trc(path: Path, units: str | None, axes: str | None) -> MarkerMotion:
    """The markers in a TRC file. units, axes: what they are, None for what the file says, and y up.
    ValueError says what is wrong with the file; UserError if its units are not known."""
    lines = read_text(path).splitlines()
    if len(lines) < 6 or not lines[0].startswith(FIRST_WORD):
        raise ValueError(f"its first line does not begin with {FIRST_WORD}")
    header = dict(zip(_cells(lines[1]), _cells(lines[2]), strict=False))
    first = [cell.strip() for cell in lines[3].split("\t")]
    if first[0] != "Frame#" or len(first) < 3:
        raise ValueError("its fourth line does not name frame, time and markers, parted by tabs")
    count = int(number(header.get("NumMarkers", ""), "NumMarkers"))
    names = [name for name in first[2:] if name]
    if not 0 < count <= len(names):
        raise ValueError(f"it has {len(names)} names for {count} markers")
    form = Form(units or known_units(header.get("Units", ""), path), axes or Y_UP)
    times, positions = _data(lines[4:], count)
    rate = number(header.get("DataRate", ""), "DataRate")
    labels = distinct(names[:count])
    track = MarkerTrack(
        "", tuple(labels), form.from_file(positions), np.full(positions.shape[:2], np.nan, "f4")
    )
    notes = _time_notes(times, rate)
    return MarkerMotion(path.stem, path.name, rate, float(times[0]), (track,), tuple(notes))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("\t") if cell.strip()]


def _data(lines: list[str], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Times [T] and positions [T,count,3] out of the lines below the markers' names."""
    times, rows = [], []
    for line in lines:
        cells = line.split("\t")
        if not cells[0].strip():  # the axes' names, or an empty line
            continue
        frame = f"frame {cells[0].strip()}"
        number(cells[0], "a frame's number")
        own = cells[2:] + [""] * (3 * count - len(cells[2:]))
        if any(cell.strip() for cell in own[3 * count :]):
            raise ValueError(f"{frame} has more than {count} markers")
        times.append(number(cells[1] if len(cells) > 1 else "", f"the time of {frame}"))
        rows.append(numbers(own[: 3 * count], frame))
    if not rows:
        raise ValueError("it has no frames")
    return np.array(times), np.array(rows).reshape(len(rows), count, 3)


def _time_notes(times: np.ndarray, rate: float) -> list[str]:
    even = times[0] + np.arange(len(times)) / rate if rate > 0 else times
    if np.abs(times - even).max() * rate <= UNEVEN:
        return []
    return [f"Its times do not keep its rate of {rate:g} frames a second, which was gone by."]

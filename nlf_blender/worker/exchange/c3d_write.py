# SPDX-License-Identifier: GPL-3.0-or-later
"""C3D files, written by ezc3d: floating-point points, all people in one file.

A gap has residual -1; every other point has residual 0, which stands for points that were
processed, as ours are: the format has no room for an uncertainty in floating-point files that all
programs read alike. Names are ASCII; with several people they are "PERSON:MARKER", and the group
SUBJECTS lists the people, as Vicon's programs do.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError
from ...protocol.files import write_whole
from ...protocol.marker_motion import MarkerMotion
from ..version import software
from .c3d_library import MOST_FRAMES, ezc3d_module, write_c3d_file
from .forms import C3D, Y_UP, Form
from .labels import ascii_labels, ascii_text, prefix, renaming_notes

# A label's length is a byte, which some programs take for a signed one: a person's name, a colon
# and a marker's name must fit into 127
LONGEST_NAME = 63
MOST_BLOCKS = 255  # of 512 bytes, for all parameters, names among them
UP_AXIS = {Y_UP: "+Y"}


def write_c3d(path: Path, motion: MarkerMotion, form: Form) -> list[str]:
    """Write everybody's markers. Returns what the user should know. UserError if they are more than
    the format can hold, or ezc3d is not there; OSError from the disk."""
    if motion.frame_count > MOST_FRAMES:
        raise _too_much(path, f"it can hold {MOST_FRAMES} frames, not {motion.frame_count}")
    people = ascii_labels([track.person for track in motion.people], LONGEST_NAME, "P")
    labels, notes = _labels(motion, people)
    file = ezc3d_module().c3d()
    _set_points(file, motion, form)
    last = motion.first_frame + motion.frame_count - 1
    if last > MOST_FRAMES:
        notes.append(f"C3D cannot count up to frame {last}: its first frame is 1.")
    else:
        file["header"]["points"]["first_frame"] = motion.first_frame - 1  # ezc3d counts from 0
    _set_parameters(file, motion, form, people, labels)
    data = write_c3d_file(file)
    if _parameter_blocks(data) > MOST_BLOCKS:
        raise _too_much(path, f"it has no room for {len(labels)} names of this length")
    write_whole(path, data)
    return notes


def _labels(motion: MarkerMotion, people: list[str]) -> tuple[list[str], list[str]]:
    """The names of all markers in the file, and what the user should know of them."""
    several = len(people) > 1
    labels, notes = [], []
    for track, person in zip(motion.people, people, strict=True):
        own = ascii_labels(track.labels, LONGEST_NAME)
        labels += [prefix(person) + label if several else label for label in own]
        notes += renaming_notes("C3D", list(track.labels), own)
    return labels, list(dict.fromkeys(notes))


def _set_points(file: Any, motion: MarkerMotion, form: Form) -> None:
    positions = np.concatenate([track.positions for track in motion.people], axis=1)
    values = form.to_file(positions)
    gaps = np.isnan(values).any(axis=2)
    values[gaps] = 0.0
    points = np.ones((4, *gaps.T.shape))
    points[:3] = values.transpose(2, 1, 0)
    file["data"]["points"] = points
    file["data"]["meta_points"]["residuals"] = np.where(gaps.T, -1.0, 0.0)[None]
    file["data"]["meta_points"]["camera_masks"] = np.zeros((7, *gaps.T.shape), dtype=bool)


def _set_parameters(
    file: Any, motion: MarkerMotion, form: Form, people: list[str], labels: list[str]
) -> None:
    points = file["parameters"]["POINT"]
    points["RATE"]["value"] = [motion.rate]
    points["UNITS"]["value"] = [form.units]
    points["LABELS"]["value"] = labels
    several = len(people) > 1
    maker, version = software().rsplit(" ", 1)
    for group, name, value in (
        ("POINT", "X_SCREEN", ["+X"]),
        ("POINT", "Y_SCREEN", [UP_AXIS.get(form.axes, "+Z")]),
        ("SUBJECTS", "USED", len(people)),
        ("SUBJECTS", "IS_STATIC", int(motion.frame_count == 1)),
        ("SUBJECTS", "USES_PREFIXES", int(several)),
        ("SUBJECTS", "NAMES", people),
        ("SUBJECTS", "LABEL_PREFIXES", [prefix(p) if several else "" for p in people]),
        ("SUBJECTS", "MARKER_SETS", [ascii_text(motion.name) or "markers"] * len(people)),
        ("MANUFACTURER", "SOFTWARE", [maker]),
        ("MANUFACTURER", "VERSION_LABEL", [version]),
    ):
        file.add_parameter(group, name, value)


def _parameter_blocks(data: bytes) -> int:
    """Blocks that the parameters take, by where the header says that the points begin."""
    (begin,) = struct.unpack("<H", data[16:18])
    return int(begin) - data[0]


def _too_much(path: Path, why: str) -> UserError:
    return UserError(
        "Too much for a C3D file",
        f"{path} cannot be written: {why}.",
        f"Export fewer markers or a lower rate, or another format than {C3D.upper()}.",
    )

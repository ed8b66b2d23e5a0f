# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is to choose for exports and imports of markers."""

from __future__ import annotations

import bpy

from ..jobs.runtime import RUNTIME

FORMATS = (
    ("trc", "TRC", "Motion Analysis, OpenSim: one file for each person"),
    ("c3d", "C3D", "Mokka, Vicon, MotionBuilder; names in ASCII"),
    ("csv", "CSV", "A table, with uncertainties"),
    ("json", "JSON", "With uncertainties, groups and colours"),
)
DEFAULT = "DEFAULT"
UNITS = (
    (DEFAULT, "Default", "Millimetres in TRC and C3D, metres in CSV and JSON"),
    ("mm", "Millimetres", ""),
    ("m", "Metres", ""),
)
AXES = (
    (DEFAULT, "Default", "Y up in TRC, Z up in other files; of a file that is read, as it says"),
    ("z-up", "Z Up", "As in Blender"),
    ("y-up", "Y Up", "X, Z and -Y of Blender"),
)
PEOPLE = (
    ("ALL", "All", "Everybody who is kept"),
    ("ACTIVE", "Selected", "The selected person only"),
)
GAPS = (
    ("UNSEEN", "Not Seen", "Gaps where a marker was not seen"),
    ("UNCERTAIN", "Not Seen or Uncertain", "Gaps also where it is more uncertain than the limit"),
    ("FILL", "None", "No gaps: markers that were not seen follow the body"),
)
GLOB = ";".join(f"*.{kind}" for kind, _, _ in FORMATS)


def is_free(cls: type[bpy.types.Operator]) -> bool:
    if RUNTIME.exchange.running:
        cls.poll_message_set("Markers are being exported or imported")
        return False
    return True


def given(choice: str) -> str:
    """A choice as the command line has it, "" for its default."""
    return "" if choice == DEFAULT else choice

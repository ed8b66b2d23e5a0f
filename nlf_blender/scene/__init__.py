# SPDX-License-Identifier: GPL-3.0-or-later
"""Results become datablocks: camera, meshes, armatures. Knows nothing of jobs or of the worker."""

from __future__ import annotations

from .heatmap import set_heatmap
from .importer import ImportOptions, ImportResult, PersonObjects, import_take
from .registration import RegistrationObjects, import_registration
from .rig_options import RigOptions
from .scan_source import read_scene_scan, scan_objects

__all__ = [
    "ImportOptions",
    "ImportResult",
    "PersonObjects",
    "RegistrationObjects",
    "RigOptions",
    "import_registration",
    "import_take",
    "read_scene_scan",
    "scan_objects",
    "set_heatmap",
]

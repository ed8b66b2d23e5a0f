# SPDX-License-Identifier: GPL-3.0-or-later
"""Results become datablocks: camera, meshes, armatures. Knows nothing of jobs or of the worker."""

from __future__ import annotations

from .footage_objects import person_id, take_folder, takes_in
from .footage_options import FootageOptions
from .footage_time import new_time_map, source_frame, stored_time_map
from .heatmap import set_heatmap
from .importer import import_take
from .importing import ImportOptions, ImportResult
from .layers import add_layer, solved_action
from .registration import RegistrationObjects, import_registration
from .rig_options import RigOptions
from .scan_source import read_scene_scan, scan_objects
from .take_people import PersonObjects
from .update_footage import UpdateOptions, update_take

__all__ = [
    "FootageOptions",
    "ImportOptions",
    "ImportResult",
    "PersonObjects",
    "RegistrationObjects",
    "RigOptions",
    "UpdateOptions",
    "add_layer",
    "import_registration",
    "import_take",
    "new_time_map",
    "person_id",
    "read_scene_scan",
    "scan_objects",
    "set_heatmap",
    "solved_action",
    "source_frame",
    "stored_time_map",
    "take_folder",
    "takes_in",
    "update_take",
]

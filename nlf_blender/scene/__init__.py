# SPDX-License-Identifier: GPL-3.0-or-later
"""Results become datablocks: camera, meshes, armatures. Knows nothing of jobs or of the worker."""

from __future__ import annotations

from .footage.layers import add_layer, solved_action
from .footage.objects import person_id, take_folder, takes_in
from .footage.options import FootageOptions
from .footage.scene_time import new_time_map, source_frame, stored_time_map
from .footage.update_footage import motion_pieces, update_take
from .footage.update_options import UpdateOptions
from .heatmap import set_heatmap
from .import_options import ImportOptions, ImportResult
from .importer import import_take
from .person.rig_options import RigOptions
from .registration import RegistrationObjects, import_registration
from .source.scan_source import read_scene_scan, scan_objects
from .take_people import PersonObjects

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
    "motion_pieces",
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

# SPDX-License-Identifier: GPL-3.0-or-later
"""A take becomes datablocks: camera, meshes, armatures. Knows nothing of jobs or of the worker."""

from __future__ import annotations

from .heatmap import set_heatmap
from .importer import ImportOptions, ImportResult, PersonObjects, import_take

__all__ = ["ImportOptions", "ImportResult", "PersonObjects", "import_take", "set_heatmap"]

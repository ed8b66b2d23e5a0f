# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of both worlds lie side by side; each interpreter collects those that it can run."""

from __future__ import annotations

import importlib.util
import os

# Before torch loads: idle OpenMP threads that spin slow a shared machine down.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

collect_ignore = ["blender"] if importlib.util.find_spec("bpy") is None else []
if importlib.util.find_spec("torch") is None:
    collect_ignore.append("worker")

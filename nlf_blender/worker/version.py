# SPDX-License-Identifier: GPL-3.0-or-later
"""Name and version of this software, from the one place that states them, the manifest."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


@functools.cache
def software() -> str:
    """Like "nlf_blender 0.1.0". The manifest lies beside the package's files in an installed
    extension, and one folder above them in a checkout."""
    for folder in (PACKAGE, PACKAGE.parent):
        manifest = folder / "blender_manifest.toml"
        if manifest.is_file():
            data = tomllib.loads(manifest.read_text(encoding="utf-8"))
            return f"{data['id']} {data['version']}"
    raise FileNotFoundError(f"no blender_manifest.toml in or above {PACKAGE}")

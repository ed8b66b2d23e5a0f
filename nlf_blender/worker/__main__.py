# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's entry: `python PACKAGE/worker/__main__.py COMMAND ...`, started by path.

The package's folder may have any name (Blender installs extensions under names of its own), and
its parent folder must not come onto sys.path: other extensions lie there. So the package is
loaded from its path under its plain name.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

# Read by OpenMP when torch loads: idle threads that spin make a busy machine many times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

PACKAGE = "nlf_blender"


def load_package() -> None:
    """Make this file's package importable as PACKAGE, unless it already is."""
    if PACKAGE in sys.modules:
        return
    folder = Path(__file__).resolve().parent.parent
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} is not a Python package")
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)


if __name__ == "__mp_main__":  # in a process of its own that multiprocessing spawned
    load_package()
if __name__ == "__main__":
    load_package()
    from nlf_blender.worker import command_line

    sys.exit(command_line.main(sys.argv[1:]))

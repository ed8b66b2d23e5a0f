# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of its own that reads a C3D file with ezc3d: `python c3d_child.py C3D NPZ`.

ezc3d ends the process, takes all memory or does not come back when some files are damaged: whoever
runs this program outlives that, and can give it up.
"""

from __future__ import annotations

import json
import sys

import numpy as np

GROUPS = ("POINT", "SUBJECTS")
MOST_BYTES = 16 << 30  # of memory
FAILED = 3


def limit_memory() -> None:
    """Have the system refuse memory beyond reason, where it can."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))


def values(parameter: dict[str, object]) -> list[object]:
    """A parameter's values; texts as they were meant, if they are not UTF-8."""
    found = np.ravel(parameter["value"]).tolist() if "value" in parameter else []
    return [text_of(value) if isinstance(value, str) else value for value in found]


def text_of(text: str) -> str:
    """A text whose bytes Python could not read as UTF-8, as Latin 1."""
    data = text.encode("utf-8", "surrogateescape")
    try:
        return data.decode("utf-8").strip()
    except UnicodeDecodeError:
        return data.decode("latin-1").strip()


def main(source: str, target: str) -> int:
    """Read the file and write points [4,K,T], the first frame and the parameters of GROUPS."""
    import ezc3d  # whoever imports this module may not have it

    try:
        file = ezc3d.c3d(source)
        groups = file["parameters"]
        parameters = {
            group: {name: values(groups[group][name]) for name in groups[group]}
            for group in GROUPS
            if group in groups
        }
        points = np.asarray(file["data"]["points"], dtype=np.float32)
        first = int(file["header"]["points"]["first_frame"])
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, IndexError) as error:
        print(error, file=sys.stderr)
        return FAILED
    np.savez(target, points=points, first=first, parameters=json.dumps(parameters))
    return 0


if __name__ == "__main__":
    limit_memory()
    sys.exit(main(*sys.argv[1:]))

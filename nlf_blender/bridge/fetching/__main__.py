# SPDX-License-Identifier: GPL-3.0-or-later
"""The entry, started by path; see the package.

It prints one JSON object a line: {"kind": "progress", "done", "total", "rate"} in bytes and bytes a
second, {"kind": "note", "text"} for what else goes on, and at last {"kind": "done", "sha256",
"verified"} or {"kind": "failed", "title", "detail", "fix"}. It ends when its standard input does,
so it cannot outlive Blender.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import threading
from pathlib import Path

PACKAGE = "nlf_blender"


def load_package() -> None:
    """Make this file's package importable as PACKAGE, whatever its folder is called."""
    if PACKAGE in sys.modules:
        return
    folder = Path(__file__).resolve().parents[2]
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} is not a Python package")
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)


def say(kind: str, **fields: object) -> None:
    """Print one line for download.py."""
    print(json.dumps({"kind": kind, **fields}), flush=True)


def leave_with_parent() -> None:
    """End this process when nobody holds the other end of its standard input any more."""
    sys.stdin.buffer.read()
    os._exit(3)


def main() -> int:
    """Fetch what the command line names. Returns the exit status."""
    from nlf_blender.bridge.fetching.fetch import fetch
    from nlf_blender.bridge.fetching.unpacking import unpack
    from nlf_blender.errors import UserError

    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--listing", required=True, help="where the release describes its files")
    parser.add_argument("--unpack-to", type=Path)
    parser.add_argument("--unpack-only", default="*", help="pattern of file names")
    options = parser.parse_args()
    threading.Thread(target=leave_with_parent, daemon=True).start()
    try:
        answer = fetch(options.url, options.target, options.listing, say)
        if options.unpack_to is not None:
            say("note", text="Unpacking")
            unpack(options.target, options.unpack_to, options.unpack_only)
    except UserError as error:
        say("failed", **error.to_json())
        return 1
    say("done", **answer)
    return 0


if __name__ == "__main__":
    load_package()
    sys.exit(main())

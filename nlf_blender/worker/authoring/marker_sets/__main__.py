# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line: writes the marker sets and their page."""

from __future__ import annotations

import argparse
from pathlib import Path

from ....body.body_data import load_body_npz
from ....protocol.files import write_whole
from ....protocol.marker_set import SUFFIX, write_marker_set
from ...assets import ASSETS, OPEN_BODY
from .build import marker_sets, page


def main() -> None:
    """Writes into the folder named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m nlf_blender.worker.authoring.marker_sets")
    parser.add_argument("--out", type=Path, default=ASSETS / "marker_sets", help="folder to write")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    body = load_body_npz(OPEN_BODY)
    for file, markers in marker_sets(body).items():
        write_marker_set(out / f"{file}{SUFFIX}", markers)
        print(f"{file}: {len(markers.markers)} markers")
    write_whole(out / "README.md", page(body).encode())


if __name__ == "__main__":
    main()

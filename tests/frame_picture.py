# SPDX-License-Identifier: GPL-3.0-or-later
"""One frame of footage as a PNG, for the demo's pictures. Runs in the worker's Python:
frame_picture.py FOOTAGE INDEX OUT.png"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nlf_blender.worker.media.source import open_footage


def main(footage: Path, index: int, out: Path) -> None:
    """Write frame `index` (from 0), upright, as it was localized."""
    with open_footage(footage) as source:
        Image.fromarray(next(source.frames(index, index)).rgb).save(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))

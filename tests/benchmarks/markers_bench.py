# SPDX-License-Identifier: GPL-3.0-or-later
"""Points beside the body: how accurate they are, and what they cost.

python build.py bench markers accuracy|speed [OPTIONS...]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import markers_accuracy, markers_speed
from .report import write_json

PARTS = {"accuracy": markers_accuracy, "speed": markers_speed}


def main() -> int:
    """Run the part that was asked for and print it."""
    parser = argparse.ArgumentParser(prog="bench markers")
    parts = parser.add_subparsers(dest="part", required=True)
    for name, module in PARTS.items():
        part = parts.add_parser(name)
        module.add_options(part)
        part.add_argument("--json", type=Path)
    options = parser.parse_args()
    part = PARTS[options.part]
    rows = part.run(options)
    print(part.table(rows))
    if options.json:
        write_json(rows, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())

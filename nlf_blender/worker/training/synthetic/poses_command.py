# SPDX-License-Identifier: GPL-3.0-or-later
"""`worker train poses`: recorded motions into the file of poses that rendering takes."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--motions",
        type=Path,
        nargs="+",
        required=True,
        metavar="ARCHIVE",
        help="tar files or folders of motions: ASF/AMC as CMU's, BVH on CMU's or MakeHuman's bones",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="poses.npz")
    parser.add_argument(
        "--people", type=int, default=300, help="how many to draw for the printed shares; 0: none"
    )


def run(options: argparse.Namespace) -> int:
    """Write the file; print how many poses each split has, and what people drawn from it do."""
    import numpy as np

    from ...take_writer import disk_errors
    from .bodies import open_body
    from .coverage import measured, shares
    from .groups import PeopleMaker
    from .pose_library import SPLITS, build_library, save_library
    from .scenes import SceneMaker

    library = build_library(options.motions)
    with disk_errors(options.out, "start the same command again"):
        save_library(library, options.out)
    body = open_body()
    print(f"{options.out}: {len(library.poses)} poses of {len(library.names)} takes")
    for split in SPLITS:
        own = library.split(split)
        print(f"{split}: {len(own.poses)} poses of {len(set(own.take.tolist()))} takes")
        if not len(own.poses) or options.people < 1:
            continue
        maker: PeopleMaker = SceneMaker(body, library, split).people
        random = np.random.default_rng(0)
        people = [maker.person(random, 0.0) for _ in range(options.people)]
        found = shares(measured(one.posed, one.seat is not None) for one in people)
        print("  " + ", ".join(f"{name} {share:.0%}" for name, share in found.items()))
    return 0

# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker train import`: a public dataset's files into a dataset folder."""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ....errors import UserError
from ....protocol.files import write_whole
from ...progress import Progress
from ...progress_line import ProgressLine

if TYPE_CHECKING:
    from .readers.source import Source

# The module and function that reads each layout, loaded when one is asked for.
READERS = {
    "coco": ("coco", "read_coco"),
    "densepose": ("coco", "read_densepose"),
    "human36m": ("joints_npz", "read_human36m"),
    "mpi-inf-3dhp": ("joints_npz", "read_mpi_inf_3dhp"),
    "bedlam": ("parameters_npz", "read_bedlam"),
    "agora": ("agora", "read_agora"),
}
LARGEST_FOV = 170.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("layout", choices=READERS, help="what the annotations are")
    parser.add_argument("annotations", nargs="+", type=Path, help="annotation files")
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument("--out", type=Path, required=True, help="folder of the dataset")
    parser.add_argument("--name", help="the dataset's name (default: that of the folder)")
    parser.add_argument("--license", default="", help="the data's licence, kept with the dataset")
    parser.add_argument("--split", choices=("train", "held-out"), default="train")
    parser.add_argument("--every", type=int, default=1, help="take one of so many pictures")
    parser.add_argument("--jpeg", action="store_true", help="store PNGs as JPEGs")
    parser.add_argument("--cameras", type=Path, help="JSON with cameras by parts of image names")
    parser.add_argument("--fov", type=float, help="degrees over the larger side, where you know it")
    parser.add_argument("--bodies", type=Path, help="folder of SMPL-X's files (agora)")
    parser.add_argument("--atlas", type=Path, help="UV_Processed.mat (densepose)")
    parser.add_argument("--report", type=Path, help="write what was left out here, as JSON")


def run(options: argparse.Namespace) -> int:
    """Import, and print what was left out and why. UserError if nothing could be used."""
    from .importing import import_items
    from .layout import DatasetInfo
    from .shard_writer import DatasetWriter

    _check(options)
    source = _source(options)
    info = DatasetInfo(
        name=options.name or options.out.resolve().name,
        license=options.license,
        description=f"imported from {', '.join(path.name for path in options.annotations)}",
        split=options.split,
        body_kinds=source.body_kinds,
    )
    with DatasetWriter(options.out, info) as writer:
        before = len(writer)
        items, progress = source.items[:: options.every], Progress(ProgressLine().show)
        report = import_items(items, writer, progress, as_jpeg=options.jpeg)
        total = len(writer)
    print("\n".join(report.lines()))
    if before:
        print(f"{options.out} had {before} examples before; those were not read again")
    if options.report is not None:
        write_whole(options.report, (json.dumps(report.to_json(), indent=1) + "\n").encode())
    if not total:
        reasons = ", ".join(reason for reason, _ in report.skipped.most_common(3))
        raise UserError(
            "Nothing imported",
            f"None of {len(source.items)} items could be used: {reasons or 'there are none'}.",
            "Check --images and the annotation files; --report names the items.",
        )
    print(f"{options.out}: {total} examples")
    return 0


def _source(options: argparse.Namespace) -> Source:
    """What the layout's reader makes of the files."""
    from .readers.source import ReaderOptions

    module, function = READERS[options.layout]
    read = getattr(import_module(f".readers.{module}", __package__), function)
    files = tuple(options.annotations)
    return read(
        ReaderOptions(
            files, options.images, options.cameras, options.bodies, options.atlas, options.fov
        )
    )


def _check(options: argparse.Namespace) -> None:
    if options.every < 1 or not (options.fov is None or 0 < options.fov < LARGEST_FOV):
        raise UserError(
            "Option out of range",
            f"--every is {options.every}, --fov is {options.fov}.",
            f"Take one of at least 1 picture, and a field of view from 0 to {LARGEST_FOV:g}.",
        )

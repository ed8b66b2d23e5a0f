# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker train import`: a public dataset's files into a dataset folder."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from ....errors import UserError
from ....protocol.files import write_whole
from ...progress import Progress
from ...progress_line import ProgressLine
from .example import Example
from .layout import DatasetInfo
from .pictures import decoded, encoded, read_picture
from .readers.agora import read_agora
from .readers.coco import read_coco, read_densepose
from .readers.joints_npz import read_human36m, read_mpi_inf_3dhp
from .readers.parameters_npz import read_bedlam
from .readers.source import Item, ReaderOptions, Source
from .report import BrokenItem, Report
from .shard_writer import DatasetWriter

READERS: dict[str, Callable[[ReaderOptions], Source]] = {
    "coco": read_coco,
    "densepose": read_densepose,
    "human36m": read_human36m,
    "mpi-inf-3dhp": read_mpi_inf_3dhp,
    "bedlam": read_bedlam,
    "agora": read_agora,
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
    parser.add_argument("--cameras", type=Path, help="JSON with cameras by parts of image names")
    parser.add_argument("--fov", type=float, help="degrees over the larger side, if unknown")
    parser.add_argument("--bodies", type=Path, help="folder of SMPL-X's files (agora)")
    parser.add_argument("--atlas", type=Path, help="UV_Processed.mat (densepose)")
    parser.add_argument("--report", type=Path, help="write what was left out here, as JSON")


def run(options: argparse.Namespace) -> int:
    """Import, and print what was left out and why. UserError if nothing could be used."""
    if options.every < 1 or not (options.fov is None or 0 < options.fov < LARGEST_FOV):
        raise UserError(
            "Option out of range",
            f"--every is {options.every}, --fov is {options.fov}.",
            f"Take one of at least 1 picture, and a field of view from 0 to {LARGEST_FOV:g}.",
        )
    source = READERS[options.layout](_reader_options(options))
    info = DatasetInfo(
        name=options.name or options.out.resolve().name,
        license=options.license,
        description=f"imported from {', '.join(path.name for path in options.annotations)}",
        split=options.split,
        body_kinds=source.body_kinds,
    )
    with DatasetWriter(options.out, info) as writer:
        report = import_items(source.items[:: options.every], writer, Progress(ProgressLine().show))
        total = len(writer)
    print("\n".join(report.lines()))
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


def _reader_options(options: argparse.Namespace) -> ReaderOptions:
    return ReaderOptions(
        annotations=tuple(options.annotations),
        images=options.images,
        cameras=options.cameras,
        bodies=options.bodies,
        atlas=options.atlas,
        fov=options.fov,
    )


def import_items(items: list[Item], writer: DatasetWriter, progress: Progress) -> Report:
    """Add those items to a dataset that it does not have yet. The report counts what was left
    out."""
    report = writer.report
    for number, item in enumerate(items):
        progress.step("Importing", number, len(items))
        if item.name in writer:
            continue
        try:
            _import(item, writer)
        except BrokenItem as error:
            more = error.more
            report.skip(BrokenItem(error.dataset, "", item.path, error.reason, more))
    progress.step("Importing", len(items), len(items))
    return report


def _import(item: Item, writer: DatasetWriter) -> None:
    """Add one item. BrokenItem if it cannot be used."""
    try:
        picture, size = read_picture(item.picture)
        if item.turned and size[0] > size[1]:
            turned = np.ascontiguousarray(np.rot90(decoded(picture[1], size), -1))
            picture, size = encoded(turned, picture[0]), size[::-1]
        known = item.annotate(size)
    except (ValueError, KeyError, IndexError) as error:
        raise BrokenItem.of(error, writer.info.name, "", item.path) from error
    image = partial(decoded, picture[1], size)
    example = Example(item.name, image, size, known.people, known.intrinsics, known.distortion)
    writer.add(example, picture)

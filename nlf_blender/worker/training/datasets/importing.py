# SPDX-License-Identifier: GPL-3.0-or-later
"""Items of a public dataset, one after the other, into a dataset folder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ...progress import Progress
from .example import Example
from .pictures import decoded, encoded, read_picture
from .readers.source import Item
from .report import ITEM_DAMAGED, BrokenItem, Report
from .shard_writer import DatasetWriter


def import_items(
    items: Sequence[Item], writer: DatasetWriter, progress: Progress, as_jpeg: bool = False
) -> Report:
    """Add those items to a dataset that it does not have yet. as_jpeg: store PNGs as JPEGs. The
    report counts what was left out."""
    report = writer.report
    for number, item in enumerate(items):
        progress.step("Importing", number, len(items))
        if item.name in writer:
            continue
        try:
            _import(item, writer, as_jpeg)
        except BrokenItem as error:
            report.skip(BrokenItem(error.dataset, "", item.path, error.reason, error.more))
    progress.step("Importing", len(items), len(items))
    return report


def _import(item: Item, writer: DatasetWriter, as_jpeg: bool) -> None:
    """Add one item. BrokenItem if it cannot be used."""
    try:
        picture, size = read_picture(item.picture)
        ending = "jpg" if as_jpeg else picture[0]
        if item.turned and size[0] > size[1]:
            turned = np.ascontiguousarray(np.rot90(decoded(picture[1], size), -1))
            picture, size = encoded(turned, ending), size[::-1]
        elif ending != picture[0]:
            picture = encoded(decoded(picture[1], size), ending)
        known = item.annotate(size)
    except ITEM_DAMAGED as error:
        raise BrokenItem.of(error, writer.info.name, "", item.path) from error
    image = partial(decoded, picture[1], size)
    example = Example(item.name, image, size, known.people, known.intrinsics, known.distortion)
    writer.add(example, picture)

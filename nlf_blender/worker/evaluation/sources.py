# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be evaluated on: an evaluation set, or a dataset folder."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..engine import Models
from ..training.datasets.layout import INFO_FILE
from .box_format import with_box_format
from .evaluate import Source
from .items import BadItem, Item
from .set_file import SET_FILE, read_set


@dataclass(frozen=True)
class FirstItems:
    """The first items of a source."""

    source: Source
    limit: int

    @property
    def name(self) -> str:
        """The source's."""
        return self.source.name

    @property
    def notes(self) -> tuple[str, ...]:
        """The source's."""
        return self.source.notes

    def __len__(self) -> int:
        return min(self.limit, len(self.source))

    def items(self, models: Models) -> Iterator[tuple[str, Item | BadItem]]:
        """As the source's."""
        return itertools.islice(self.source.items(models), self.limit)


def open_source(path: Path, limit: int | None = None) -> Source:
    """The items of an evaluation set, or of a dataset folder; the first ones, if there is a limit.
    UserError if the path is neither."""
    source: Source
    if path.is_dir() and (path / INFO_FILE).is_file() and not (path / SET_FILE).is_file():
        from .dataset_items import DatasetItems  # loads what training needs

        source = DatasetItems(path)
    else:
        source = with_box_format(read_set(path))
    return source if limit is None else FirstItems(source, limit)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a dataset folder: any example at any time, from any process.

A dataset holds no open files, so it can be copied into worker processes (forked or pickled). Every
example is one read of a shard at a known offset.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from ....errors import UserError
from .checks import checked
from .example import Example, UInt8Array
from .example_files import Members, decode
from .joint_sets import JointCatalogue
from .layout import TAR_BLOCK, DatasetInfo, Row, Shard, padded, read_index, read_info
from .report import ITEM_DAMAGED, BrokenItem, Report

SHARD_GONE, SHARD_CUT = "shard gone", "shard cut short"


def open_dataset(folder: Path) -> Dataset:
    """The dataset in a folder. What a shard that is gone or cut short has lost is named and counted
    in its report; UserError if that is all, or if an index is missing or damaged."""
    info = read_info(folder)
    kept: list[tuple[Shard, Row]] = []
    lost: dict[str, list[str]] = {}
    for shard in info.shards:
        path = folder / shard.file
        there = path.stat().st_size if path.is_file() else 0
        for row in read_index(folder, shard):
            if row.offset + row.bytes <= there:
                kept.append((shard, row))
            else:
                sentence = f"{info.name}, {shard.file}, {row.name}"
                lost.setdefault(SHARD_CUT if there else SHARD_GONE, []).append(sentence)
    dataset = Dataset(folder, info, kept)
    for reason, sentences in lost.items():
        dataset.report.skip_all(reason, sentences)
    if not kept:
        reason = f"its shards are gone or cut short: {', '.join(lost)}" if lost else "it is empty"
        raise UserError(
            "No examples in the dataset",
            f"{folder}: {reason}.",
            "Copy it again, or make it again with the command that made it.",
        )
    return dataset


class Dataset:
    """The examples of a dataset folder, by number. `report` counts what could not be used."""

    def __init__(self, folder: Path, info: DatasetInfo, rows: list[tuple[Shard, Row]]) -> None:
        self.folder, self.info = folder, info
        self.report = Report()
        self.catalogue = JointCatalogue(info.joint_sets)
        self._rows = rows

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.info.name

    def __len__(self) -> int:
        """The number of examples that are there."""
        return len(self._rows)

    def __getitem__(self, number: int) -> Example:
        """An example, its picture decoded. BrokenItem if it cannot be used."""
        found = self.read(number)
        picture = found.image()
        return replace(found, image=lambda: picture)

    def read(self, number: int) -> Example:
        """An example whose picture is decoded each time that it is asked for, with BrokenItem if it
        is broken. BrokenItem if the rest cannot be used."""
        shard, row = self._rows[number]
        mend = partial(self.report.mend, row.name)
        try:
            found = checked(decode(row.name, self._members(shard, row)), self.catalogue, mend)
        except (UserError, *ITEM_DAMAGED) as error:
            raise BrokenItem.of(error, self.name, shard.file, row.name) from error
        return replace(found, image=partial(self._picture, found, shard))

    def usable(self) -> Iterator[Example]:
        """All examples in order, pictures decoded, but those that cannot be used: `report` names
        them."""
        for number in range(len(self)):
            try:
                found = self[number]
            except BrokenItem as error:
                self.report.skip(error)
                continue
            self.report.used += 1
            yield found

    def item_name(self, number: int) -> str:
        """The name of an example."""
        return self._rows[number][1].name

    def people(self, number: int) -> int:
        """How many people the index says are in an example."""
        return self._rows[number][1].people

    def _members(self, shard: Shard, row: Row) -> Members:
        """An example's members by their endings."""
        try:
            with open(self.folder / shard.file, "rb") as file:
                file.seek(row.offset)
                raw = file.read(row.bytes)
        except OSError as error:
            raise ValueError(f"the shard cannot be read: {error.strerror}") from error
        members: Members = {}
        start = 0
        while start < len(raw):
            header = tarfile.TarInfo.frombuf(raw[start : start + TAR_BLOCK], "utf-8", "strict")
            name, _, ending = header.name.partition(".")
            start += TAR_BLOCK
            if name != row.name or start + padded(header.size) > len(raw):
                raise ValueError(f"the index does not fit the shard, which has {header.name} there")
            members[ending] = raw[start : start + header.size]
            start += padded(header.size)
        return members

    def _picture(self, example: Example, shard: Shard) -> UInt8Array:
        try:
            return example.image()
        except ITEM_DAMAGED as error:
            raise BrokenItem.of(error, self.name, shard.file, example.name) from error

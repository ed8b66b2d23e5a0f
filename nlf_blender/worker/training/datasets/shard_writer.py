# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a dataset folder: examples into shards, each whole or not there at all."""

from __future__ import annotations

import errno
import os
import tarfile
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from ....errors import UserError
from ....protocol.files import UNFINISHED
from ...file_lock import held
from .checks import checked
from .example import Example
from .example_files import encode
from .joint_sets import JointCatalogue
from .layout import (
    INFO_FILE,
    LOCK_FILE,
    NAME,
    TAR_BLOCK,
    DatasetInfo,
    Row,
    Shard,
    padded,
    read_index,
    read_info,
    write_index,
    write_info,
)
from .pictures import encoded
from .report import BrokenItem, Report

SHARD_BYTES = 256 << 20  # a shard is closed when it holds more than this
END_OF_TAR = bytes(2 * TAR_BLOCK)


class DatasetWriter:
    """Adds examples to a dataset folder; use it as a context manager.

    A shard counts from the moment that it is full and in dataset.json: if the program is killed,
    the folder is a dataset of the examples until then. A folder that is a dataset of the same name
    already is continued behind its last shard. A folder has one writer at a time.
    """

    def __init__(self, folder: Path, info: DatasetInfo, shard_bytes: int = SHARD_BYTES) -> None:
        """UserError if the folder cannot be made, is being written to, or holds another dataset."""
        self.folder, self.info, self.shard_bytes = folder, info, shard_bytes
        self.report = Report()
        self.catalogue = JointCatalogue(info.joint_sets)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with ExitStack() as lock:
                lock.enter_context(held(folder / LOCK_FILE, _in_use(folder)))
                self._continue()
                shards = self.info.shards
                self._names = {row.name for shard in shards for row in read_index(folder, shard)}
                self._lock = lock.pop_all()
        except OSError as error:
            raise self._not_written(error) from error
        self._file: BinaryIO | None = None
        self._failed = False  # the disk is full, or gone
        self._rows: list[Row] = []

    def __len__(self) -> int:
        """How many examples the dataset has, those of the open shard included."""
        return len(self._names)

    def __contains__(self, name: str) -> bool:
        """Whether the dataset has an example of this name."""
        return name in self._names

    def add(self, example: Example, picture: tuple[str, bytes] | None = None) -> None:
        """Append an example. picture: its file as it is, ending and bytes; encoded if None.

        BrokenItem if it cannot be used; `report` counts parts that were left out. UserError if its
        name is no name or was used before, or the disk is full.
        """
        if not NAME.fullmatch(example.name) or example.name in self._names:
            raise UserError(
                "Example not written",
                f"{example.name!r} is no name of an example, or another in {self.folder} has it.",
                "Give each example a name of letters, digits, - and _, at most 64 of them.",
            )

        def mend(reason: str, count: int) -> None:
            self.report.mend(example.name, reason, count)

        try:
            found = checked(example, self.catalogue, mend)
            members = encode(found, picture or encoded(found.image()))
        except (ValueError, UserError) as error:
            raise BrokenItem.of(error, self.info.name, "", example.name) from error
        try:
            self._append(found, members)
        except OSError as error:
            raise self._not_written(error) from error
        self.report.used += 1

    def close(self) -> None:
        """Finish the open shard, and dataset.json; others may then write. UserError if the disk is
        full."""
        try:
            if self._file is not None:
                self._finish_shard()
            elif not (self.folder / INFO_FILE).exists():
                write_info(self.folder, self.info)
        except OSError as error:
            raise self._not_written(error) from error
        finally:
            self._lock.close()

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish what is written, also after a failure, unless the disk is what failed. A failure
        before anything was written leaves no dataset."""
        if not self._failed and (error is None or self._names):
            self.close()
        elif self._file is not None:
            with suppress(OSError):  # of what is buffered still, after the failure that is told
                self._file.close()
            self._path(UNFINISHED).unlink(missing_ok=True)
        self._lock.close()

    def _continue(self) -> None:
        """Take over the shards of a dataset of this name that is there already."""
        if not (self.folder / INFO_FILE).exists():
            return
        known = read_info(self.folder)
        mine = (self.info.name, self.info.license, self.info.split, dict(self.info.joint_sets))
        if (known.name, known.license, known.split, dict(known.joint_sets)) != mine:
            raise UserError(
                "Folder holds another dataset",
                f"{self.folder} is the dataset {known.name}, of split {known.split}.",
                "Choose another folder, or remove that dataset first.",
            )
        kinds = tuple(dict.fromkeys((*known.body_kinds, *self.info.body_kinds)))
        self.info = replace(self.info, shards=known.shards, body_kinds=kinds, made_of=known.made_of)

    def _append(self, example: Example, members: dict[str, bytes]) -> None:
        if self._file is None:
            self._file = self._path(UNFINISHED).open("wb")  # closed when the shard is full
        offset = self._file.tell()
        for ending, data in members.items():
            header = tarfile.TarInfo(f"{example.name}.{ending}")
            header.size, header.mode = len(data), 0o644
            self._file.write(header.tobuf(tarfile.USTAR_FORMAT))
            self._file.write(data.ljust(padded(len(data)), b"\0"))
        row = Row(example.name, offset, self._file.tell() - offset, len(example.people))
        self._rows.append(row)
        self._names.add(example.name)
        if self._file.tell() >= self.shard_bytes:
            self._finish_shard()

    def _finish_shard(self) -> None:
        """Sync the open shard, give it its name, and then say that it is there."""
        assert self._file is not None
        with self._file as file:
            if not self._rows:
                return
            file.seek(self._rows[-1].offset + self._rows[-1].bytes)  # an addition was interrupted
            file.truncate()
            file.write(END_OF_TAR)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        self._file = None
        path = self._path("")
        people = sum(row.people for row in self._rows)
        shard = Shard(path.name, len(self._rows), people, size)
        write_index(self.folder, shard, self._rows)
        self._path(UNFINISHED).replace(path)
        self.info = replace(self.info, shards=(*self.info.shards, shard))
        self._rows = []
        write_info(self.folder, self.info)

    def _path(self, ending: str) -> Path:
        return self.folder / f"shard-{len(self.info.shards):06d}.tar{ending}"

    def _not_written(self, error: OSError) -> UserError:
        self._failed = True
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        return UserError(
            "No disk left for the dataset" if full else "Dataset not written",
            f"{self.folder}: {error.strerror}; whole shards stay: {len(self.info.shards)}.",
            "Free some space or see to the folder's permissions, and run the command again.",
        )


def _in_use(folder: Path) -> UserError:
    return UserError(
        "Dataset in use",
        f"Another program is writing to {folder}.",
        "Wait until it is done, stop it there, or choose another folder.",
    )

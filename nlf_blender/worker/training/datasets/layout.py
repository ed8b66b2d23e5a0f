# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a dataset folder but the shards themselves: dataset.json and the shards' indices.

README.md beside this file describes them exactly.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, cast, get_args

from ....body.npz_file import DAMAGED
from ....errors import UserError
from ....protocol.files import plain_name, read_versioned, write_whole
from ....protocol.json_fields import Json, as_int, as_list, as_object, as_str

FORMAT, INDEX_FORMAT, VERSION = "nlf_blender.dataset", "nlf_blender.shard", 1
INFO_FILE = "dataset.json"
LOCK_FILE = "lock"  # whoever writes to the folder holds it
# Of examples: what every file system takes, without the dot that begins a member's ending.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
TAR_BLOCK = 512
Split = Literal["train", "held-out"]


@dataclass(frozen=True)
class Shard:
    """A shard's file name, and how many examples, people and bytes it holds."""

    file: str
    examples: int
    people: int
    bytes: int

    @property
    def index_file(self) -> str:
        """The name of its index."""
        return self.file.removesuffix(".tar") + ".index.json"


@dataclass(frozen=True)
class SourceFile:
    """A file or folder that a dataset was made of: its name, and the SHA-256 of its content."""

    file: str
    sha256: str


@dataclass(frozen=True)
class DatasetInfo:
    """What dataset.json says. joint_sets: the joints of sets that are not built in; body_kinds: of
    the bodies and meshes in it; made_of: empty where nobody kept it."""

    name: str
    license: str = ""
    description: str = ""
    split: Split = "train"
    joint_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    body_kinds: tuple[str, ...] = ()
    shards: tuple[Shard, ...] = ()
    made_of: tuple[SourceFile, ...] = ()

    def __post_init__(self) -> None:
        """ValueError if the split is none, or the name is empty."""
        if self.split not in get_args(Split) or not self.name:
            raise ValueError(f"{self.name!r} is no name, or {self.split!r} no split of a dataset")


class Row(NamedTuple):
    """An example's place in its shard: the offset and number of bytes of its members."""

    name: str
    offset: int
    bytes: int
    people: int


def write_info(folder: Path, info: DatasetInfo) -> None:
    """Write dataset.json, whole or not at all. OSError from the disk."""
    data = {
        "format": FORMAT,
        "version": VERSION,
        "name": info.name,
        "license": info.license,
        "description": info.description,
        "split": info.split,
        "joint_sets": {name: list(joints) for name, joints in info.joint_sets.items()},
        "body_kinds": list(info.body_kinds),
        "shards": [vars(shard) for shard in info.shards],
    }
    if info.made_of:
        data["made_of"] = [vars(source) for source in info.made_of]
    write_whole(folder / INFO_FILE, (json.dumps(data, indent=1) + "\n").encode())


def read_info(folder: Path) -> DatasetInfo:
    """What a dataset's dataset.json says. UserError names the file if it is missing or damaged."""
    path = folder / INFO_FILE
    if not path.is_file():
        raise UserError(
            "Not a dataset",
            f"{folder} has no {INFO_FILE}.",
            "Choose a folder that `worker train render` or `worker train import` made.",
        )
    try:
        data = read_versioned(path, FORMAT, VERSION)
        return DatasetInfo(
            name=as_str(data.get("name"), "name"),
            license=as_str(data.get("license", ""), "license"),
            description=as_str(data.get("description", ""), "description"),
            split=cast(Split, as_str(data.get("split", "train"), "split")),
            joint_sets=_joint_sets(data.get("joint_sets", {})),
            body_kinds=_texts(data.get("body_kinds", []), "body_kinds"),
            shards=tuple(map(_shard, as_list(data.get("shards"), "shards"))),
            made_of=tuple(map(_source_file, as_list(data.get("made_of", []), "made_of"))),
        )
    except (OSError, *DAMAGED) as error:
        raise _damaged(path, error) from error


def write_index(folder: Path, shard: Shard, rows: list[Row]) -> None:
    """Write a shard's index, whole or not at all. OSError from the disk."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    head = {"format": INDEX_FORMAT, "version": VERSION, "shard": shard.file}
    text = json.dumps(head).removesuffix("}") + ', "examples": [\n' + lines + "\n]}\n"
    write_whole(folder / shard.index_file, text.encode())


def read_index(folder: Path, shard: Shard) -> list[Row]:
    """Where the examples of a shard lie. UserError names the index if it is missing, damaged, or
    not of this shard."""
    path = folder / shard.index_file
    try:
        data = read_versioned(path, INDEX_FORMAT, VERSION)
        if data.get("shard") != shard.file:
            raise ValueError(f"it is of another shard, {data.get('shard')}")
        rows = [_row(item) for item in as_list(data.get("examples"), "examples")]
        _check_rows(rows, shard)
    except (OSError, *DAMAGED) as error:
        raise _damaged(path, error) from error
    return rows


def _row(value: object) -> Row:
    name, *numbers = [*as_list(value, "an example"), None, None, None, None][:4]
    text = as_str(name, "an example's name")
    offset, size, people = (as_int(number, f"a number of {text}") for number in numbers)
    if not NAME.fullmatch(text) or people < 0:
        raise ValueError(f"{text!r} is no name of an example, or has {people} people")
    if offset < 0 or size <= 0 or offset % TAR_BLOCK or size % TAR_BLOCK:
        raise ValueError(f"{text} is said to lie at {offset}, {size} bytes long")
    return Row(text, offset, size, people)


def _check_rows(rows: list[Row], shard: Shard) -> None:
    end = 0
    for row in rows:
        if row.offset < end:
            raise ValueError(f"{row.name} is said to lie in the example before it")
        end = row.offset + row.bytes
    if len(rows) != shard.examples or end > shard.bytes:
        raise ValueError(f"it does not fit {INFO_FILE}, which gives {shard.file} {shard.examples}")


def _shard(value: object) -> Shard:
    data: Json = as_object(value, "a shard")
    file = plain_name(data.get("file"), "a shard's file")
    counts = [as_int(data.get(key), f"{key} of {file}") for key in ("examples", "people", "bytes")]
    if min(counts) < 0 or not file.endswith(".tar"):
        raise ValueError(f"{file} is no shard, or has a negative number of something")
    return Shard(file, *counts)


def _source_file(value: object) -> SourceFile:
    data: Json = as_object(value, "a file of made_of")
    return SourceFile(
        as_str(data.get("file"), "its file"), as_str(data.get("sha256"), "its digest")
    )


def _joint_sets(value: object) -> dict[str, tuple[str, ...]]:
    sets = as_object(value, "joint_sets")
    return {name: _texts(joints, f"the joint set {name}") for name, joints in sets.items()}


def _texts(value: object, what: str) -> tuple[str, ...]:
    return tuple(as_str(item, what) for item in as_list(value, what))


def _damaged(path: Path, error: Exception) -> UserError:
    reason = getattr(error, "strerror", None) or str(error)
    return UserError(
        "Dataset's index damaged",
        f"{path}: {reason}.",
        "Copy the dataset again, or make it again with the command that made it.",
    )


def padded(size: int) -> int:
    """Bytes that a tar's member of this size takes, without its header."""
    return math.ceil(size / TAR_BLOCK) * TAR_BLOCK

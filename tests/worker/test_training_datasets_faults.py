# SPDX-License-Identifier: GPL-3.0-or-later
"""Dataset folders with faults: each is named, and the rest is read."""

from __future__ import annotations

import errno
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nlf_blender.errors import UserError
from nlf_blender.worker.training.datasets.example import Example, Joints2D, Joints3D, MeshTruth
from nlf_blender.worker.training.datasets.layout import INFO_FILE
from nlf_blender.worker.training.datasets.pictures import encoded
from nlf_blender.worker.training.datasets.report import BrokenItem, Report
from nlf_blender.worker.training.datasets.shard_reader import open_dataset
from nlf_blender.worker.training.datasets.shard_writer import DatasetWriter
from tests.worker.dataset_examples import INFO, example, member_at, written


class FullDisk:
    """A file that takes no more after some bytes."""

    def __init__(self, file, room: int) -> None:
        self.file, self.room = file, room

    def write(self, data: bytes) -> int:
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)


def test_a_full_disk_is_said_and_whole_shards_stay(tmp_path: Path) -> None:
    written(tmp_path, [example(0)])
    said = pytest.raises(UserError, match=r"No disk left.*whole shards stay: 1")
    with said, DatasetWriter(tmp_path, INFO) as writer:
        writer.add(example(1))
        writer._file = FullDisk(writer._file, 5000)
        writer.add(example(2))
    assert len(open_dataset(tmp_path)) == 1
    written(tmp_path, [example(2)])
    assert [found.name for found in open_dataset(tmp_path).usable()] == ["item-0", "item-2"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_bytes_that_a_full_disk_left_in_the_buffer_are_no_second_failure(tmp_path: Path) -> None:
    said = pytest.raises(UserError, match=r"No disk left.*whole shards stay: 0")
    with said, DatasetWriter(tmp_path, INFO) as writer:
        writer.add(example(0))
        writer._file = Path("/dev/full").open("wb")  # noqa: SIM115 - the writer closes it
        for number in range(1, 9):
            writer.add(example(number))
    assert not list(tmp_path.glob("shard*"))


def test_another_failure_keeps_what_was_added(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gone"), DatasetWriter(tmp_path, INFO) as writer:
        writer.add(example(0))
        raise UserError("Fit", "is gone", "Look for it.") from FileNotFoundError()
    assert len(open_dataset(tmp_path)) == 1


def test_a_report_shows_some_names_and_keeps_all() -> None:
    report = Report()
    for number in range(50):
        report.skip(BrokenItem("set", "", f"item-{number % 25}", "image gone"))
    assert "  and 5 others" in report.lines() and len(report.lines()) == 1 + 1 + 20 + 1
    assert report.skipped == {"image gone": 50}
    assert len(report.to_json()["named"]["image gone"]) == 25


def test_an_interrupted_addition_leaves_no_trace(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path, INFO) as writer:
        writer.add(example(0))
        writer._file.write(b"half a member")
    with tarfile.open(tmp_path / "shard-000000.tar") as archive:
        names = archive.getnames()
    assert names[0] == "item-0.jpg" and all(name.startswith("item-0.") for name in names)


def test_a_shard_cut_short_loses_what_is_cut(tmp_path: Path) -> None:
    written(tmp_path, [example(number) for number in range(6)], 1 << 20)
    shard = tmp_path / "shard-000000.tar"
    whole = open_dataset(tmp_path)
    cut = whole._rows[3][1].offset + 600
    shard.write_bytes(shard.read_bytes()[:cut])
    dataset = open_dataset(tmp_path)
    assert [found.name for found in dataset.usable()] == ["item-0", "item-1", "item-2"]
    assert dataset.report.skipped == {"shard cut short": 3}
    text = "\n".join(dataset.report.lines())
    assert "set, shard-000000.tar, item-4" in text and "3 items used, 3 skipped" in text
    shard.unlink()
    with pytest.raises(UserError, match="shard gone"):
        open_dataset(tmp_path)


def damage(folder: Path, name: str, change) -> None:
    path, start, size = member_at(folder, name)
    raw = bytearray(path.read_bytes())
    new = change(bytes(raw[start : start + size]))
    assert len(new) == size
    raw[start : start + size] = new
    path.write_bytes(raw)


@pytest.mark.parametrize(
    "member, change, reason",
    [
        ("item-1.png", lambda old: bytes(len(old)), "image broken"),
        ("item-1.json", lambda old: old.replace(b'"size": [40', b'"size": [41'), "mask gone"),
        ("item-1.json", lambda old: old.replace(b"{", b"[", 1), "annotation damaged"),
        ("item-1.json", lambda old: old.replace(b"50.0", b" 0.0"), "camera without focal length"),
        ("item-1.json", lambda old: old.replace(b"50.0", b" NaN"), "camera not finite"),
        ("item-1.json", lambda old: old.replace(b"coco17", b"coco99"), "part gone"),
        ("item-1.json", lambda old: old.replace(b'"open"', b'"oben"'), "unknown kind of body"),
        ("item-1.p0.rotations.npy", lambda old: old[:200] + b"\xff" * (len(old) - 200), "finite"),
        ("item-1.p0.rotations.npy", lambda old: b"\0" * len(old), "annotation damaged"),
        ("item-1.p0.rotations.npy", lambda old: old.replace(b"}", b"("), "annotation damaged"),
        ("item-1.json", lambda old: old.replace(b"[[50.0,", b"[[{},  "), "annotation damaged"),
        ("item-1.json", lambda old: b"[" * len(old), "annotation damaged"),
        (
            "item-1.json",
            lambda old: old.replace(b'"visible": 50', b'"visible": 20'),
            "visible vertices of another number",
        ),
        ("item-1.p0.mask.png", lambda old: old[: len(old) // 2] + bytes(-(-len(old) // 2)), "mask"),
    ],
)
def test_a_broken_item_is_named_and_the_others_are_read(
    tmp_path: Path, member: str, change, reason: str
) -> None:
    written(tmp_path, [example(number) for number in range(3)])
    damage(tmp_path, member, change)
    dataset = open_dataset(tmp_path)
    with pytest.raises(BrokenItem, match=f"set, shard-.*item-1: .*{reason}"):
        dataset[1]
    assert [found.name for found in dataset.usable()] == ["item-0", "item-2"]
    assert dataset.report.used == 2 and dataset.report.skipped.total() == 1


def test_a_jpeg_that_ends_early_is_broken(tmp_path: Path) -> None:
    item = example(0)
    ending, data = encoded(item.image())
    with DatasetWriter(tmp_path, INFO) as writer:
        writer.add(item, (ending, data[: len(data) * 2 // 3]))
    dataset = open_dataset(tmp_path)
    with pytest.raises(BrokenItem, match="item-0: image broken"):
        dataset[0]
    assert dataset.read(0).people  # the annotation can still be looked at


def test_wrong_truths_are_left_out_by_name(tmp_path: Path) -> None:
    item = example(0, 2)
    pixels = item.people[0].joints_2d[0].pixels.copy()
    pixels[0], pixels[1] = (41.0, 3.0), (np.inf, 2.0)
    first = replace(item.people[0], joints_2d=(Joints2D("coco17", pixels),))
    second = replace(item.people[1], box=np.array([np.nan, 0, 1, 1]))
    with DatasetWriter(tmp_path, INFO) as writer:
        writer.add(replace(item, people=(first, second)))
        assert writer.report.mended == {
            "keypoints outside the picture": 1,
            "keypoints not finite": 1,
            "person left out: box not finite": 1,
        }
        assert "  item-0" in writer.report.lines()
    found = open_dataset(tmp_path)[0]
    assert len(found.people) == 1
    known = np.isfinite(found.people[0].joints_2d[0].pixels[:, 0])
    assert not known[[0, 1, 3]].any() and known.sum() == 14


def changed(**values: object) -> Example:
    item = example(0)
    return replace(item, people=(replace(item.people[0], **values),))


@pytest.mark.parametrize(
    "item, reason",
    [
        (replace(example(0), people=()), "nobody"),
        (replace(example(0), intrinsics=np.diag([0.0, 50, 1])), "camera without focal length"),
        (changed(joints_3d=(Joints3D("coco99", np.zeros((3, 3))),)), "coco99"),
        (changed(joints_3d=(Joints3D("coco17", np.zeros((3, 3))),)), "3x3 numbers for coco17"),
        (changed(box=np.array([50.0, 0, 9, 9])), "box outside"),
        (changed(box=np.array([5.0, 0, 0, 9])), "box without"),
        (changed(body=None, mesh=None, joints_3d=(), joints_2d=(), surface=None), "nothing"),
        (changed(mesh=MeshTruth("smpl", np.full((3, 3), np.nan))), "mesh not finite"),
        (changed(mask=np.zeros((3, 3), bool)), "mask"),
    ],
)
def test_an_example_that_cannot_be_used_is_not_written(
    tmp_path: Path, item: Example, reason: str
) -> None:
    with DatasetWriter(tmp_path, INFO) as writer:
        with pytest.raises(BrokenItem, match=f"item-0: .*{reason}"):
            writer.add(item)
        writer.add(example(1))
    assert len(open_dataset(tmp_path)) == 1


@pytest.mark.parametrize(
    "file, old, new, word",
    [
        (INFO_FILE, '"version": 1', '"version": 9', "version 9"),
        (INFO_FILE, '"shards"', '"shirds"', "shards is not a list"),
        (INFO_FILE, "nlf_blender.dataset", "other", "format"),
        (INFO_FILE, '"train"', '"test"', "no split"),
        (INFO_FILE, '"examples": 2', '"examples": 3', "index.json"),
        (INFO_FILE, "{", "", "dataset.json"),
        ("shard-000000.index.json", '"item-1", ', '"item.1", ', "item.1"),
        ("shard-000000.index.json", ", 0, ", ", 8, ", "lie at 8"),
        ("shard-000000.index.json", "shard-000000.tar", "shard-000007.tar", "another shard"),
    ],
)
def test_a_bad_index_is_said_by_its_file(
    tmp_path: Path, file: str, old: str, new: str, word: str
) -> None:
    written(tmp_path, [example(0), example(1)], 1 << 20)
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=word):
        open_dataset(tmp_path)


def test_examples_that_overlap_in_an_index_are_refused(tmp_path: Path) -> None:
    written(tmp_path, [example(0), example(1)], 1 << 20)
    path = tmp_path / "shard-000000.index.json"
    data = json.loads(path.read_text())
    data["examples"][1][1] -= 512
    path.write_text(json.dumps(data))
    with pytest.raises(UserError, match="item-1 is said to lie in the example before it"):
        open_dataset(tmp_path)


def test_an_index_of_another_place_in_the_shard_is_noticed(tmp_path: Path) -> None:
    written(tmp_path, [example(0), example(1)], 1 << 20)
    path = tmp_path / "shard-000000.index.json"
    path.write_text(path.read_text().replace("item-1", "item-7"))
    with pytest.raises(BrokenItem, match="item-1"):
        open_dataset(tmp_path)[1]

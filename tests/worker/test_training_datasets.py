# SPDX-License-Identifier: GPL-3.0-or-later
"""Dataset folders: what is written is read back, from any process, and faults are named."""

from __future__ import annotations

import errno
import json
import multiprocessing
import pickle
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nlf_blender.errors import UserError
from nlf_blender.worker.training.datasets.example import (
    BodyTruth,
    Example,
    Joints2D,
    Joints3D,
    MeshTruth,
    PersonTruth,
    SurfacePixels,
)
from nlf_blender.worker.training.datasets.layout import INFO_FILE, DatasetInfo
from nlf_blender.worker.training.datasets.mixing import Mixture, MixtureSettings
from nlf_blender.worker.training.datasets.pictures import encoded
from nlf_blender.worker.training.datasets.report import BrokenItem
from nlf_blender.worker.training.datasets.shard_reader import Dataset, open_dataset
from nlf_blender.worker.training.datasets.shard_writer import DatasetWriter

SIZE = (40, 30)
INFO = DatasetInfo("set", "CC0-1.0", joint_sets={"lab": ("left_x", "right_x")})


def rotation(random: np.random.Generator, count: int) -> np.ndarray:
    """Random rotations [count,3,3]."""
    turned, _ = np.linalg.qr(random.normal(size=(count, 3, 3)))
    return turned * np.linalg.det(turned)[:, None, None]


def person(random: np.random.Generator) -> PersonTruth:
    """A person with every kind of truth."""
    weights = random.dirichlet(np.ones(3), 5)
    body = BodyTruth("open", random.normal(size=16), rotation(random, 24), random.normal(size=3))
    pixels = random.uniform(0, 29, (17, 2))
    pixels[3] = np.nan
    return PersonTruth(
        box=np.array([4.0, 3.0, 20.0, 25.0]),
        body=replace(body, gender="female", scale=1.1),
        mesh=MeshTruth("smpl", random.normal(size=(50, 3))),
        joints_3d=(
            Joints3D("h36m17", random.normal(size=(17, 3)), absolute=False),
            Joints3D("lab", random.normal(size=(2, 3))),
        ),
        joints_2d=(Joints2D("coco17", pixels),),
        surface=SurfacePixels("smpl", pixels[4:9], random.integers(0, 6890, (5, 3)), weights),
        mask=random.random(SIZE[::-1]) < 0.5,
        visible=random.random(50) < 0.5,
    )


def example(number: int, people: int = 1) -> Example:
    """An example that its number decides."""
    random = np.random.default_rng(number)
    rgb = random.integers(0, 255, (*SIZE[::-1], 3), np.uint8)
    return Example(
        name=f"item-{number}",
        image=lambda: rgb,
        size=SIZE,
        people=tuple(person(random) for _ in range(people)),
        intrinsics=np.array([[50.0, 0, 19.5], [0, 51, 14.5], [0, 0, 1]]),
        distortion=np.array([0.1, 0, 0, 0]),
        up=np.array([0.0, -1, 0]),
    )


def written(folder: Path, examples: list[Example], shard_bytes: int = 20_000) -> Path:
    with DatasetWriter(folder, INFO, shard_bytes) as writer:
        for item in examples:
            writer.add(item, encoded(item.image(), "png"))
    return folder


def assert_same(found: object, true: object) -> None:
    """Equal, arrays to float32's precision."""
    if isinstance(true, np.ndarray):
        np.testing.assert_allclose(found, true, rtol=1e-6, atol=1e-6)
    elif isinstance(true, tuple) and true and hasattr(true[0], "__dict__"):
        for one, other in zip(found, true, strict=True):
            assert_same(one, other)
    elif hasattr(true, "__dict__"):
        for name, value in vars(true).items():
            if name != "image":
                assert_same(getattr(found, name), value)
    else:
        assert found == true


def test_everything_comes_back_from_any_shard(tmp_path: Path) -> None:
    true = [example(number, 1 + number % 3) for number in range(9)]
    dataset = open_dataset(written(tmp_path, true))
    assert len(dataset) == 9 and len(dataset.info.shards) > 2
    for number in (7, 0, 8, 3):
        assert_same(dataset[number], true[number])
        assert (dataset[number].image() == true[number].image()).all()
        assert dataset.people(number) == len(true[number].people)
    assert dataset.info.license == "CC0-1.0" and dataset.report.skipped.total() == 0


def test_a_jpeg_is_made_of_a_picture(tmp_path: Path) -> None:
    smooth = np.full((*SIZE[::-1], 3), (200, 100, 20), np.uint8)
    with DatasetWriter(tmp_path, INFO) as writer:
        writer.add(replace(example(0), image=lambda: smooth))
    assert np.abs(open_dataset(tmp_path)[0].image().astype(int) - smooth).max() < 8


def first_names(dataset: Dataset, numbers: list[int]) -> list[float]:
    return [float(dataset[number].people[0].box.sum()) for number in numbers]


def test_worker_processes_read_at_random(tmp_path: Path) -> None:
    dataset = open_dataset(written(tmp_path, [example(number) for number in range(6)]))
    again = pickle.loads(pickle.dumps(dataset))  # noqa: S301 - as to a process that is spawned
    here = first_names(again, [5, 2, 0])
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.starmap(first_names, [(dataset, [5, 2, 0])] * 4) == [here] * 4


def test_a_folder_is_continued(tmp_path: Path) -> None:
    written(tmp_path, [example(0)])
    written(tmp_path, [example(1)])
    assert [open_dataset(tmp_path).item_name(n) for n in (0, 1)] == ["item-0", "item-1"]
    with pytest.raises(UserError, match="item-1"):
        written(tmp_path, [example(1)])
    with pytest.raises(UserError, match="another dataset"):
        DatasetWriter(tmp_path, replace(INFO, name="other"))


def test_a_killed_writer_leaves_whole_shards(tmp_path: Path) -> None:
    writer = DatasetWriter(tmp_path, INFO, 20_000)
    for number in range(5):
        writer.add(example(number))
    shards = len(writer.info.shards)
    dataset = open_dataset(tmp_path)  # without close()
    assert 0 < len(dataset) < 5 and len(dataset.info.shards) == shards


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


def member_at(folder: Path, name: str) -> tuple[Path, int, int]:
    """The shard, offset and size of the content of the first member with this name."""
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as archive:
            for member in archive:
                if member.name == name:
                    return path, member.offset_data, member.size
    raise AssertionError(name)


def test_shards_are_plain_tars_in_webdatasets_order(tmp_path: Path) -> None:
    written(tmp_path, [example(0), example(1)])
    path, start, size = member_at(tmp_path, "item-1.json")
    data = json.loads(path.read_bytes()[start : start + size])
    assert data["people"][0]["joints_2d"] == [{"set": "coco17"}]


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


def two_datasets(tmp_path: Path) -> tuple[Path, Path]:
    first = written(tmp_path / "a", [example(number) for number in range(4)])
    with DatasetWriter(tmp_path / "b", replace(INFO, name="b")) as writer:
        writer.add(example(9))
    return first, tmp_path / "b"


def test_a_mixture_draws_by_weights_and_by_the_generator_alone(tmp_path: Path) -> None:
    settings = MixtureSettings(two_datasets(tmp_path), (1.0, 3.0))
    mixture, other = settings.open(), pickle.loads(pickle.dumps(settings)).open()  # noqa: S301
    assert mixture.names == ("set", "b")
    assert mixture.catalogue.number("lab", "left_x") == len(mixture.catalogue) - 2

    def drawn(source: Mixture, seed: int) -> tuple[int, str]:
        number, found = source.draw(np.random.default_rng(seed))
        return number, found.name

    picks = [drawn(mixture, seed) for seed in range(200)]
    assert picks[::-1] == [drawn(other, seed) for seed in range(199, -1, -1)]
    share = np.mean([number for number, _ in picks])
    assert 0.65 < share < 0.85
    assert {name for number, name in picks if number == 0} == {f"item-{n}" for n in range(4)}


def test_unusable_mixtures_are_refused(tmp_path: Path) -> None:
    first, second = two_datasets(tmp_path)
    with pytest.raises(UserError, match="weights"):
        MixtureSettings((first, second), (1.0,)).open()
    with pytest.raises(UserError, match="weights"):
        MixtureSettings((first, second), (0.0, 0.0)).open()
    with pytest.raises(UserError, match="called set, set"):
        MixtureSettings((first, first)).open()
    with pytest.raises(UserError, match="has no dataset"):
        MixtureSettings((tmp_path,)).open()


def test_a_stream_shows_each_example_once_in_a_round_and_each_dataset_its_share(
    tmp_path: Path,
) -> None:
    settings = MixtureSettings(two_datasets(tmp_path), (4.0, 1.0), seed=5)
    mixture = settings.open()
    stream = [mixture.at(position) for position in range(8192)]
    first = [item for number, item in stream if number == 0]
    rounds = [tuple(first[start : start + 4]) for start in range(0, len(first) - 3, 4)]
    assert {tuple(sorted(order)) for order in rounds} == {(0, 1, 2, 3)}  # in the second block, too
    assert len(set(rounds)) > 12  # of 24 orders
    numbers = [number for number, _ in stream]
    assert numbers[:4096] != numbers[4096:]
    shares = np.cumsum([number for number, _ in stream]) / np.arange(1, 8193)
    assert abs(shares[-1] - 0.2) < 1e-3 and abs(shares[499] - 0.2) < 0.08
    again = settings.open()
    assert [again.at(position) for position in (8000, 3, 4097, 0)] == [
        stream[position] for position in (8000, 3, 4097, 0)
    ]
    other = MixtureSettings(settings.folders, settings.weights, seed=6).open()
    assert [other.at(position) for position in range(99)] != stream[:99]
    number, item = stream[17]
    drawn, found = mixture.draw(np.random.default_rng(0), 17)
    assert drawn == number and found.name == mixture.datasets[number].item_name(item)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Dataset folders: what is written is read back, from any process, and goes on."""

from __future__ import annotations

import json
import multiprocessing
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nlf_blender.errors import UserError
from nlf_blender.worker.training.datasets.shard_reader import Dataset, open_dataset
from nlf_blender.worker.training.datasets.shard_writer import DatasetWriter
from tests.worker.dataset_examples import INFO, SIZE, example, member_at, written


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


def test_shards_are_plain_tars_in_webdatasets_order(tmp_path: Path) -> None:
    written(tmp_path, [example(0), example(1)])
    path, start, size = member_at(tmp_path, "item-1.json")
    data = json.loads(path.read_bytes()[start : start + size])
    assert data["people"][0]["joints_2d"] == [{"set": "coco17"}]

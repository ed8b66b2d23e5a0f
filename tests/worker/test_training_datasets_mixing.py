# SPDX-License-Identifier: GPL-3.0-or-later
"""Several datasets as one stream."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nlf_blender.errors import UserError
from nlf_blender.worker.training.datasets.mixing import Mixture, MixtureSettings
from nlf_blender.worker.training.datasets.shard_writer import DatasetWriter
from tests.worker.dataset_examples import INFO, example, written


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

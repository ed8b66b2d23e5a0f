# SPDX-License-Identifier: GPL-3.0-or-later
"""Several datasets as one source of examples, drawn by weights.

At a position of an endless stream, a mixture always has the same example: within a block of
positions every dataset has its share, in an order by seed and block, and a dataset's examples come
in an order by seed and round, each once in a round. A run that is resumed at a position goes on as
if it had never stopped, and whoever reads the stream's first N positions has seen N examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....body.arrays import IntArray
from ....errors import UserError
from .example import Example
from .joint_sets import JointCatalogue
from .shard_reader import Dataset, open_dataset

BLOCK = 4096  # positions; weights are rounded to one of so many
SLOTS, ITEMS = 1, 2  # what random numbers are for


@dataclass(frozen=True)
class MixtureSettings:
    """Dataset folders and how often to draw from each; weights need not sum to 1. Without weights,
    a dataset is drawn from as often as it has examples. seed: of the order."""

    folders: tuple[Path, ...]
    weights: tuple[float, ...] = ()
    seed: int = 0

    def open(self) -> Mixture:
        """The datasets, opened. UserError if one cannot be, or the weights are not usable."""
        return Mixture(
            [open_dataset(Path(folder)) for folder in self.folders], self.weights, self.seed
        )


class Mixture:
    """Examples of several datasets. What is drawn depends on the position and the seed, or on the
    generator, alone, so any process draws the same."""

    def __init__(
        self, datasets: Sequence[Dataset], weights: Sequence[float] = (), seed: int = 0
    ) -> None:
        """UserError if a weight is missing, negative or not finite, or none is above 0."""
        self.datasets = tuple(datasets)
        names = [dataset.name for dataset in self.datasets]
        given = np.array(weights or [len(dataset) for dataset in self.datasets], np.float64)
        usable = given.shape == (len(names),) and np.isfinite(given).all() and (given >= 0).all()
        if not names or not usable or not given.any():
            raise UserError(
                "Weights not usable",
                f"Datasets {', '.join(names) or '(none)'} have the weights {list(weights)}.",
                "Give each dataset a weight of 0 or more, one of them above 0.",
            )
        if len(set(names)) != len(names):
            raise UserError(
                "Two datasets of one name",
                f"The datasets are called {', '.join(names)}.",
                "Rename one of them in its dataset.json, so that reports can tell them apart.",
            )
        self.names = tuple(names)
        self.chances = given / given.sum()
        self.catalogue = JointCatalogue(_own_sets(self.datasets))
        self._seed = seed
        # of a block, the first slot of each dataset, and the end of the last
        self._starts = np.rint(np.cumsum([0.0, *self.chances]) * BLOCK).astype(int)
        self._orders: dict[int, tuple[int, IntArray]] = {}  # of each dataset, the round at hand

    def draw(self, random: np.random.Generator, position: int | None = None) -> tuple[int, Example]:
        """The number of a dataset and one of its examples: the one at a position of the stream, or
        any by the generator. BrokenItem if that example cannot be used; draw another by the
        generator then."""
        if position is None:
            number = int(random.choice(len(self.datasets), p=self.chances))
            item = int(random.integers(len(self.datasets[number])))
        else:
            number, item = self.at(position)
        return number, self.datasets[number][item]

    def at(self, position: int) -> tuple[int, int]:
        """The dataset, and the number of its example, at a position of the stream."""
        block, place = divmod(position, BLOCK)
        slots = np.random.default_rng((self._seed, SLOTS, block)).permutation(BLOCK)[: place + 1]
        numbers = np.searchsorted(self._starts, slots, side="right") - 1
        number = int(numbers[-1])
        in_block = int(self._starts[number + 1] - self._starts[number])
        earlier = block * in_block + int((numbers[:-1] == number).sum())  # draws from this dataset
        turn, place = divmod(earlier, len(self.datasets[number]))
        if number not in self._orders or self._orders[number][0] != turn:
            order = np.random.default_rng((self._seed, ITEMS, number, turn))
            self._orders[number] = turn, order.permutation(len(self.datasets[number]))
        return number, int(self._orders[number][1][place])


def _own_sets(datasets: Sequence[Dataset]) -> dict[str, tuple[str, ...]]:
    """The joint sets that datasets bring. UserError if two of one name have other joints."""
    own: dict[str, tuple[str, ...]] = {}
    for dataset in datasets:
        for name, joints in dataset.info.joint_sets.items():
            if own.setdefault(name, joints) != joints:
                raise UserError(
                    "Two joint sets of one name",
                    f"The joint set {name} of {dataset.name} has other joints than another's.",
                    "Rename it in one dataset's dataset.json and annotations.",
                )
    return own

# SPDX-License-Identifier: GPL-3.0-or-later
"""Several datasets as one source of examples, drawn by weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....errors import UserError
from .example import Example
from .joint_sets import JointCatalogue
from .shard_reader import Dataset, open_dataset


@dataclass(frozen=True)
class MixtureSettings:
    """Dataset folders and how often to draw from each; weights need not sum to 1. Without weights,
    a dataset is drawn from as often as it has examples."""

    folders: tuple[Path, ...]
    weights: tuple[float, ...] = ()

    def open(self) -> Mixture:
        """The datasets, opened. UserError if one cannot be, or the weights are not usable."""
        return Mixture([open_dataset(Path(folder)) for folder in self.folders], self.weights)


class Mixture:
    """Examples of several datasets. It holds no state that drawing changes: what is drawn depends
    on the generator alone, so any process draws the same."""

    def __init__(self, datasets: Sequence[Dataset], weights: Sequence[float] = ()) -> None:
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

    def draw(self, random: np.random.Generator) -> tuple[int, Example]:
        """The number of a dataset and one of its examples, by the generator. BrokenItem if that
        example cannot be used; draw again then."""
        number = int(random.choice(len(self.datasets), p=self.chances))
        item = int(random.integers(len(self.datasets[number])))
        return number, self.datasets[number][item]


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

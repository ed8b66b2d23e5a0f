# SPDX-License-Identifier: GPL-3.0-or-later
"""What crops are made of, as worker processes need it: sources of examples, and bodies' points.

Both are given as plain settings that every process opens for itself. `datasets.mixing` and
`points.posed` have the usual ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.random import Generator

from ....body.arrays import Float64Array, IntArray
from ..datasets.example import BodyTruth, Example, MeshTruth
from ..datasets.joint_sets import JointCatalogue
from ..points.pool import PointPool


class Source(Protocol):
    """Examples of one or several datasets, in a mixed order."""

    names: tuple[str, ...]
    catalogue: JointCatalogue

    def draw(self, random: Generator, position: int | None = None) -> tuple[int, Example]:
        """The number of a dataset and one of its examples: that at a position of an endless order,
        or without one, any by the generator alone. UserError if that example cannot be used."""
        ...


class ListedDataset(Protocol):
    """A dataset whose examples have numbers."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> Example:
        """UserError if it cannot be used."""
        ...

    def people(self, number: int) -> int:
        """How many people are in an example."""
        ...


class ListedSource(Source, Protocol):
    """A source whose examples can be listed."""

    @property
    def datasets(self) -> Sequence[ListedDataset]:
        """In the order of `names`."""
        ...


class SourceSettings(Protocol):
    """Plain settings of a source, which a process is given."""

    def open(self) -> Source:
        """UserError if it cannot be opened."""
        ...


class BodyPoints(Protocol):
    """The points on and in bodies of one kind, and where a truth puts them."""

    @property
    def pool(self) -> PointPool:
        """Canonical places, mirror images, BlazePose's landmarks, and samples of them."""
        ...

    def positions(self, truth: BodyTruth | MeshTruth, rows: IntArray) -> Float64Array:
        """Where rows [n] of the pool are, [n,3] metres in the picture's camera."""
        ...

    def surface_places(self, corners: IntArray, weights: Float64Array) -> Float64Array:
        """Canonical places [M,3] of points of the surface, by vertices [M,3] and weights [M,3]."""
        ...


class BodiesSettings(Protocol):
    """Plain settings of bodies, which a process is given."""

    def open(self) -> Mapping[str, BodyPoints]:
        """The bodies' points by kind of body. UserError if a body's file cannot be used."""
        ...


class Everyone:
    """Each person of each example of a source, one after the other."""

    def __init__(self, source: ListedSource) -> None:
        self._source = source
        people = [
            [dataset.people(item) for item in range(len(dataset))] for dataset in source.datasets
        ]
        self._rows = np.array(
            [
                (number, item, person)
                for number, counts in enumerate(people)
                for item, count in enumerate(counts)
                for person in range(count)
            ],
            dtype=np.int64,
        ).reshape(-1, 3)

    def __len__(self) -> int:
        return len(self._rows)

    def at(self, position: int) -> tuple[int, Example, int]:
        """The dataset's number, the example and the number of the person in it; from the start
        again after the last. UserError if the example cannot be used."""
        number, item, person = self._rows[position % len(self._rows)].tolist()
        return number, self._source.datasets[number][item], person

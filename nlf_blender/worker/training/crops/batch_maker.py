# SPDX-License-Identifier: GPL-3.0-or-later
"""Batch k of a plan, in whichever process it is made.

All chance comes from the plan's seed and the crop's number, so it does not matter who makes a
batch, when, or what was made before. An item that cannot be used is named, and the crop is made of
another: one drawn with the number of the try in its seed, or the following one where people come
in turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np

from ....errors import UserError
from ..datasets.example import Example, PersonTruth
from ..datasets.report import BrokenItem
from .batch import CropBatch
from .collate import collate
from .example_crop import CropMaker, ExampleCrop
from .picture_bank import collect
from .plan import CropPlan
from .sources import Everyone
from .truth import BodySamples

MOST_FIXES = 3  # genders of a body, say
MOST_TRIES = 200  # for one crop: a source of which so many items in a row are useless is useless
POINTS, PICK, CROP, BANK = range(4)  # what random numbers are for
OnItem = Callable[[str], None]
Skipped = list[tuple[str, str]]  # an item's name and what is wrong with it


class BatchMaker:
    """Opens what a plan names, and makes its batches."""

    def __init__(self, plan: CropPlan) -> None:
        """UserError if a dataset or body cannot be opened."""
        self.plan = plan
        self.source = plan.source.open()
        self.bodies = plan.bodies.open()
        self._maker: CropMaker | None = None

    def make(self, number: int, on_item: OnItem = lambda item: None) -> tuple[CropBatch, Skipped]:
        """Batch `number`, and which items could not be used. on_item hears of each item that is
        begun. UserError if the source has none that can be used."""
        plan = self.plan
        own = () if plan.settings.shared_points else (number,)
        samples = BodySamples(self.bodies, (plan.seed, POINTS, *own), plan.settings.points)
        crops: list[ExampleCrop] = []
        datasets: list[int] = []
        skipped: Skipped = []
        for place in range(plan.crops):
            position = number * plan.crops + place
            where = f"crop {place} of batch {number}"
            dataset, crop = self._usable(position, where, samples, skipped, on_item)
            datasets.append(dataset)
            crops.append(crop)
        return collate(crops, datasets, samples, self.source.catalogue), skipped

    def _usable(
        self,
        position: int,
        where: str,
        samples: BodySamples,
        skipped: Skipped,
        on_item: OnItem,
    ) -> tuple[int, ExampleCrop]:
        """The dataset's number and the crop at a position of the endless row of crops."""
        failed: list[tuple[str, UserError]] = []
        for attempt in range(MOST_TRIES):
            name = where
            try:
                on_item(where)
                dataset, example, person = self._pick(position, attempt)
                name = f"{self.source.names[dataset]}, {example.name}"
                on_item(f"{where}: {name}")
                seed = (self.plan.seed, CROP, position, attempt)
                return dataset, self._crop_maker(on_item).crop(example, person, samples, seed)
            except BrokenItem as error:
                failed.append((f"{error.dataset}, {error.item}", error))
                skipped.append((failed[-1][0], _reason(error)))
            except UserError as error:
                failed.append((name, error))
                skipped.append((name, f"{_reason(error)} {error.fix}"))
        raise _nothing_usable(failed)

    def _pick(self, position: int, attempt: int) -> tuple[int, Example, PersonTruth]:
        """Who is shown, by the number of a dataset, an example and a person."""
        if self.plan.listed:
            dataset, example, person = self._everyone.at(position + attempt)
        else:
            random = np.random.default_rng([self.plan.seed, PICK, position, attempt])
            dataset, example = self.source.draw(random, None if attempt else position)
            person = int(random.integers(max(len(example.people), 1)))
        if person >= len(example.people):
            raise UserError(
                "Nobody in the picture",
                f"{example.name} has {len(example.people)} people.",
                "Leave it out of the dataset.",
            )
        return dataset, example, example.people[person]

    @cached_property
    def _everyone(self) -> Everyone:
        everyone = Everyone(self.source)  # type: ignore[arg-type]
        if not len(everyone):
            raise UserError(
                "Nobody in the datasets",
                f"The examples of {', '.join(self.source.names)} show no people.",
                "Choose other datasets.",
            )
        return everyone

    def _crop_maker(self, on_item: OnItem) -> CropMaker:
        """What makes all crops, with its bank of pieces of pictures."""
        if self._maker is None:
            plan, catalogue = self.plan, self.source.catalogue
            bank = collect(self._bank_examples(on_item), plan.settings.bank)
            self._maker = CropMaker(plan.settings, plan.side, plan.aligned, catalogue, bank)
        return self._maker

    def _bank_examples(self, on_item: OnItem) -> Iterator[Example]:
        """The first ones of the source's order: neighbours, which a renderer draws together."""
        for index in range(self.plan.settings.bank.examples):
            random = np.random.default_rng([self.plan.seed, BANK, index])
            on_item(f"picture {index} for others' backgrounds")
            try:
                dataset, example = self.source.draw(random, index)
            except UserError:
                continue  # it is named when a crop is made of it
            on_item(f"a background: {self.source.names[dataset]}, {example.name}")
            yield example


def _reason(error: UserError) -> str:
    """Why an item cannot be used: a few words that it shares with others, a colon, and details."""
    return f"{error.reason if isinstance(error, BrokenItem) else error.title}: {error.detail}"


def _nothing_usable(failed: list[tuple[str, UserError]]) -> UserError:
    """The error for a row of items of which none can be used. What to do about most of them is said
    if it is the same; of broken items each has its own fault."""
    last = dict.fromkeys(f"{name}: {_reason(error).rstrip('.')}" for name, error in failed[-3:])
    fixes = Counter(error.fix for _, error in failed if not isinstance(error, BrokenItem))
    known = [fix for fix, _ in fixes.most_common(MOST_FIXES)]
    if 2 * sum(fixes[fix] for fix in known) <= len(failed):
        known = ["Check the datasets, their report and what it says of these items."]
    return UserError(
        "No usable training data",
        f"{len(failed)} items in a row cannot be used, at last {'; '.join(last)}.",
        " ".join(known),
    )

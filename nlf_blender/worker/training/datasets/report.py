# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a dataset cannot be used: each item by name, and how many for which reason."""

from __future__ import annotations

import tarfile
from collections import Counter

import cv2

from ....body.npz_file import DAMAGED
from ....errors import UserError

MOST_SHOWN = 20  # items of a reason that are shown by name
# What annotations of other values, arrays or nesting than they should have make readers raise.
ITEM_DAMAGED = (*DAMAGED, tarfile.HeaderError, cv2.error)


class Unusable(ValueError):
    """Why something cannot be used: a few words to count by, and details of this one."""

    def __init__(self, reason: str, more: str = "") -> None:
        super().__init__(reason, more)
        self.reason, self.more = reason, more


class BrokenItem(UserError):
    """One item of a dataset that cannot be used. reason: a few words that it shares with other
    items, to count by; detail of this one, if there is more to say."""

    def __init__(self, dataset: str, shard: str, item: str, reason: str, more: str = "") -> None:
        self.dataset, self.shard, self.item = dataset, shard, item
        self.reason, self.more = reason, more
        place = ", ".join(filter(None, (dataset, shard, item)))
        super().__init__(
            "Item not usable",
            f"{place}: {': '.join(filter(None, (reason, more)))}.",
            "Mend or remove it and import the dataset again; others are not affected.",
        )

    def __reduce__(self) -> tuple[type, tuple[str, ...]]:
        """Pickled by what it was made of, so that worker processes can hand it on."""
        return type(self), (self.dataset, self.shard, self.item, self.reason, self.more)

    @classmethod
    def of(cls, error: Exception, dataset: str, shard: str, item: str) -> BrokenItem:
        """What an error means for an item: an Unusable's reason, or a damaged annotation."""
        if isinstance(error, Unusable):
            return cls(dataset, shard, item, error.reason, error.more)
        if isinstance(error, UserError):
            return cls(dataset, shard, item, error.title.lower(), error.detail.rstrip("."))
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        return cls(dataset, shard, item, "annotation damaged", what or type(error).__name__)


class Report:
    """How many items were left out, and how many kept but for a part, by reason."""

    def __init__(self) -> None:
        self.used = 0
        self.skipped: Counter[str] = Counter()
        self.mended: Counter[str] = Counter()
        self._named: dict[str, dict[str, None]] = {}  # of each reason, in order, each once

    def skip(self, error: BrokenItem) -> None:
        """Count an item that was left out."""
        self.skip_all(error.reason, [error.detail])

    def skip_all(self, reason: str, sentences: list[str]) -> None:
        """Count items that were left out for one reason, each with its sentence."""
        self.skipped[reason] += len(sentences)
        self._name(reason, sentences)

    def mend(self, item: str, reason: str, count: int = 1) -> None:
        """Count parts of an item (keypoints, people) that were left out."""
        self.mended[reason] += count
        self._name(reason, [item])

    def lines(self) -> list[str]:
        """The report in words: a line for each reason, and for the first items of it."""
        found = [f"{self.used} items used, {self.skipped.total()} skipped"]
        for counts, what in ((self.skipped, "skipped"), (self.mended, "left out of items")):
            for reason, count in counts.most_common():
                found.append(f"{count} {what}: {reason}")
                named = list(self._named[reason])
                found += [f"  {name}" for name in named[:MOST_SHOWN]]
                if len(named) > MOST_SHOWN:
                    found.append(f"  and {len(named) - MOST_SHOWN} others")
        return found

    def to_json(self) -> dict[str, object]:
        """The same as plain values, with the names of all items."""
        return {
            "used": self.used,
            "skipped": dict(self.skipped),
            "left_out_of_items": dict(self.mended),
            "named": {reason: list(names) for reason, names in self._named.items()},
        }

    def _name(self, reason: str, sentences: list[str]) -> None:
        self._named.setdefault(reason, {}).update(dict.fromkeys(sentences))

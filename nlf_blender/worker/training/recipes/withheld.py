# SPDX-License-Identifier: GPL-3.0-or-later
"""Crops of synthetic people as if datasets had annotated less of them, for comparisons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, get_args

import torch

from ..crops.batch import CropBatch
from ..loop.source import Source, StepInput

Annotation = Literal["mesh", "skeleton", "pixels"]


class WithheldTruth:
    """Batches of a cache with less truth. mesh: all of it; skeleton: the first `leading` points of
    each crop in 3D, which are the body's joints; pixels: those in 2D. A crop always has the same
    one of `kinds`, by its number."""

    def __init__(self, source: Source, kinds: Sequence[Annotation], leading: int) -> None:
        self.source, self.leading = source, leading
        self._kinds = torch.tensor([get_args(Annotation).index(kind) for kind in kinds])

    def batches(self, first: int) -> Iterator[StepInput]:
        """Batches number `first`, ... with what is withheld marked as unknown."""
        for inputs in self.source.batches(first):
            if inputs.rows is None:
                raise ValueError("only crops of a cache have numbers")
            kinds = self._kinds[torch.from_numpy(inputs.rows) % len(self._kinds)]
            batch = withheld(inputs.batch, kinds.to(inputs.batch.columns.device), self.leading)
            yield replace(inputs, batch=batch)

    def close(self) -> None:
        """As of the source."""
        self.source.close()

    def skipped(self) -> dict[str, str]:
        """As of the source."""
        return self.source.skipped()


def withheld(batch: CropBatch, kinds: torch.Tensor, leading: int) -> CropBatch:
    """A batch in which crop p keeps the truth of kind number kinds [P] of Annotation."""
    mesh, skeleton, pixels = (kinds == number for number in range(len(get_args(Annotation))))
    number = torch.arange(batch.columns.shape[1], device=kinds.device)
    kept = mesh[:, None] | (number < leading)[None]
    return replace(
        batch,
        has_3d=batch.has_3d & kept & ~pixels[:, None],
        has_2d=batch.has_2d & kept,
        absolute=batch.absolute & (mesh | skeleton),
        landmarks_3d=None
        if batch.landmarks_3d is None
        else batch.landmarks_3d.where(mesh[:, None, None], torch.nan),
    )

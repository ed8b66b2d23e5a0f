# SPDX-License-Identifier: GPL-3.0-or-later
"""People who share one shape and scale: a track, or photos of the same person."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .gauss_newton import Batch
from .state import State


def share_shapes(batches: list[Batch], groups: Tensor) -> None:
    """Let the people of each group [P], of all batches in a row, begin with their mean shape and
    scale; where one's scale is to be found, so are the others'."""
    free = [batch.unknowns.scale for batch in batches]
    with_scale = any(item is not None for item in free)
    sizes = [len(batch.targets.weights) for batch in batches]
    for batch, number in zip(batches, free, strict=True):
        if with_scale and number is None:
            none = torch.zeros_like(batch.unknowns.turns[:, 0])
            batch.unknowns = replace(batch.unknowns, scale=none)
    shapes = torch.cat([batch.state.shape for batch in batches])
    scales = torch.cat([batch.state.log_scale for batch in batches])
    shapes = _group_means(shapes, groups).split(sizes)
    scales = _group_means(scales[:, None], groups)[:, 0].split(sizes)
    for batch, shape, scale in zip(batches, shapes, scales, strict=True):
        batch.shared = True
        batch.state = State(batch.state.orientations, shape, scale)
    if with_scale:
        asked = torch.cat([batch.unknowns.scale for batch in batches]).to(shapes[0])
        asked = (_group_means(asked[:, None], groups)[:, 0] > 0).split(sizes)
        for batch, scale in zip(batches, asked, strict=True):
            batch.unknowns = replace(batch.unknowns, scale=scale)


def _group_means(values: Tensor, groups: Tensor) -> Tensor:
    """The mean [P,S] over each one's group of values [P,S]."""
    size = int(groups.max()) + 1 if len(groups) else 0
    sums = values.new_zeros(size, values.shape[1]).index_add(0, groups, values)
    counts = torch.bincount(groups, minlength=size).to(values)
    return (sums / counts[:, None])[groups]

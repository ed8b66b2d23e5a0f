# SPDX-License-Identifier: GPL-3.0-or-later
"""Body shapes at random: adults, heavier and slighter, taller and shorter ones, and children.

What makes a body heavy, tall or childlike is read off the open body: the direction in its shape
space along which the belly's girth, the stature, or the head's share of the stature grows fastest.
The open body was made of adults, so a child is an adult of such proportions, made smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from ....body.arrays import Float64Array
from .figures import FigureModel
from .skeleton import INDEX

KINDS = ("adult", "heavy", "slight", "tall", "short", "child")
# How likely each is, by split: held-out people are spread otherwise.
CHANCES = {
    "train": (0.62, 0.10, 0.07, 0.06, 0.06, 0.09),
    "held-out": (0.46, 0.16, 0.10, 0.08, 0.08, 0.12),
}
SPREAD = {"train": (0.7, 1.3), "held-out": (0.9, 1.5)}  # of the betas about their mean
ALONG = {"heavy": (1.0, 2.6), "slight": (0.7, 1.8), "tall": (1.0, 2.2), "short": (1.0, 2.2)}
CHILD_ALONG, CHILD_SCALE = (1.0, 2.5), (0.6, 0.88)
ADULT_SCALE = 0.03  # standard deviation


@dataclass(frozen=True, eq=False)
class Shape:
    """betas [16], scale of the whole body, kind: one of KINDS."""

    betas: Float64Array
    scale: float
    kind: str


class ShapeSpace:
    """Draws shapes of the open body."""

    def __init__(self, model: FigureModel) -> None:
        count = model.shapes.shape[2]
        self.count = count
        steps = [_measures(model, 0.5 * row) for row in np.eye(count)]
        self.gradient = np.array(steps) - _measures(model, np.zeros(count))
        stature, girth, head, bust = (row / np.linalg.norm(row) for row in self.gradient.T)
        child = head - bust
        child -= (child @ girth) * girth
        self.directions = {
            "heavy": girth,
            "slight": -girth,
            "tall": stature,
            "short": -stature,
            "child": child / np.linalg.norm(child),
        }

    def draw(self, random: Generator, split: str = "train") -> Shape:
        """A shape as people of a split have."""
        kind = KINDS[int(random.choice(len(KINDS), p=CHANCES[split]))]
        betas = random.normal(size=self.count) * random.uniform(*SPREAD[split])
        scale = float(np.exp(random.normal() * ADULT_SCALE))
        if kind == "child":
            betas = 0.5 * betas + random.uniform(*CHILD_ALONG) * self.directions[kind]
            scale = random.uniform(*CHILD_SCALE)
        elif kind != "adult":
            along = self.directions[kind]
            betas = betas - (betas @ along) * along + random.uniform(*ALONG[kind]) * along
        return Shape(betas.clip(-3.5, 3.5), scale, kind)


def _measures(model: FigureModel, betas: Float64Array) -> Float64Array:
    """Logarithms of stature, and of what the belly's girth, the head's height and the chest's
    depth are of it, [4]."""
    figure = model.figure(betas)
    belly = figure.points[np.isin(model.part, [INDEX["spine1"], INDEX["spine2"]])]
    spread = belly[:, [0, 2]].std(axis=0).mean()
    head = np.ptp(figure.points[model.part == INDEX["head"]][:, 1])
    chest = figure.points[model.part == INDEX["spine3"]][:, 2]
    bust = np.percentile(chest, 97) - np.median(chest)
    return np.log(np.array([1.0, spread, head, bust]) / [1 / figure.stature, *[figure.stature] * 3])

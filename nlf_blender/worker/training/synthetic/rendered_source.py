# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures drawn when training asks for them: a source of examples without a dataset folder.

On a GPU that draws faster than it trains, no picture need ever be seen twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from numpy.random import Generator

from ..datasets.example import Example
from ..datasets.joint_sets import JointCatalogue
from ..datasets.report import BrokenItem
from .annotated import number_of
from .render_set import Renderer, RenderPlan, read_motions

NAME = "rendered"
_PICTURES = 1 << 40  # how many different ones a seed has


@dataclass(frozen=True)
class RenderedSettings:
    """A source that every process opens for itself. plan: of what to draw; its folder and count do
    not matter. device: where to draw."""

    plan: RenderPlan
    device: str = "cpu"

    def open(self) -> RenderedSource:
        """UserError if the wardrobe or the motions cannot be read."""
        return RenderedSource(self)


class RenderedSource:
    """Examples at the positions of an endless stream; see crops.sources.Source."""

    names = (NAME,)

    def __init__(self, settings: RenderedSettings) -> None:
        self.catalogue = JointCatalogue()
        device = torch.device(settings.device)
        motions = read_motions(settings.plan.motions, settings.plan.split)
        self.renderer = Renderer(settings.plan, motions, device)
        self._block, self._drawn = -1, dict[int, Example]()

    def draw(self, random: Generator, position: int | None = None) -> tuple[int, Example]:
        """The picture of a position, or without one, of a number that the generator gives.

        Pictures of neighbouring positions are drawn together. BrokenItem if nobody is seen in it.
        """
        number = int(random.integers(_PICTURES)) if position is None else position
        block = number // self.renderer.at_once
        if block != self._block:
            self._block = block
            self._drawn = {number_of(one.name): one for one in self.renderer.examples(block)}
        if number not in self._drawn:
            raise BrokenItem(NAME, "", f"picture {number}", "nobody is seen")
        return 0, self._drawn[number]

# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the joints of datasets are in canonical space, learnt while a localizer trains.

What a dataset calls a hip is a place of its own in the body; the localizer finds out which by being
asked for it there (paper section 3.5). Bodies are symmetric, so a joint and its other side share
what is learnt, and joints of the middle stay in the middle plane.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from ....body.arrays import Float64Array
from ..datasets.joint_places import start_places
from ..datasets.joint_sets import JointCatalogue


class CanonicalJoints(nn.Module):
    """Learnable places of all G joints of a catalogue.

    moves: [R,3] metres from where each joint starts, one row for both sides of a pair.
    """

    start: Tensor
    row: Tensor
    sign: Tensor

    def __init__(self, catalogue: JointCatalogue) -> None:
        super().__init__()
        self.catalogue = catalogue
        numbers = np.arange(len(catalogue))
        owner = np.minimum(numbers, catalogue.mirror)
        owners, row = np.unique(owner, return_inverse=True)
        sign = np.ones((len(numbers), 3))
        sign[:, 0] = np.where(catalogue.mirror == numbers, 0, np.where(owner == numbers, 1, -1))
        start = torch.tensor(start_places(catalogue), dtype=torch.float32)
        self.register_buffer("start", start, persistent=False)
        self.register_buffer("row", torch.tensor(row), persistent=False)
        self.register_buffer("sign", torch.tensor(sign, dtype=torch.float32), persistent=False)
        self.moves = nn.Parameter(torch.zeros(len(owners), 3))

    def forward(self) -> Tensor:
        """The places [G,3], metres, exactly symmetric."""
        return self.start + self.moves[self.row] * self.sign

    def resolve(self, places: Tensor, joints: Tensor) -> Tensor:
        """Query places [M,3] with those of learnt joints [M] (FIXED, -1: not learnt) filled in."""
        learnt = joints >= 0
        if not bool(learnt.any()):  # nothing to send gradients back through the encoding for
            return places
        return torch.where(learnt[:, None], self()[joints.clamp_min(0)], places)

    def by_set(self) -> dict[str, dict[str, Float64Array]]:
        """The places [3] of the joints of each set, by their names."""
        places = self().detach().double().cpu().numpy()
        return {
            name: dict(zip(known.joints, places[self.catalogue.numbers(name)], strict=True))
            for name, known in self.catalogue.sets.items()
        }

    @torch.no_grad()
    def adopt(self, sets: Mapping[str, Mapping[str, Float64Array]]) -> None:
        """Start from the places [3] of joints by set; joints that it does not name stay."""
        for name in sets.keys() & self.catalogue.sets.keys():
            known = self.catalogue.get(name)
            for joint, number in zip(known.joints, self.catalogue.numbers(name), strict=True):
                if joint in sets[name]:
                    move = torch.as_tensor(sets[name][joint], dtype=torch.float32)
                    move = move.to(self.start.device) - self.start[number]
                    self.moves[self.row[number]] = move * self.sign[number]

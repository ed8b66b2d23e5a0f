# SPDX-License-Identifier: GPL-3.0-or-later
"""Paint on the skin: eyes, lips, brows, stubble, as factors on the skin's colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .....body.body_data import BodyData
from ..skeleton import INDEX
from .outfits import Outfit

_WHITE, _IRIS = (0.75, 0.73, 0.70), (0.03, 0.02, 0.015)
_LIPS = (0.75, 0.42, 0.45)


class Face:
    """Parts of the open body's head, found by where they are on its template."""

    def __init__(self, body: BodyData) -> None:
        head = body.joints_template[INDEX["head"]]
        aside, above, ahead = (body.v_template - head).T
        aside = np.abs(aside)
        on_head = body.weights.argmax(axis=1) == INDEX["head"]
        front = on_head & (ahead > 0.06)
        parts = np.array(body.part_names)[body.vertex_part]
        self.eyes = np.char.endswith(parts, "_eye")
        self.irises = self.eyes & (np.hypot(aside - 0.030, above - 0.042) < 0.0065) & (ahead > 0.06)
        self.lips = front & (np.abs(above + 0.0305) < 0.008) & (aside < 0.024)
        self.brows = front & (np.abs(above - 0.066) < 0.004) & (aside > 0.012) & (aside < 0.05)
        jaw = on_head & (above < -0.005) & (above > -0.085) & (ahead > 0.0) & ~self.lips
        self.beard = jaw & (ahead + 0.5 * aside < 0.2)
        self.count = body.vertex_count

    def tint(self, outfit: Outfit) -> NDArray[np.float32]:
        """Factors [V,3] on the skin's colour."""
        skin = np.maximum(outfit.skin.colors[0], 0.01)
        hair = np.minimum(outfit.hair.colors[0] / skin, 1.0)
        tint = np.ones((self.count, 3), np.float32)
        tint[self.beard] = 1 + (hair - 1) * 0.7 * outfit.stubble
        tint[self.lips] = 1 + (np.array(_LIPS) - 1) * (0.4 + outfit.makeup)
        tint[self.brows] = 1 + (hair - 1) * 0.7
        tint[self.eyes] = np.array(_WHITE) / skin
        tint[self.irises] = np.array(_IRIS) / skin
        return np.maximum(tint, 0.02)

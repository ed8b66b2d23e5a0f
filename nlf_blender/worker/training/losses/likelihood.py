# SPDX-License-Identifier: GPL-3.0-or-later
"""What an error costs, given how uncertain the model said it is.

`nll` is the negative logarithm of the likelihood of an isotropic distribution in D dimensions that
falls off exponentially with distance: e / s + D log s, which is least at s = e / D. In three
dimensions the expected error is thus 3 s, and the official models multiply their uncertainty by
three. Its gradient on positions is 1 / s: what is hard is given up. `beta_nll` multiplies it by
s^(2 beta) without gradient (Seitzer et al. 2022, where s^2 is the variance); at beta 0.5 positions
get the gradient of the plain error. Both need an uncertainty that starts near the error: from far
above, the first steps fall to where the softplus that makes it is flat (see `model.encodings`).
"""

from __future__ import annotations

import math

from torch import Tensor

from .settings import LossSettings

# Of an isotropic error, the share of the expected length that is seen from one side, pi/4, and the
# expected lengths D s of D = 3 and 2 dimensions: what an uncertainty is in the picture.
SPREAD_IN_PICTURE = (math.pi / 4) * 3 / 2


def cost(error: Tensor, spread: Tensor, dimensions: int, settings: LossSettings) -> Tensor:
    """What errors [...], metres, in 2 or 3 dimensions cost at spreads s [...], metres."""
    if settings.kind == "euclidean":
        return error
    negative = error / spread + dimensions * spread.log()
    if settings.kind == "nll":
        return negative
    return spread.detach() ** (2 * settings.beta) * negative

# SPDX-License-Identifier: GPL-3.0-or-later
"""Non-maximum suppression under the name that official TorchScript files ask for.

The files hold a person detector that calls `torchvision::nms`, so torch refuses to open them unless
such an operator is known. torchvision is a large library with no other use here.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from ...people.overlap import distinct

SCHEMA = "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def non_maximum_suppression(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """boxes [N,4] (x0, y0, x1, y1), scores [N] -> indices of those that are kept, best first.

    A box is dropped if its intersection over union with a better one that is kept exceeds the
    threshold; of equal scores the earlier is the better.
    """
    kept = distinct(boxes.double().cpu().numpy(), scores.double().cpu().numpy(), iou_threshold)
    return torch.tensor(kept, dtype=torch.int64, device=boxes.device)


@cache
def define_nms() -> torch.library.Library | None:
    """Make `torchvision::nms` known to torch for as long as the process lives, unless it is.

    It is never taken back: programs that were opened point to it.
    """
    if torch._C._jit_get_schemas_for_operator("torchvision::nms"):
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    library.define(SCHEMA)
    library.impl("nms", non_maximum_suppression, "CompositeExplicitAutograd")
    return library

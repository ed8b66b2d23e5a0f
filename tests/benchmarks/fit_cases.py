# SPDX-License-Identifier: GPL-3.0-or-later
"""What is compared in the fitters' benchmark: which points, what noise, how many people at once."""

from __future__ import annotations

from dataclasses import dataclass

from . import peer
from .sampling import Range

ACCURACY_BATCH = 32
TIMED_BATCHES = (1, 32, 256)
QUICK_BATCHES = (1, 32)


@dataclass(frozen=True)
class Case:
    """One comparison.

    subset: the same 1024 vertices for both instead of the full mesh; joints: given too;
    vertex_noise and joint_noise: sigmas along an axis from and to, millimetres; where one varies,
    both fitters are told every point's. The rest is how the peer is set: its regularizer of betas,
    by default or else the best of 0, 0.001, 0.01, 0.1 and 1 on clean points; and whether, without
    joints, it takes them from a regressor that was learnt for these vertices.
    """

    name: str
    subset: bool
    joints: bool = True
    vertex_noise: Range = (0, 0)
    joint_noise: Range = (0, 0)
    regularizer: float = peer.DEFAULT_REGULARIZER
    learnt_regressor: bool = True


ACCURACY = (
    Case("full mesh, joints, clean", subset=False),
    Case("full mesh, joints, clean, peer at beta_regularizer=0.01", False, regularizer=0.01),
    Case("full mesh, joints, 10 mm on all points", False, True, (10, 10), (10, 10)),
    Case("full mesh 5 to 40 mm, joints 10 mm, weighted", False, True, (5, 40), (10, 10)),
    Case("full mesh, joints, 5 to 40 mm on all points, weighted", False, True, (5, 40), (5, 40)),
    Case("1024 vertices, joints, clean", subset=True),
    Case("1024 vertices, joints, clean, peer at beta_regularizer=0", True, regularizer=0.0),
    Case("1024 vertices, no joints, clean", subset=True, joints=False),
    Case(
        "1024 vertices, no joints, clean, peer's default regressor",
        subset=True,
        joints=False,
        learnt_regressor=False,
    ),
    Case("1024 vertices, joints, 10 mm on all points", True, True, (10, 10), (10, 10)),
)
TIMED = (
    Case("1024 vertices, joints", subset=True),
    Case("full mesh, joints", subset=False),
)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The hand poses that SMPL-H's and SMPL-X's files hold: a mean and principal components.

A hand's pose is 15 rotation vectors (radians, relative to the parent joint) in the order of
HAND_JOINTS. It is written in one of two ways: as the vectors themselves, or as coefficients of
principal components. Either may be meant relative to the flat hand of the template or relative to
the file's mean, the relaxed hand (Romero et al., Embodied Hands, 2017, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Float64Array, FloatArray
from .skeleton import HAND_JOINTS, Skeleton

SIDES = ("left", "right")
JOINTS_PER_HAND = len(HAND_JOINTS)


@dataclass(frozen=True, eq=False)
class HandPoses:
    """Poses of a hand's 15 joints as rotation vectors, radians, one after the other.

    left_mean, right_mean [45]: the relaxed hand, relative to the flat one of the template.
    left_components, right_components [K,45]: principal components, rows.
    """

    left_mean: Float64Array
    right_mean: Float64Array
    left_components: Float64Array
    right_components: Float64Array

    def mean(self, side: str) -> Float64Array:
        """The relaxed hand's pose [15,3] of a side, "left" or "right"."""
        flat = self.left_mean if _is_left(side) else self.right_mean
        return flat.reshape(JOINTS_PER_HAND, 3)

    def components(self, side: str) -> Float64Array:
        """The principal components [K,15,3] of a side, "left" or "right"."""
        rows = self.left_components if _is_left(side) else self.right_components
        return rows.reshape(-1, JOINTS_PER_HAND, 3)

    @property
    def component_count(self) -> int:
        """K, of both hands."""
        return min(len(self.left_components), len(self.right_components))


def hand_pose_from_pca(
    hands: HandPoses, side: str, coefficients: FloatArray, flat_hand_mean: bool = False
) -> Float64Array:
    """A hand's pose [...,15,3] from coefficients [...,N] of its first N components, N <= K.

    flat_hand_mean: the coefficients are relative to the flat hand, else to the relaxed one; as in
    the smplx package. ValueError for more coefficients than the file has components.
    """
    values = np.asarray(coefficients, dtype=np.float64)
    components = hands.components(side)
    count = values.shape[-1]
    if count > len(components):
        raise ValueError(f"{count} hand coefficients, but the file has {len(components)}")
    pose = np.einsum("...n,njc->...jc", values, components[:count])
    return pose if flat_hand_mean else pose + hands.mean(side)


def hand_joints(skeleton: Skeleton, side: str) -> tuple[int, ...]:
    """The 15 joints of a hand in the order of its pose; () for a body without fingers."""
    names = [("L_" if _is_left(side) else "R_") + name for name in HAND_JOINTS]
    if not set(names) <= set(skeleton.joint_names):
        return ()
    return tuple(skeleton.index(name) for name in names)


def _is_left(side: str) -> bool:
    if side not in SIDES:
        raise ValueError(f"side {side!r} is not one of {', '.join(SIDES)}")
    return side == "left"

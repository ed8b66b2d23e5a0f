# SPDX-License-Identifier: GPL-3.0-or-later
"""The hand poses that SMPL-H's and SMPL-X's files hold: a mean and principal components."""

from __future__ import annotations

from dataclasses import dataclass

from .arrays import Float64Array

JOINTS_PER_HAND = 15


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

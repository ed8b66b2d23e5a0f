# SPDX-License-Identifier: GPL-3.0-or-later
"""High dynamic range video for a localizer that was trained on ordinary photos.

Each channel goes to linear light, where diffuse white (203 cd/m2, ITU-R BT.2408) becomes 1; what
is brighter than three quarters of that is rolled off; then the sRGB curve. Colours of BT.2020 are
not converted, so they come out paler: people are as recognisable, and a table per channel is quick.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

DIFFUSE_WHITE_NITS = 203.0
KNEE = 0.75


def to_sdr(rgb: NDArray[np.uint16], curve: str) -> NDArray[np.uint8]:
    """uint16 [H,W,3] in a curve of ITU-R BT.2100, "PQ" or "HLG", to uint8 in sRGB's."""
    return _table(curve)[rgb]


@functools.cache
def _table(curve: str) -> NDArray[np.uint8]:
    signal = np.arange(65536) / 65535.0
    light = (_pq_nits(signal) if curve == "PQ" else _hlg_nits(signal)) / DIFFUSE_WHITE_NITS
    rolled = KNEE + (1 - KNEE) * (1 - np.exp(-np.maximum(light - KNEE, 0) / (1 - KNEE)))
    return np.rint(255 * srgb_curve(np.where(light < KNEE, light, rolled))).astype(np.uint8)


def srgb_curve(light: NDArray[np.floating]) -> NDArray[np.floating]:
    """Linear light, 0 to 1, in the sRGB curve (IEC 61966-2-1)."""
    light = np.clip(light, 0.0, 1.0)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def _pq_nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """The display's light in cd/m2 (SMPTE ST 2084)."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = signal ** (1 / m2)
    return 10000.0 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)


def _hlg_nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """The light of a display of 1000 cd/m2, its system gamma of 1.2 applied by channel."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return 1000.0 * scene**1.2

# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody looks like: colours of torso, legs and head, to tell people apart in footage.

Each part has a histogram of lightness and one of hue and saturation together (the plane a, b of
CIELAB, which is scaled to one lightness). Bins share every sample by its distance, so that a change
of light moves little; the plane weighs more than the lightness, which light changes most.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .person import Person

Float64Array = NDArray[np.float64]
Float32Array = NDArray[np.float32]
Image = NDArray[np.uint8]

LIGHTNESS_NODES = np.array([10.0, 40.0, 70.0, 100.0])  # of 0..100
COLOUR_NODES = np.array([-45.0, -15.0, 0.0, 15.0, 45.0])  # of a and of b, at MIDDLE_LIGHTNESS
LIGHTNESS_SHARE = 0.35
# CIELAB's a and b grow with L + 16, all being cube roots of light; noise rules below DARK.
MIDDLE_LIGHTNESS, DARK = 50.0, 20.0
BINS = len(LIGHTNESS_NODES) + len(COLOUR_NODES) ** 2
PARTS = 3  # torso, legs, head
SIZE = PARTS * BINS + PARTS
# How unlike people are taken to be who share no part that is seen in both.
UNKNOWN = 0.3
# BlazePose's landmarks
SHOULDERS, HIPS, KNEES, ANKLES, EARS = (11, 12), (23, 24), (25, 26), (27, 28), (7, 8)
_STEPS = 9


def appearance(image: Image, person: Person) -> Float32Array:
    """The colours of a person in a picture [H,W,3] RGB: float32 [SIZE].

    Per part BINS numbers, 0 or more, whose sum is 1 (all 0 where no pixel of the part is in the
    picture), then how well each part is seen, 0..1.
    """
    keypoints = person.keypoints
    histograms, seen = np.zeros((PARTS, BINS)), np.zeros(PARTS)
    for part, (places, landmarks) in enumerate(_parts(keypoints)):
        inside = (places > -0.5).all(axis=1) & (places < np.array(image.shape[1::-1]) - 0.5).all(
            axis=1
        )
        if not inside.any():
            continue
        histograms[part] = _histogram(_pixels(image, places[inside]))
        visibility = keypoints[list(landmarks), 2].clip(0, 1).mean()
        seen[part] = visibility * inside.mean()
    return np.concatenate([histograms.ravel(), seen]).astype(np.float32)


def appearance_distance(first: NDArray[np.floating], second: NDArray[np.floating]) -> Float64Array:
    """How unlike people look: [...,SIZE] and [...,SIZE], which broadcast, -> [...], 0..1.

    Parts count by how well both see them; UNKNOWN where that is none.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    split = PARTS * BINS
    difference = np.abs(one[..., :split] - other[..., :split])
    unlike = difference.reshape(*difference.shape[:-1], PARTS, BINS).sum(axis=-1) / 2
    weights = np.sqrt(one[..., split:] * other[..., split:])
    total = weights.sum(axis=-1)
    # A part that is hardly seen says hardly anything: the mean leans on UNKNOWN then.
    doubt = 0.1
    return ((unlike * weights).sum(axis=-1) + UNKNOWN * doubt) / (total + doubt)


def _parts(keypoints: Float64Array) -> tuple[tuple[Float64Array, tuple[int, ...]], ...]:
    """Per part the places [n,2] in the picture that are sampled, and its landmarks."""
    places = keypoints[:, :2]
    across = np.linspace(0.15, 0.85, _STEPS)
    left = _between(places[SHOULDERS[0]], places[HIPS[0]], across)
    right = _between(places[SHOULDERS[1]], places[HIPS[1]], across)
    torso = left[:, None] * across[None, :, None] + right[:, None] * (1 - across)[None, :, None]
    reach = 0.08 * max(
        np.linalg.norm(places[list(SHOULDERS)].mean(0) - places[list(HIPS)].mean(0)), 1.0
    )
    disc = _disc()
    legs = [
        _between(places[start[side]], places[end[side]], across)[:, None] + reach * disc
        for start, end in ((HIPS, KNEES), (KNEES, ANKLES))
        for side in (0, 1)
    ]
    ears = places[list(EARS)]
    head = places[:11].mean(axis=0)
    size = max(float(np.linalg.norm(ears[0] - ears[1])) / 2, 2.5 * reach)
    return (
        (torso.reshape(-1, 2), SHOULDERS + HIPS),
        (np.concatenate(legs).reshape(-1, 2), HIPS + KNEES + ANKLES),
        (head + 1.1 * size * _disc(7), tuple(range(11))),
    )


def _pixels(image: Image, places: Float64Array) -> NDArray[np.float32]:
    """The colours [n,3] at places [n,2], each a mean of nine pixels, against the camera's noise."""
    x, y = np.rint(places).astype(int).T
    columns = (x[:, None] + [-1, 0, 1]).clip(0, image.shape[1] - 1)
    rows = (y[:, None] + [-1, 0, 1]).clip(0, image.shape[0] - 1)
    return image[rows[:, :, None], columns[:, None, :]].mean(axis=(1, 2), dtype=np.float32)


def _between(first: Float64Array, last: Float64Array, shares: Float64Array) -> Float64Array:
    return first + (last - first) * shares[:, None]


def _disc(steps: int = 3) -> Float64Array:
    """Places [n,2] of a grid in the unit disc."""
    line = np.linspace(-1, 1, steps)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    return grid[np.linalg.norm(grid, axis=1) <= 1.0]


def _histogram(pixels: NDArray[np.float32]) -> Float64Array:
    """The histogram [BINS] of pixels [n,3] RGB, 0..255."""
    values = np.ascontiguousarray(pixels[None]) / np.float32(255)
    lab = cv2.cvtColor(values, cv2.COLOR_RGB2LAB)[0].astype(np.float64)
    lightness = _shares(lab[:, 0], LIGHTNESS_NODES).mean(axis=0)
    evened = lab[:, 1:] * ((MIDDLE_LIGHTNESS + 16) / (lab[:, :1].clip(DARK) + 16))
    a, b = _shares(evened[:, 0], COLOUR_NODES), _shares(evened[:, 1], COLOUR_NODES)
    plane = np.einsum("na,nb->ab", a, b).ravel() / len(lab)
    return np.concatenate([LIGHTNESS_SHARE * lightness, (1 - LIGHTNESS_SHARE) * plane])


def _shares(values: Float64Array, nodes: Float64Array) -> Float64Array:
    """How each value [n] is shared between its two nodes: [n,len(nodes)], rows sum to 1."""
    clipped = values.clip(nodes[0], nodes[-1])
    upper = np.searchsorted(nodes, clipped, side="left").clip(1, len(nodes) - 1)
    share = (clipped - nodes[upper - 1]) / (nodes[upper] - nodes[upper - 1])
    result = np.zeros((len(values), len(nodes)))
    rows = np.arange(len(values))
    result[rows, upper - 1] = 1 - share
    result[rows, upper] = share
    return result

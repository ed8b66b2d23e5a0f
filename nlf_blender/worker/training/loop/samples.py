# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of crops with the points that a model puts there, and where they truly are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from ....protocol.files import write_whole
from ...nlf.head import HeadOutput
from ..crops.batch import CropBatch

TRUE, FOUND, WORST = (90, 200, 60), (40, 150, 255), (60, 60, 240)  # BGR
UNSURE_M = 0.15  # from this uncertainty on a point is drawn in WORST
DRAWN_POINTS = 150
SIDE_SPAN_M = 2.2  # metres across the view from the side
COLUMNS = 4


def draw_samples(path: Path, batch: CropBatch, output: HeadOutput, count: int) -> None:
    """Write a JPEG with the first `count` crops: each as the camera sees it, and from the side.

    True points are green. Predicted ones go from orange to red with their uncertainty and are tied
    to their true places.
    """
    rows = range(min(count, len(batch)))
    tiles = [np.hstack([_front(batch, output, row), _side(batch, output, row)]) for row in rows]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)
    lines = [np.hstack(tiles[n : n + COLUMNS]) for n in range(0, len(tiles), COLUMNS)]
    done, data = cv2.imencode(".jpg", np.vstack(lines), [cv2.IMWRITE_JPEG_QUALITY, 88])
    if not done:
        raise ValueError("the samples could not be encoded as JPEG")
    write_whole(path, data.tobytes())


def _front(batch: CropBatch, output: HeadOutput, row: int) -> np.ndarray:
    """The crop with its points by their pixels."""
    image = _array(batch.images[row].permute(1, 2, 0))[..., ::-1].copy()
    known = batch.has_2d[row]
    uncertainty = _array(output.uncertainty[row])
    _draw(image, _array(batch.points_2d[row]), _array(output.points_2d[row]), uncertainty, known)
    return image


def _side(batch: CropBatch, output: HeadOutput, row: int) -> np.ndarray:
    """The points seen from the person's side: depth to the right, as tall as the crop."""
    side = batch.images.shape[-1]
    known = batch.has_3d[row]
    image = np.full((side, side, 3), 35, np.uint8)
    if not bool(known.any()):
        return image
    pixels = []
    for points in (batch.points_3d[row], output.points_3d[row]):
        centred = points - points[known].mean(dim=0)
        pixels.append((_array(centred)[:, [2, 1]] / SIDE_SPAN_M + 0.5) * side)
    _draw(image, pixels[0], pixels[1], _array(output.uncertainty[row]), known)
    return image


def _draw(
    image: np.ndarray, true: np.ndarray, found: np.ndarray, uncertainty: np.ndarray, known: Tensor
) -> None:
    """Draw pairs [N,2] of known points onto the image."""
    rows = np.flatnonzero(_array(known))
    for row in rows[:: max(1, len(rows) // DRAWN_POINTS)]:
        share = float(np.clip(uncertainty[row] / UNSURE_M, 0, 1))
        colour = tuple((1 - share) * a + share * b for a, b in zip(FOUND, WORST, strict=True))
        ends = [tuple(int(v) for v in np.clip(p[row], -9999, 9999).round()) for p in (true, found)]
        cv2.line(image, *ends, (120, 120, 120), 1, cv2.LINE_AA)
        cv2.circle(image, ends[0], 1, TRUE, -1)
        cv2.circle(image, ends[1], 1, colour, -1)


def _array(value: Tensor) -> np.ndarray:
    return value.detach().cpu().numpy()

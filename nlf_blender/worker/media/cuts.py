# SPDX-License-Identifier: GPL-3.0-or-later
"""Hard cuts: frames that show another view than those before them.

Two frames are compared as thumbnails whose brightness and contrast were evened out, block by block:
a block of one is looked for nearby in the other. Motion of the camera or of people moves blocks, a
flash or a fade changes their brightness; neither hides where they went. Only a cut leaves most
of them without a counterpart. A frame is compared with several before it, so that one that is
blank or torn is not two cuts.
"""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 64, 36
ENOUGH = 6  # pixels along each side of one of the thumbnail's; more are not averaged
COLUMNS, ROWS = 2, 2  # of blocks
REACH = (8, 14)  # pixels up and down, left and right, that a block may have moved
SPREAD = 4.0  # pixels: the scale by which brightness is evened out
LEAST_CONTRAST = 3.0  # grey levels: fainter structure is noise
CUT = 0.53  # a cut loses at least so much of the structure,
RESTLESS = 0.2  # and so much more than the frame before it did
MOST = 0.8  # however much that was, this is a cut
BLANK = 0.1  # share of structured pixels below which a frame shows nothing


class CutDetector:
    """Tells the first frame of each shot. It remembers the last CONTEXT frames and nothing else:
    fed with these, or more, again, it goes on as if it had never stopped."""

    CONTEXT = 3

    def __init__(self) -> None:
        self._seen: deque[NDArray[np.float32]] = deque(maxlen=self.CONTEXT)

    def is_cut(self, rgb: NDArray[np.uint8]) -> bool:
        """Whether a cut lies between the frame before and this one, uint8 [H,W,3]."""
        thumbnail = _thumbnail(rgb)
        before = list(self._seen)[::-1]
        self._seen.append(thumbnail)
        if not before or (thumbnail != 0).mean() < BLANK:
            return False
        usual = loss(before[1], before[0]) if len(before) > 1 else 0.0
        bound = max(CUT, min(usual + RESTLESS, MOST))
        return all(loss(earlier, thumbnail) > bound for earlier in before)


def _thumbnail(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """float32 [HEIGHT,WIDTH]: structure of about the same strength everywhere, 0 where is none."""
    stride = max(1, rgb.shape[0] // (ENOUGH * HEIGHT))
    thinned = np.ascontiguousarray(rgb[::stride, ::stride])
    small = cv2.resize(thinned, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.7)
    structure = grey - cv2.GaussianBlur(grey, (0, 0), SPREAD)
    contrast = np.sqrt(cv2.GaussianBlur(structure**2, (0, 0), SPREAD))
    return np.where(contrast < LEAST_CONTRAST, 0, structure / np.maximum(contrast, 1)).astype(
        np.float32
    )


def loss(earlier: NDArray[np.float32], later: NDArray[np.float32]) -> float:
    """How much of a thumbnail's structure, 0 to 1, is not in an earlier one."""
    height, width = HEIGHT // ROWS, WIDTH // COLUMNS
    up, left = REACH
    padded = cv2.copyMakeBorder(earlier, up, up, left, left, cv2.BORDER_CONSTANT, value=0.0)
    lost = total = 0.0
    for row in range(0, HEIGHT, height):
        for column in range(0, WIDTH, width):
            block = later[row : row + height, column : column + width]
            area = padded[row : row + height + 2 * up, column : column + width + 2 * left]
            strength = float((block**2).sum())
            total += strength
            lost += strength * (1 - _correlation(area, block)) if strength else 0.0
    return lost / total if total else 0.0


def _correlation(area: NDArray[np.float32], block: NDArray[np.float32]) -> float:
    """The best of a block with any place in an area, -1 to 1."""
    scores = cv2.matchTemplate(area, block, cv2.TM_CCOEFF_NORMED)
    return float(np.nan_to_num(scores, posinf=0.0, neginf=0.0).max())

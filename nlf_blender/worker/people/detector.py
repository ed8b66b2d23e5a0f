# SPDX-License-Identifier: GPL-3.0-or-later
"""BlazePose's person detector: hips and an enclosing circle for each person in a square picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..nlf.backbones.graph import GraphNet
from ..nlf.network_time import NetworkTime
from .overlap import overlap
from .person import Frame
from .pixels import letterbox

SIDE = 224
SCORE_THRESHOLD = 0.35
OVERLAP_THRESHOLD = 0.3
# Anchors per cell of each grid of the network's output, coarse grids last.
_GRIDS = ((28, 2), (14, 2), (7, 6))
Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Detection:
    """A candidate in pixels of the picture; `face_box` [4] is what the detector boxes."""

    score: float
    frame: Frame
    face_box: Float64Array


def anchor_centres() -> Float64Array:
    """Centres [2254,2] of the anchors, 0..1, in the order of the network's output."""
    parts = []
    for cells, repeats in _GRIDS:
        centres = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(centres, centres, indexing="ij")
        parts.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), repeats, axis=0))
    return np.concatenate(parts)


class Detector:
    """Runs the network on whole pictures or on tiles of them."""

    def __init__(
        self, device: torch.device | str, asset: Path, network_time: NetworkTime | None = None
    ) -> None:
        """network_time: what counts the network's time."""
        self.device = device
        self._network_time = network_time or NetworkTime(device)
        self.net = GraphNet.from_file(asset).to(device)
        self.anchors = anchor_centres()

    @torch.inference_mode()
    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Candidates in a picture [H,W,3] RGB, surest first."""
        square, scale, offset = letterbox(image, SIDE)
        pixels = torch.from_numpy(square).to(self.device).permute(2, 0, 1)[None]
        with self._network_time.running():
            values = self.net(pixels.float() / 127.5 - 1, ["boxes", "scores"])
        boxes = values["boxes"][0].double().cpu().numpy()
        logits = values["scores"][0, :, 0].double().cpu().numpy()
        scores = 1 / (1 + np.exp(-logits.clip(-100, 100)))
        chosen = scores > SCORE_THRESHOLD
        boxes, scores, anchors = boxes[chosen], scores[chosen], self.anchors[chosen]
        centres = boxes[:, :2] / SIDE + anchors
        half = boxes[:, 2:4] / SIDE / 2
        keypoints = boxes[:, 4:8].reshape(-1, 2, 2) / SIDE + anchors[:, None]
        corners = np.concatenate([centres - half, centres + half], axis=1).reshape(-1, 2, 2)
        places = np.concatenate([corners, keypoints], axis=1) * SIDE
        places = (places - np.array(offset)) / scale - 0.5
        return _merge(places, scores)


def _merge(places: Float64Array, scores: Float64Array) -> list[Detection]:
    """Boxes that overlap become one, averaged by score.

    places: [K,4,2] two corners of the box, hips, point of the circle.
    """
    detections = []
    waiting = np.argsort(-scores)
    while len(waiting):
        boxes = places[waiting, :2].reshape(-1, 4)
        same = overlap(boxes[0], boxes) > OVERLAP_THRESHOLD
        same[0] = True
        group = waiting[same]
        weights = scores[group] / scores[group].sum()
        mean = np.einsum("k,kij->ij", weights, places[group])
        frame = Frame.from_hips(mean[2], mean[3])
        if frame.side > 0:
            detections.append(Detection(float(scores[waiting[0]]), frame, mean[:2].reshape(4)))
        waiting = waiting[~same]
    return detections

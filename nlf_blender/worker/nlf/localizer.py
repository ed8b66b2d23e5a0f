# SPDX-License-Identifier: GPL-3.0-or-later
"""Localizes people: images and boxes in, 3D points with uncertainties in camera space out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ...errors import UserError
from ...protocol.take import ModelInfo
from .camera import Camera
from .crop_plan import CropOptions, PlannedCrop, plan_crops
from .crops import CropSpec
from .head import PointWeights
from .localized import LocalizedPerson, Variations, localized_person
from .model import LocalizerModel
from .network_time import NetworkTime
from .point_cache import PointWeightCache, as_points
from .reconstruction import CERTAIN_BELOW_M, find_reference, place_points
from .warp_ahead import WarpAhead
from .warping import Float32Array

UNCERTAINTY_SCALE = 3.0
HALF_TOLERANCE_M = 0.002
OnProgress = Callable[[int, int], None]


class Features(Protocol):
    """Keeps what the network saw of crops, which are counted through a call of `localize`."""

    def given(self, first: int, count: int) -> Tensor | None:
        """Features [count,C,H,W] of crops from number `first` on, None to compute them."""
        ...

    def made(self, first: int, features: Tensor) -> None:
        """Hear of features [P,C,H,W] that were computed of crops from number `first` on."""
        ...


class Localizer:
    """A model on its device, with the readouts of the point sets it was asked for.

    cache_dir: where readouts of point sets are kept between runs; nowhere if None.
    """

    def __init__(self, model: LocalizerModel, cache_dir: Path | None = None) -> None:
        self.model = model
        self.device = next(model.heatmap_head.parameters()).device
        self._half = self.device.type == "cuda"
        self._half_proven = False  # on the first batch, which is computed both ways
        self.network_time = NetworkTime(self.device)
        self._cache = PointWeightCache(model.heatmap_head, model.info.sha256, cache_dir)

    @property
    def info(self) -> ModelInfo:
        """Name, hash and licence of the model."""
        return self.model.info

    @torch.inference_mode()
    def point_weights(self, canonical_points: ArrayLike) -> PointWeights:
        """The readout of canonical points [N,3] metres, from a cache if it was made before."""
        return self._cache.get(as_points(canonical_points, self.device))

    @torch.inference_mode()
    def localize(
        self,
        images: Sequence[NDArray[np.uint8]],
        people: Sequence[Sequence[CropSpec]],
        cameras: Sequence[Camera | NDArray[np.float64]],
        weights: PointWeights,
        num_aug: int = 1,
        batch_size: int = 8,
        on_progress: OnProgress | None = None,
        options: CropOptions | None = None,
        beside: PointWeights | None = None,
        features: Features | None = None,
    ) -> list[list[LocalizedPerson]]:
        """Localize the people of each image; the answer has the nesting of `people`.

        images: RGB [H,W,3]. cameras: per image a camera, or the intrinsics [3,3] of one with an
        ideal lens. num_aug: variations per person. batch_size: crops at a time, all at once if 0,
        halved for as long as the GPU's memory does not suffice. on_progress(crops done, all crops)
        hears of every batch; what it raises ends the work. beside: further points, which have no
        say in where the body is, and change nothing about it. features: what the network saw, to
        be kept or from before; of crops whose features it gives, no image is looked at.
        """
        lenses = [c if isinstance(c, Camera) else Camera.create(c) for c in cameras]
        style, side = self.model.style, self.model.heatmap_head.crop_side
        crops = plan_crops(images, people, lenses, side, style, num_aug, options or CropOptions())
        batch_size = batch_size or len(crops)
        readouts = [weights] if beside is None else [weights, beside]
        flat_cameras = iter([lenses[i] for i, specs in enumerate(people) for _ in specs])
        variations = [Variations() for _ in readouts]
        flat: list[LocalizedPerson] = []
        for results in self._batches(crops, readouts, batch_size, on_progress, features):
            for kept, result in zip(variations, results, strict=True):
                kept.add(*result)
            while len(variations[0].points) >= num_aug:
                flat.append(
                    localized_person([v.take(num_aug) for v in variations], next(flat_cameras))
                )
        found = iter(flat)
        return [[next(found) for _ in specs] for specs in people]

    def _batches(
        self,
        crops: list[PlannedCrop],
        readouts: list[PointWeights],
        batch_size: int,
        on_progress: OnProgress | None,
        features: Features | None,
    ) -> Iterator[list[tuple[Tensor, Tensor]]]:
        """What each readout gives for one batch of crops after the other (`_run_batch`)."""
        done = 0
        with WarpAhead(crops, self.model.heatmap_head.crop_side, self.device) as ahead:
            while done < len(crops):
                batch = crops[done : done + batch_size]
                seen = None if features is None else features.given(done, len(batch))
                try:
                    if seen is None:
                        images = ahead.batch(done, len(batch))
                        seen, results = self._run_batch(batch, images, readouts)
                        if features is not None:
                            features.made(done, seen)
                    else:
                        results = self._read(batch, seen.to(self.device), readouts)
                except torch.OutOfMemoryError as error:
                    batch_size = self._smaller_batch(len(batch), error)
                    continue
                done += len(batch)
                if on_progress is not None:
                    on_progress(done, len(crops))
                rotations = self._stacked([crop.view.rotation for crop in batch])
                yield [
                    (torch.matmul(points, rotations), uncertainty * UNCERTAINTY_SCALE)
                    for points, uncertainty in results
                ]

    def _smaller_batch(self, size: int, error: Exception) -> int:
        """Half the batch, after freeing what the failed one left. UserError if it was one crop."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if size == 1:
            raise UserError(
                "The GPU's memory is full",
                "Not even one person at a time fits into it.",
                "Close other programs that use the GPU, or choose the CPU as the device.",
            ) from error
        return size // 2

    def _run_batch(
        self, batch: list[PlannedCrop], pixels: Float32Array, readouts: list[PointWeights]
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Features [P,C,H,W] of a batch of crops, of their pixels [P,3,S,S], and what is read out
        of them (`_read`)."""
        images = torch.from_numpy(pixels).to(self.device)
        features = self._features(images, self._half)
        results = self._read(batch, features, readouts)
        if self._half and not (self._half_proven and torch.isfinite(results[0][0]).all()):
            exact = self._features(images, False)
            proof = self._read(batch, exact, readouts)
            proven = suffices(results[0][0], *proof[0])
            self._half = proven and bool(torch.isfinite(results[0][0]).all())
            self._half_proven = self._half
            if not self._half:  # else the first batch is as it would be later on
                features, results = exact, proof
        return features, results

    def _features(self, images: Tensor, half: bool) -> Tensor:
        with self.network_time.running():
            return self.model.features(images, half)

    def _read(
        self, batch: list[PlannedCrop], features: Tensor, readouts: list[PointWeights]
    ) -> list[tuple[Tensor, Tensor]]:
        """For each readout, points [P,N,3] in metres in the axes of each crop's camera, of bodies
        where the first readout finds them, and the head's uncertainties [P,N]. The mirrored points
        are read where a crop is flipped."""
        head = self.model.heatmap_head
        flips = [crop.augmentation.flip for crop in batch]
        with self.network_time.running():
            outputs = head.read(features, readouts, flips)
        shape = self._stacked([c.view.intrinsics for c in batch]), head.crop_side, head.stride
        # Official models judge what is pictured by uncertainty alone; ours, which see black beyond
        # the photo, are told.
        aligned = self.model.style.aligned
        pictured = [self._pictured(batch, o.points_2d) if aligned else None for o in outputs]
        reference = find_reference(outputs[0], *shape, pictured[0])
        return [
            (place_points(output, reference, *shape, shown), output.uncertainty)
            for output, shown in zip(outputs, pictured, strict=True)
        ]

    def _pictured(self, batch: list[PlannedCrop], points_2d: Tensor) -> Tensor:
        """Whether points [P,N,2] of the crops lie within the photo: [P,N]."""
        inside = []
        for crop, pixels in zip(batch, points_2d.cpu().numpy(), strict=True):
            height, width = crop.image.shape[:2]
            place = crop.camera.project(crop.view.unproject(pixels))
            inside.append(((place > -0.5) & (place < [width - 0.5, height - 0.5])).all(axis=-1))
        return torch.from_numpy(np.stack(inside)).to(self.device)

    def _stacked(self, matrices: list[NDArray[np.float64]]) -> Tensor:
        return torch.from_numpy(np.stack(matrices)).to(self.device, torch.float32)


def suffices(half: Tensor, full: Tensor, uncertainty: Tensor) -> bool:
    """Whether points [P,N,3] from half precision are near those from single precision.

    Those that the model is certain of (uncertainty [P,N]) count, or all where it is of none.
    """
    counted = uncertainty < CERTAIN_BELOW_M
    if not counted.any():
        counted = torch.ones_like(counted)
    return bool(((half - full).norm(dim=-1)[counted] <= HALF_TOLERANCE_M).all())

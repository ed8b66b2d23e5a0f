# SPDX-License-Identifier: GPL-3.0-or-later
"""Localizes people: images and boxes in, 3D points with uncertainties in camera space out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ...errors import UserError
from ...protocol.settings import DEVICES
from ...protocol.take import ModelInfo
from .augmentation import combine
from .camera import Camera
from .crop_plan import CropOptions, PlannedCrop, plan_crops
from .crops import CropSpec
from .head import HeadOutput, PointWeights
from .model import LocalizerModel
from .network_time import NetworkTime
from .point_cache import PointWeightCache, as_points
from .reconstruction import CERTAIN_BELOW_M, reconstruct_absolute
from .warp_ahead import WarpAhead
from .warping import Float32Array

UNCERTAINTY_SCALE = 3.0
HALF_TOLERANCE_M = 0.002
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class LocalizedPerson:
    """One person's N points, in the order of the point set.

    points: [N,3] metres, camera space (x right, y down, z forward). uncertainty: [N] metres, the
    expected error. points_2d: [N,2] pixels of the image, NaN for a point behind the camera.
    """

    points: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    points_2d: NDArray[np.float32]


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
    ) -> list[list[LocalizedPerson]]:
        """Localize the people of each image; the answer has the nesting of `people`.

        images: RGB [H,W,3]. cameras: per image a camera, or the intrinsics [3,3] of one with an
        ideal lens. num_aug: variations per person. batch_size: crops at a time, all at once if 0,
        halved for as long as the GPU's memory does not suffice. on_progress(crops done, all crops)
        hears of every batch; what it raises ends the work.
        """
        lenses = [c if isinstance(c, Camera) else Camera.create(c) for c in cameras]
        style, side = self.model.style, self.model.heatmap_head.crop_side
        crops = plan_crops(images, people, lenses, side, style, num_aug, options or CropOptions())
        batch_size = batch_size or len(crops)
        flat_cameras = [lenses[i] for i, specs in enumerate(people) for _ in specs]
        flat = self._localize_crops(crops, flat_cameras, weights, num_aug, batch_size, on_progress)
        return [[next(flat) for _ in specs] for specs in people]

    def _localize_crops(
        self,
        crops: list[PlannedCrop],
        cameras: list[Camera],
        weights: PointWeights,
        num_aug: int,
        batch_size: int,
        on_progress: OnProgress | None,
    ) -> Iterator[LocalizedPerson]:
        """One person after the other, as soon as all variations are there."""
        points: list[Tensor] = []
        uncertainty: list[Tensor] = []
        done, person = 0, 0
        with WarpAhead(crops, self.model.heatmap_head.crop_side, self.device) as ahead:
            while done < len(crops):
                batch = crops[done : done + batch_size]
                images = ahead.batch(done, len(batch))
                try:
                    batch_points, batch_uncertainty = self._run_batch(batch, images, weights)
                except torch.OutOfMemoryError as error:
                    batch_size = self._smaller_batch(len(batch), error)
                    continue
                points.extend(batch_points)
                uncertainty.extend(batch_uncertainty)
                done += len(batch)
                if on_progress is not None:
                    on_progress(done, len(crops))
                while len(points) >= num_aug:
                    first = (torch.stack(x[:num_aug])[None] for x in (points, uncertainty))
                    yield _localized(*combine(*first), cameras[person])
                    del points[:num_aug], uncertainty[:num_aug]
                    person += 1

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
        self, batch: list[PlannedCrop], pixels: Float32Array, weights: PointWeights
    ) -> tuple[Tensor, Tensor]:
        """Points [P,N,3] in metres in camera space and uncertainties [P,N] of a batch of crops, of
        their pixels [P,3,S,S]."""
        images = torch.from_numpy(pixels).to(self.device)
        flips = [crop.augmentation.flip for crop in batch]
        output = self._predict(images, flips, weights, self._half)
        in_crop = self._placed(batch, output)
        if self._half and not (self._half_proven and torch.isfinite(in_crop).all()):
            exact = self._predict(images, flips, weights, False)
            placed = self._placed(batch, exact)
            proven = suffices(in_crop, placed, exact.uncertainty)
            self._half = self._half_proven = proven and bool(torch.isfinite(in_crop).all())
            if not self._half:  # else the first batch is as it would be later on
                output, in_crop = exact, placed
        rotations = self._stacked([crop.view.rotation for crop in batch])
        return torch.matmul(in_crop, rotations), output.uncertainty * UNCERTAINTY_SCALE

    def _placed(self, batch: list[PlannedCrop], output: HeadOutput) -> Tensor:
        """The points [P,N,3] of a batch in metres in the axes of each crop's camera."""
        head = self.model.heatmap_head
        intrinsics = self._stacked([crop.view.intrinsics for crop in batch])
        # Official models judge what is pictured by uncertainty alone; ours, which see black beyond
        # the photo, are told.
        pictured = self._pictured(batch, output.points_2d) if self.model.style.aligned else None
        return reconstruct_absolute(output, intrinsics, head.crop_side, head.stride, pictured)

    def _pictured(self, batch: list[PlannedCrop], points_2d: Tensor) -> Tensor:
        """Whether points [P,N,2] of the crops lie within the photo: [P,N]."""
        inside = []
        for crop, pixels in zip(batch, points_2d.cpu().numpy(), strict=True):
            height, width = crop.image.shape[:2]
            place = crop.camera.project(crop.view.unproject(pixels))
            inside.append(((place > -0.5) & (place < [width - 0.5, height - 0.5])).all(axis=-1))
        return torch.from_numpy(np.stack(inside)).to(self.device)

    def _predict(
        self, images: Tensor, flips: list[bool], weights: PointWeights, half: bool
    ) -> HeadOutput:
        """The head's output for a batch, read with the mirrored points where a crop is flipped."""
        with self.network_time.running():
            features = self.model.features(images, half)
            return self.model.heatmap_head.read(features, weights, flips)

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


def _localized(points: Tensor, uncertainty: Tensor, camera: Camera) -> LocalizedPerson:
    """Results [1,N,3] and [1,N] as arrays, with their pixels."""
    values = points[0].cpu().numpy()
    pixels = camera.project(values).astype(np.float32)
    return LocalizedPerson(values, uncertainty[0].cpu().numpy(), pixels)


def select_device(name: str) -> torch.device:
    """The device that is meant by auto, cpu, cuda, cuda:N or mps. UserError if it is not there."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    kind, _, number = name.partition(":")
    if kind not in available or (number and not (kind == "cuda" and number.isdigit())):
        raise UserError(
            "Unknown device", f"'{name}' is no device.", f"Choose one of {', '.join(DEVICES)}."
        )
    if not available[kind]:
        raise UserError(*_MISSING_DEVICE[kind])
    if number and int(number) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise UserError(
            "No such GPU",
            f"The worker's torch sees {count} of them, cuda:0 to cuda:{count - 1}, but no {name}.",
            "Choose one of those.",
        )
    return torch.device(name)


_MISSING_DEVICE = {
    "cuda": (
        "No NVIDIA GPU available",
        "The worker's torch sees no CUDA device.",
        "Choose auto or cpu, update the NVIDIA driver, or create the environment again on this "
        "machine so that the CUDA build of torch is installed.",
    ),
    "mps": (
        "No Apple GPU available",
        "The worker's torch sees no Metal device.",
        "Choose auto or cpu; Metal needs a Mac with Apple silicon.",
    ),
}

# SPDX-License-Identifier: GPL-3.0-or-later
"""Localizes further points of the people in a take's rows: from the features that were kept, else
from the source, cropped as the rows say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from ...protocol.files import file_sha256
from ...protocol.rows import Rows, read_chunk
from ...protocol.settings import SOURCE_CHANGED, LocalizeSettings
from ...protocol.take import TakeInfo
from ..engine import Models
from ..footage.cameras import FrameCameras
from ..footage.plan import chunk_frames
from ..footage.resume import opened_source
from ..media.footage import Footage, SourceFrame
from ..media.photo import read_photo
from ..nlf.crop_plan import CropOptions
from ..nlf.crops import CropSpec
from ..nlf.head import PointWeights
from ..nlf.localized import LocalizedPerson
from ..people.person import Frame
from ..pipeline import antialias_factor
from .features import GivenFeatures, read_features

Image = NDArray[np.uint8]
OnCrops = Callable[[int, int], None]


@dataclass(eq=False)
class RowPoints:
    """The people of a whole take; a context manager, since it may have the source open.

    moved_to: where the source is now, None for where it was.
    """

    take: Path
    info: TakeInfo
    models: Models
    settings: LocalizeSettings
    moved_to: Path | None = None
    _pictures: Pictures | None = field(default=None, init=False)
    _cameras: FrameCameras | None = field(default=None, init=False)

    def localize(self, index: int, weights: PointWeights, tell: OnCrops) -> list[LocalizedPerson]:
        """The points of this readout, `beside` each row of the take's chunk of this number.
        tell(crops done, all crops). UserError if the source is needed and is gone or changed, or if
        the take is damaged."""
        rows = self._rows(index)
        count, variations = len(rows["frame"]), self.settings.test_time_augmentations
        kept = read_features(self.take, index, count, variations) if count else None
        if kept is not None:
            source = self.info.source
            blank = np.broadcast_to(np.uint8(0), (source.height, source.width, 3))
            given = GivenFeatures(kept.reshape(-1, *kept.shape[2:]))
            return self._localized(rows, [blank] * count, weights, tell, given)
        self._pictures = self._pictures or self._opened()
        found: dict[int, LocalizedPerson] = {}
        for block in self._blocks(rows["frame"]):
            part = {name: array[block] for name, array in rows.items()}
            images = self._pictures.of(part["frame"])
            people = self._localized(part, images, weights, tell)
            found.update(zip(block.tolist(), people, strict=True))
        return [found[row] for row in range(count)]

    def _localized(
        self,
        rows: Rows,
        images: Sequence[Image],
        weights: PointWeights,
        tell: OnCrops,
        given: GivenFeatures | None = None,
    ) -> list[LocalizedPerson]:
        self._cameras = self._cameras or FrameCameras.of_take(self.take, self.info)
        specs = crops_of(self.take, rows, aligned=self.models.localizer.model.style.aligned)
        people = self.models.localizer.localize(
            images,
            [[spec] for spec in specs],
            self._cameras.at(rows["frame"]),
            self.models.point_weights,
            num_aug=self.settings.test_time_augmentations,
            batch_size=self.settings.batch_size,
            on_progress=tell,
            options=CropOptions(antialias_factor=antialias_factor(rows["box"], self.models)),
            beside=weights,
            features=given,
        )
        return [person for (person,) in people]

    def _rows(self, index: int) -> Rows:
        names = ("frame", "box", "crop") if self.info.is_footage else None
        rows = read_chunk(self.take, self.info.chunks[index], names)
        return {name: rows[name] for name in ("frame", "box", "crop") if name in rows}

    def _blocks(self, frames: NDArray[np.int64]) -> Iterator[NDArray[np.intp]]:
        """Rows in the order of their frames, so many at a time that memory holds their pictures."""
        source = self.info.source
        order = np.argsort(frames, kind="stable")
        number = np.unique(frames[order], return_inverse=True)[1]
        number //= chunk_frames(source.width, source.height)
        for block in np.unique(number):
            yield order[number == block]

    def _opened(self) -> Pictures:
        if not self.info.is_footage:
            path = self.moved_to or Path(self.info.source.path)
            return PhotoPictures(path, self.info.source.sha256)
        footage, info = opened_source(self.info, self.moved_to, False)
        return FootagePictures(footage, info)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the source."""
        if self._pictures is not None:
            self._pictures.close()


def crops_of(take: Path, rows: Rows, *, aligned: bool) -> list[CropSpec]:
    """What the model saw of each row. aligned: whether it sees turned squares. UserError if the
    rows do not have them."""
    if not aligned:
        return [CropSpec.from_box(*(float(side) for side in box)) for box in rows["box"]]
    if "crop" not in rows:
        raise UserError(
            "Take of an older version",
            f"{take} does not tell how its people were cropped.",
            "Localize its photo again, with the points.",
        )
    return [Frame.from_row(crop).crop for crop in rows["crop"]]


class Pictures:
    """The pictures of a source."""

    def of(self, frames: NDArray[np.int64]) -> list[Image]:
        """That of each frame, which ascend. UserError if one cannot be read."""
        raise NotImplementedError

    def close(self) -> None:
        """Close its files."""


class PhotoPictures(Pictures):
    """A photo, which has one."""

    def __init__(self, path: Path, sha256: str) -> None:
        """UserError if it is gone, or not what it was."""
        if not path.exists():
            raise UserError(
                "Source not found",
                f"{path} is not there any more.",
                "Put it back, or localize the photo anew.",
            )
        if file_sha256(path) != sha256:
            raise UserError(
                SOURCE_CHANGED,
                f"{path} is not what the take was made from.",
                "Put that photo back, or localize this one anew.",
            )
        self._rgb = read_photo(path).rgb

    def of(self, frames: NDArray[np.int64]) -> list[Image]:
        """The photo for each."""
        return [self._rgb] * len(frames)


class FootagePictures(Pictures):
    """Frames of footage, read on as long as they ascend."""

    def __init__(self, footage: Footage, info: TakeInfo) -> None:
        self._footage, self._source = footage, info.source
        self._frames: Iterator[SourceFrame] = iter(())
        self._next = -1  # the first frame that can be had without looking for it; -1: none

    def of(self, frames: NDArray[np.int64]) -> list[Image]:
        """Their pictures, those of one frame once. UserError if one cannot be read."""
        found = {frame: self._picture(frame) for frame in np.unique(frames).tolist()}
        return [found[frame] for frame in frames.tolist()]

    def _picture(self, index: int) -> Image:
        if not 0 <= self._next <= index:
            source = self._source
            last = source.first_frame + source.step * (source.frame_count - 1)
            self._frames = self._footage.frames(index, last, source.step)
        for frame in self._frames:
            self._next = frame.index + 1
            if frame.index == index:
                return frame.rgb
            if frame.index > index:
                break
        raise UserError(
            "Frame not readable",
            f"Frame {index} of {self._source.path} cannot be read any more.",
            "Put back the file that the take was made from, or localize this one anew.",
        )

    def close(self) -> None:
        """Close the footage."""
        self._footage.close()

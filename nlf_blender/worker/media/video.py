# SPDX-License-Identifier: GPL-3.0-or-later
"""Video files, frame by frame, from any frame on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from ...protocol.take import VIDEO
from .decoding import Decoding
from .deinterlace import CONTEXT, Deinterlacer, is_interlaced
from .footage import Footage, FootageInfo, SourceFrame
from .frame_table import FrameTable, read_table
from .media_errors import no_picture, not_opened, nothing_readable
from .upright import Upright, hdr_name

DEFAULT_FPS = 24.0
PROBED = 5  # frames by which the table of times is checked
NO_MOVING_PICTURE = Disposition.attached_pic | Disposition.timed_thumbnails
ANIMATED_PICTURES = ("gif", "apng")  # containers that not every Blender plays
Shown = tuple[int, av.VideoFrame, av.VideoFrame]  # index, what to show, what the decoder gave


class VideoFootage(Footage):
    """A video file. Each `frames` opens it anew, so that nothing is held open in between."""

    def __init__(self, path: Path) -> None:
        """UserError if the file cannot be opened, has no moving pictures or none is readable."""
        super().__init__()
        self._path = path
        try:
            with av.open(str(path)) as container:
                stream = _stream_of(container, path)
                self._stream_index = stream.index
                self._table = read_table(path, stream.index)
                self._look_at(container, stream, self._first_frames())
        except (av.FFmpegError, OSError) as error:
            raise not_opened(path, error) from error

    def _first_frames(self) -> list[av.VideoFrame]:
        """A few of the first frames that can be decoded, in presentation order."""
        decoding = Decoding(self._path, self._stream_index, self._table, by_time=False)
        with closing(decoding.frames(0)) as frames:
            return [frame for _, frame in itertools.islice(frames, PROBED)]

    def _look_at(
        self, container: InputContainer, stream: VideoStream, first_frames: list[av.VideoFrame]
    ) -> None:
        if not first_frames:
            raise nothing_readable(self._path)
        frame = self._template = first_frames[0]
        self._by_time = _agree(self._table, first_frames)
        self._interlaced = is_interlaced(stream, frame)
        self._upright = Upright(frame, stream.sample_aspect_ratio)
        rate = self._table.mean_rate(stream.average_rate) if self._by_time else stream.guessed_rate
        turned, scaled = self._upright.is_turned, self._upright.is_scaled
        self.info = FootageInfo(
            kind=VIDEO,
            path=self._path,
            width=self._upright.size[0],
            height=self._upright.size[1],
            frame_count=self._table.packets,
            exact=self._by_time,
            fps=float(rate or DEFAULT_FPS),
            as_stored=not (turned or scaled or container.format.name in ANIMATED_PICTURES),
            notes=tuple(self._notes(frame)),
        )

    def _notes(self, frame: av.VideoFrame) -> Iterator[str]:
        if self._upright.is_scaled:
            yield "Its pixels are not square: the pictures were widened to what it shows."
        if self._interlaced:
            yield "It is interlaced: its fields were joined into whole pictures."
        if hdr_name(frame):
            yield f"It is HDR ({hdr_name(frame)}): its colours were taken to an ordinary display's."

    def close(self) -> None:
        """Nothing is held open."""

    def _frames(self, first: int, last: int | None, step: int) -> Iterator[SourceFrame]:
        decoding = Decoding(self._path, self._stream_index, self._table, self._by_time)
        expected = first
        with closing(self._shown(decoding, first)) as shown:
            for index, frame, decoded in shown:
                while expected < index and (last is None or expected <= last):
                    self.missing.append(expected)
                    expected += step
                if index == expected and (last is None or expected <= last):
                    rgb = self._upright.picture(frame, decoded)
                    yield SourceFrame(index, self.seconds(index), rgb)
                    expected += step
                if last is not None and expected > last:
                    break
        self._note_end(expected, last, step, decoding.error)

    def _shown(self, decoding: Decoding, first: int) -> Iterator[Shown]:
        """Frames from `first` or earlier on, deinterlaced, until their size changes."""
        fields = (
            Deinterlacer[tuple[int, av.VideoFrame]](self._template) if self._interlaced else None
        )
        with closing(decoding.frames(max(first - CONTEXT, 0) if fields else first)) as frames:
            for index, frame in frames:
                if (frame.width, frame.height) != self._upright.stored:
                    self.broken = self._size_change(index, frame)
                    break
                if fields is None:
                    yield index, frame, frame
                    continue
                for whole, (its_index, decoded) in fields.push(frame, (index, frame)):
                    yield its_index, whole, decoded
        if fields is not None:
            for whole, (its_index, decoded) in fields.flush():
                yield its_index, whole, decoded

    def _size_change(self, index: int, frame: av.VideoFrame) -> str:
        width, height = self._upright.stored
        return (
            f"{self._path.name} changes from {width} x {height} to {frame.width} x {frame.height}"
            f" pixels at frame {index}; what follows was left out."
        )

    def _note_end(self, expected: int, last: int | None, step: int, error: str) -> None:
        """Say so if frames are lacking at the end."""
        if self.broken:  # by a change of size
            return
        name, ends = self._path.name, self._table.ends
        reason = f": {error or 'it ' + ends}" if error or ends else ""
        counted = last is not None and self.info.exact
        if expected <= last if counted else reason:
            self.broken = f"{name} cannot be read from frame {expected} on{reason}."
        elif ends and (last is None or last + step >= self.info.frame_count):
            self.broken = f"{name} {ends}."

    def seconds(self, index: int) -> float:
        """As the container says, where its times can be told apart."""
        return self._table.seconds(index) if self._by_time else super().seconds(index)


def _stream_of(container: InputContainer, path: Path) -> VideoStream:
    """The stream of moving pictures that players show: no cover, the default one first."""
    streams = [s for s in container.streams.video if not s.disposition & NO_MOVING_PICTURE]
    streams.sort(key=lambda s: not s.disposition & Disposition.default)
    if not streams:
        raise no_picture(path)
    return streams[0]


def _agree(table: FrameTable, first_frames: list[av.VideoFrame]) -> bool:
    """Whether the table has these frames one after the other. It has not if fields of a frame
    are packets of their own; then only counting tells a frame's index."""
    indices = [table.index_of(frame.pts) for frame in first_frames]
    first = indices[0]
    return first is not None and indices == list(range(first, first + len(indices)))

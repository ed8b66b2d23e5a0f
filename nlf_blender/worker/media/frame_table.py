# SPDX-License-Identifier: GPL-3.0-or-later
"""When each frame of a video is shown: found from its packets alone, without decoding one.

A container stores packets in decoding order, each with the time at which its frame is shown. Sorted
by that time they are the frames in presentation order, so a frame's index is the rank of its time,
whatever the rate does, wherever decoding began and in whatever order pictures are stored.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from .mp4_offsets import composition_offsets

SHOWN_IN_VP8 = 0x10  # show_frame in the first byte of a frame's header (RFC 6386, section 9.1)
CHECKED = 50  # packets that the container's index must agree with
STEADY = 0.005  # the mean rate may differ from the declared one by so much


@dataclass(frozen=True, eq=False)
class FrameTable:
    """The frames of a video in presentation order.

    times [N], int64: when each is shown, in units of time_base; empty if packets do not say;
    keys [K], int64: the times of those that decoding can begin at; packets: how many were
    found; ends: how it ends too early, as the rest of a sentence about the file, or "".
    """

    times: NDArray[np.int64]
    keys: NDArray[np.int64]
    time_base: Fraction
    packets: int
    ends: str = ""

    def index_of(self, time: int | None) -> int | None:
        """The index of the frame that is shown at this time; None if none is."""
        if time is None or not len(self.times):
            return None
        index = int(np.searchsorted(self.times, time))
        return index if index < len(self.times) and self.times[index] == time else None

    def seconds(self, index: int) -> float:
        """When a frame is shown, in seconds since the first."""
        return float(int(self.times[index] - self.times[0]) * self.time_base)

    def keys_before(self, index: int) -> list[int]:
        """Indices of frames that decoding of this one may begin at, the nearest first."""
        end = int(np.searchsorted(self.keys, self.times[index], side="right"))
        return [int(i) for i in np.searchsorted(self.times, self.keys[:end][::-1])]

    def mean_rate(self, declared: Fraction | None) -> float | None:
        """Frames a second: as declared if that is the times' mean or usual rate, else their
        mean."""
        if len(self.times) < 2:
            return float(declared) if declared else None
        steps = np.diff(self.times)
        for step in (float(steps.mean()), float(np.median(steps))):  # a few may be lost
            if declared and abs(step * float(self.time_base * declared) - 1) < STEADY:
                return float(declared)
        return 1 / float(self.time_base) / float(steps.mean())


def read_table(path: Path, stream_index: int) -> FrameTable:
    """The table of one video stream. FFmpegError if the file cannot be opened."""
    with av.open(str(path)) as container:
        stream = cast(VideoStream, container.streams[stream_index])
        declared = _declared_frames(stream)
        indexed = _indexed(container, stream, declared)
        if indexed is not None:
            return indexed
    with av.open(str(path)) as container:
        stream = cast(VideoStream, container.streams[stream_index])
        rows, ends = _read_packets(container, stream)
        if not ends and len(rows) < declared:
            ends = f"ends after {len(rows)} of {declared} frames"
        return _table(rows, stream.time_base or Fraction(1), ends)


def _declared_frames(stream: VideoStream) -> int:
    """How many frames the header of the file promises; 0 if it does not."""
    if stream.frames:
        return stream.frames
    duration = next((v for k, v in stream.metadata.items() if k.startswith("DURATION")), "")
    try:  # Matroska's tag of a stream, "hours:minutes:seconds"
        hours, minutes, seconds = (float(part) for part in duration.split(":"))
    except ValueError:
        return 0
    rate = float(stream.average_rate or 0)
    return int((hours * 3600 + minutes * 60 + seconds) * rate * (1 - STEADY)) - 1


def _indexed(container: InputContainer, stream: VideoStream, declared: int) -> FrameTable | None:
    """The table from the container's own index, which saves reading huge files; None where that
    is not all. What it gives is checked against the first packets."""
    entries, path = stream.index_entries, Path(container.name)
    if not declared or len(entries) != declared or stream.time_base is None:
        return None
    size, found = path.stat().st_size, entries[:]
    if any(entry.pos + entry.size > size or entry.is_discard for entry in found):
        return None
    times = np.array([entry.timestamp for entry in found], dtype=np.int64)
    if stream.codec_context.codec.reorder:  # the index has decoding times
        offsets = composition_offsets(path, stream.id, declared)
        if offsets is None:
            return None
        times += offsets
    first = [packet.pts for packet in itertools.islice(shown_packets(container, stream), CHECKED)]
    if not first or None in first:
        return None
    times += first[0] - times[0]
    if first != times[: len(first)].tolist():
        return None
    keys = np.array([entry.is_keyframe for entry in found], dtype=bool)
    return _table(list(zip(times.tolist(), keys.tolist(), strict=True)), stream.time_base, "")


def _read_packets(
    container: InputContainer, stream: VideoStream
) -> tuple[list[tuple[int | None, bool]], str]:
    """(presentation time, whether a key) of every packet that is shown, and why there are no more
    if the file is damaged."""
    rows: list[tuple[int | None, bool]] = []
    try:
        for packet in shown_packets(container, stream):
            rows.append((packet.pts, packet.is_keyframe))
    except av.FFmpegError as error:
        return rows, f"cannot be read after {len(rows)} frames: {error.strerror}"
    return rows, ""


def shown_packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """The packets of a stream that become a frame each."""
    is_vp8 = stream.codec_context.name == "vp8"
    for packet in container.demux(stream):
        hidden = is_vp8 and packet.size and not memoryview(packet)[0] & SHOWN_IN_VP8
        if packet.size and not packet.is_discard and not hidden:
            yield packet


def _table(rows: list[tuple[int | None, bool]], time_base: Fraction, ends: str) -> FrameTable:
    empty = np.empty(0, np.int64)
    known = [(time, key) for time, key in rows if time is not None]
    times = np.array(sorted(time for time, _ in known), dtype=np.int64)
    if len(known) < len(rows) or (np.diff(times) <= 0).any():
        return FrameTable(empty, empty, time_base, len(rows), ends)
    keys = np.array(sorted(time for time, key in known if key), dtype=np.int64)
    return FrameTable(times, keys, time_base, len(rows), ends)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Decoded frames of a video file from any frame on, each with its index."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import av
from av.packet import Packet
from av.video.stream import VideoStream

from .frame_table import FrameTable, shown_packets

MOST_STARTS = 4  # keys that are tried before a frame; then decoding begins at the file's start
MOST_DOUBTFUL = 300  # frames after a failure; pictures that build up slowly are whole by then
MOST_DELAYED_ERRORS = 64  # a decoder with several threads may still hold so many at the end
VideoPackets = Iterator["Packet[VideoStream]"]


class Decoding:
    """One way through a video. error: the last that the decoder or the file gave, or "".

    by_time: find a frame's index in the table, by the time that it is shown at; otherwise decode
    from the file's start and count.
    """

    def __init__(self, path: Path, stream_index: int, table: FrameTable, by_time: bool) -> None:
        self._path, self._stream_index = path, stream_index
        self._table, self._by_time = table, by_time
        self.error = ""
        self._doubtful = 0  # frames that are not to be trusted

    def frames(self, first: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Whole frames and their indices, in presentation order, from `first` or one before it."""
        for key in self._keys_before(first):
            with av.open(str(self._path)) as container:
                stream = cast(VideoStream, container.streams[self._stream_index])
                stream.thread_type = "AUTO"
                if key is not None:
                    container.seek(int(self._table.times[key]), stream=stream)
                packets = shown_packets(container, stream)
                if key is not None:
                    packets = self._from_key(packets, first)
                if packets is None:
                    continue
                labelled = self._labelled(stream, packets)
                begin = next(labelled, None)
                if begin is None or (begin[0] > first and key is not None):
                    continue  # its neighbourhood is damaged, or the picture builds up slowly
                yield begin
                yield from labelled
                return

    def _keys_before(self, first: int) -> list[int | None]:
        """Where to begin: the nearest key first, the file's start (None) last."""
        if not self._by_time or not first:
            return [None]
        keys = [key for key in self._table.keys_before(first)[:MOST_STARTS] if key]
        return [*keys, None]

    def _from_key(self, packets: VideoPackets, first: int) -> VideoPackets | None:
        """The packets from the first key on; None if the container went past frame `first`."""
        try:
            key = next((packet for packet in packets if packet.is_keyframe), None)
        except av.FFmpegError:
            return None
        # In some old formats times that are read from the middle on are not those of the table.
        if key is None or self._table.index_of(key.pts) not in self._table.keys_before(first):
            return None
        return itertools.chain([key], packets)

    def _labelled(
        self, stream: VideoStream, packets: VideoPackets
    ) -> Iterator[tuple[int, av.VideoFrame]]:
        newest = -1
        for counted, frame in enumerate(self._decoded(stream, packets)):
            index = self._table.index_of(frame.pts) if self._by_time else counted
            if self._is_doubtful(frame) or index is None or index <= newest:
                continue
            newest = index
            yield index, frame

    def _is_doubtful(self, frame: av.VideoFrame) -> bool:
        """Whether a frame is damaged, or may build on one that is: after a failure decoders make
        up what they lack, until the next frame that stands for itself."""
        if frame.is_corrupt:
            self._doubtful = MOST_DOUBTFUL
        elif frame.key_frame:
            self._doubtful = 0
        self._doubtful -= self._doubtful > 0
        return self._doubtful > 0

    def _decoded(self, stream: VideoStream, packets: VideoPackets) -> Iterator[av.VideoFrame]:
        """All frames that the decoder gives; what it refuses is passed over."""
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                self.error, packet = _reason(error), None
            if packet is None:
                break
            if packet.is_corrupt:
                yield from self._rest(stream)
                stream.codec_context.flush_buffers()
                self._doubtful = MOST_DOUBTFUL
                continue
            try:
                frames = stream.decode(packet)
            except av.FFmpegError as error:
                self.error, frames = _reason(error), []
                self._doubtful = MOST_DOUBTFUL
            yield from frames
        yield from self._rest(stream)

    def _rest(self, stream: VideoStream) -> Iterator[av.VideoFrame]:
        """The frames that the decoder still holds."""
        for _ in range(MOST_DELAYED_ERRORS):
            try:
                yield from stream.decode(None)
                return
            except av.EOFError:
                return
            except av.FFmpegError as error:
                self.error = _reason(error)


def _reason(error: av.FFmpegError) -> str:
    return error.strerror or str(error)

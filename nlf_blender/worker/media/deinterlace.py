# SPDX-License-Identifier: GPL-3.0-or-later
"""Interlaced video as whole pictures, one for every frame that went in."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import av
from av.video.stream import VideoStream

INTERLACED_ORDERS = (2, 3, 4, 5)  # tt, bb, tb, bt in libavcodec's numbering of field orders
CONTEXT = 3  # frames before one that its picture depends on, generously

Label = TypeVar("Label")


class Deinterlacer(Generic[Label]):
    """libavfilter's bwdif: fields that were taken apart in time are completed from their
    neighbours in space and time. Frames that are not marked as interlaced pass as they are."""

    def __init__(self, template: av.VideoFrame) -> None:
        self._graph = av.filter.Graph()
        self._graph.threads = 1
        source = self._graph.add_buffer(
            width=template.width,
            height=template.height,
            format=template.format,
            time_base=template.time_base,
        )
        bwdif = self._graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        self._graph.link_nodes(source, bwdif, self._graph.add("buffersink")).configure()
        self._labels: deque[Label] = deque()

    def push(self, frame: av.VideoFrame, label: Label) -> list[tuple[av.VideoFrame, Label]]:
        """Frames that are ready now, in order, with the labels that they were pushed with."""
        self._labels.append(label)
        self._graph.vpush(frame)
        return self._ready()

    def flush(self) -> list[tuple[av.VideoFrame, Label]]:
        """The frames still inside; none can be pushed afterwards."""
        self._graph.vpush(None)
        return self._ready()

    def _ready(self) -> list[tuple[av.VideoFrame, Label]]:
        ready: list[tuple[av.VideoFrame, Label]] = []
        while self._labels:
            try:
                ready.append((self._graph.vpull(), self._labels.popleft()))
            except (av.BlockingIOError, av.EOFError):
                break
        return ready


def is_interlaced(stream: VideoStream, frame: av.VideoFrame) -> bool:
    """Whether the stream or its first frame says that fields were taken apart in time."""
    return bool(frame.interlaced_frame) or stream.codec_context.field_order in INTERLACED_ORDERS

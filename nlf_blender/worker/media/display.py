# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of footage for programs that would not show the same picture: upright, square pixels."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.video.reformatter import ColorRange

from .footage import FootageInfo, SourceFrame
from .upright import BT709

OPTIONS = {
    "crf": "20",
    "preset": "veryfast",
    "g": "24",  # keys are near, so that scrubbing is quick
    # The encoder's bytes depend on these: on how many threads there are, on the processor, and in
    # mbtree on where in memory a frame happens to lie.
    "threads": "4",
    "x264-params": "cpu-independent=1:mbtree=0",
}


class DisplayCopy:
    """An H.264 file in the making: the frames that it is given, one after the other.

    Its rate is constant, the source's mean, since Blender finds frames by their time: so the n-th
    that was added is the n-th that Blender shows, whatever the times of the source. The file
    appears under its name once it is whole. The same frames give the same bytes. Use it as a
    context manager: an exception leaves no file behind.
    """

    def __init__(self, path: Path, info: FootageInfo) -> None:
        """OSError if the disk refuses, then and later."""
        self._path = path
        self._unfinished = path.with_name(path.name + ".part")
        self._count = 0
        self._container = av.open(str(self._unfinished), "w", format="mp4")
        self._rate = Fraction(info.fps).limit_denominator(1001)
        self._stream = self._container.add_stream("libx264", rate=self._rate, options=OPTIONS)
        self._stream.width, self._stream.height = info.width, info.height
        odd = info.width % 2 or info.height % 2  # H.264 with halved colour has even sizes alone
        self._stream.pix_fmt = "yuv444p" if odd else "yuv420p"
        coder = self._stream.codec_context
        coder.color_range = ColorRange.MPEG
        coder.colorspace = coder.color_primaries = coder.color_trc = BT709

    def add(self, frame: SourceFrame) -> None:
        """Append a frame."""
        picture = av.VideoFrame.from_ndarray(frame.rgb, format="rgb24").reformat(
            format=self._stream.pix_fmt, dst_colorspace=BT709, dst_color_range=ColorRange.MPEG
        )
        picture.pts, picture.time_base = self._count, 1 / self._rate
        self._count += 1
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Finish the file and give it its name. Without any frame there is none."""
        if not self._count:
            self._give_up()
            return
        self._container.mux(self._stream.encode())
        self._container.close()
        self._unfinished.replace(self._path)

    def _give_up(self) -> None:
        self._container.close()
        self._unfinished.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self._give_up()

# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames decoded in a thread of their own while those before them are worked on."""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from .footage import SourceFrame

LONGEST_CLOSE_SECONDS = 10.0  # the thread ends after the frame that it is at


class ReadAhead:
    """An iterator over frames that another iterator gives, at most so many bytes ahead.

    What goes wrong there is raised here, in its place. Close it, or use it as a context manager;
    if it is forgotten, its thread ends all the same. waited: seconds that the caller waited.
    """

    def __init__(self, frames: Iterator[SourceFrame], limit_bytes: int) -> None:
        """limit_bytes: of pixels decoded ahead; one frame is, however large."""
        self.waited = 0.0
        self._store = _Store(limit_bytes)
        self._thread = threading.Thread(
            target=_fill, args=(frames, self._store), name="read ahead", daemon=True
        )
        weakref.finalize(self, self._store.stop)
        self._thread.start()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> SourceFrame:
        began = time.perf_counter()
        try:
            return self._store.take()
        finally:
            self.waited += time.perf_counter() - began

    def close(self) -> None:
        """Stop decoding, and let go of what was decoded ahead."""
        self._store.stop()
        self._thread.join(LONGEST_CLOSE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Store:
    """Frames between two threads. Knows nothing of either, so that neither keeps the other."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._frames: deque[SourceFrame] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._ended = self._stopped = False
        self._error: Exception | None = None

    def put(self, frame: SourceFrame) -> bool:
        """Add a frame once there is room; whether more are wanted."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._has_room(frame.rgb.nbytes))
            if not self._stopped:
                self._frames.append(frame)
                self._bytes += frame.rgb.nbytes
                self._changed.notify_all()
            return not self._stopped

    def _has_room(self, size: int) -> bool:
        return not self._frames or self._bytes + size <= self._limit

    def end(self, error: Exception | None) -> None:
        """Note that no frame follows, and why."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def take(self) -> SourceFrame:
        """The next frame, as soon as it is there. StopIteration, or the error, if none comes."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._ended or self._stopped)
            if self._frames:
                frame = self._frames.popleft()
                self._bytes -= frame.rgb.nbytes
                self._changed.notify_all()
                return frame
            error, self._error = self._error, None
            raise StopIteration if error is None else error

    def stop(self) -> None:
        """Want no more."""
        with self._changed:
            self._stopped = True
            self._frames.clear()
            self._bytes = 0
            self._changed.notify_all()


def _fill(frames: Iterator[SourceFrame], store: _Store) -> None:
    error: Exception | None = None
    try:
        for frame in frames:
            if not store.put(frame):
                break
            del frame
    except Exception as failure:  # noqa: BLE001 - whatever it is, the other thread raises it
        error = failure
    finally:
        close = getattr(frames, "close", None)
        if close is not None:
            close()
        store.end(error)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames on their way: read ahead in a thread, in constant memory; cuts; copies for display."""

from __future__ import annotations

import gc
import threading
import time
import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from nlf_blender.worker.media.cuts import CutDetector
from nlf_blender.worker.media.display import DisplayCopy
from nlf_blender.worker.media.read_ahead import ReadAhead
from nlf_blender.worker.media.source import SourceFrame, open_footage
from tests.footage_files import number_in, write_video

PIXELS = np.zeros((10, 10, 3), np.uint8)


class Counted:
    """Frames of 300 bytes, which knows how many were taken and whether it was closed."""

    def __init__(self, count: int, fails_at: int = -1) -> None:
        self.taken, self.closed = 0, threading.Event()
        self._count, self._fails_at = count, fails_at

    def frames(self) -> Iterator[SourceFrame]:
        """The frames."""
        try:
            for index in range(self._count):
                if index == self._fails_at:
                    raise OSError("the disk is gone")
                self.taken += 1
                yield SourceFrame(index, index / 24, PIXELS.copy())
        finally:
            self.closed.set()


def settled(source: Counted) -> int:
    """How many frames were taken once no more are."""
    before = -1
    while source.taken != before:
        before = source.taken
        time.sleep(0.05)
    return before


def test_frames_come_in_order_and_only_so_far_ahead() -> None:
    source = Counted(50)
    with ReadAhead(source.frames(), limit_bytes=1500) as ahead:
        assert settled(source) == 6  # five wait, and one that has no room
        assert [frame.index for frame in ahead] == list(range(50))
        assert next(ahead, None) is None
    assert source.closed.is_set()


def test_one_frame_fits_always() -> None:
    with ReadAhead(Counted(3).frames(), limit_bytes=1) as ahead:
        assert [frame.index for frame in ahead] == [0, 1, 2]


def test_failures_are_raised_in_their_place() -> None:
    with ReadAhead(Counted(9, fails_at=4).frames(), 10_000) as ahead:
        assert [next(ahead).index for _ in range(4)] == [0, 1, 2, 3]
        with pytest.raises(OSError, match="the disk is gone"):
            next(ahead)
        assert next(ahead, None) is None


def test_the_thread_ends_when_it_is_left() -> None:
    def leave() -> None:
        with ReadAhead(closed.frames(), 1000) as ahead:
            next(ahead)
            raise KeyboardInterrupt

    closed, forgotten = Counted(10_000), Counted(10_000)
    with pytest.raises(KeyboardInterrupt):
        leave()
    assert closed.closed.is_set() and closed.taken < 10
    ahead = ReadAhead(forgotten.frames(), 1000)
    next(ahead)
    del ahead
    gc.collect()
    assert forgotten.closed.wait(5)
    deadline = time.monotonic() + 5
    while any(t.name == "read ahead" for t in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_waiting_is_measured() -> None:
    def slow() -> Iterator[SourceFrame]:
        for index in range(3):
            time.sleep(0.05)
            yield SourceFrame(index, 0.0, PIXELS)

    with ReadAhead(slow(), 1000) as ahead:
        list(ahead)
        assert 0.1 < ahead.waited < 2
    with ReadAhead(Counted(3).frames(), 1000) as ahead:
        for _ in ahead:
            time.sleep(0.05)
        assert ahead.waited < 0.05


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        with open_footage(write_video(tmp_path / f"{count}.mp4", count)) as footage:
            tracemalloc.start()
            with ReadAhead(footage.frames(), 200_000) as ahead:
                assert sum(1 for _ in ahead) == count
            used = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return used

    short = peak(50)
    assert peak(500) < short + 100_000  # 450 frames of this size are 8.3 MB


def view(seed: int, x: float, y: float, zoom: float = 1.0, turn: float = 0.0) -> np.ndarray:
    """What a camera sees of a made-up room: uint8 [180,320,3]."""
    random = np.random.default_rng(seed)
    room = np.zeros((400, 640, 3), np.float32)
    for size in (8, 20, 50):
        rough = random.normal(size=(400 // size, 640 // size, 3)).astype(np.float32)
        room += cv2.resize(rough, (640, 400), interpolation=cv2.INTER_CUBIC) * 25
    for _ in range(25):
        corner = random.integers(0, (600, 360))
        opposite = corner + random.integers(10, 120, 2)
        colour = random.uniform(-90, 90, 3)
        cv2.rectangle(room, corner.tolist(), opposite.tolist(), colour.tolist(), -1)
    matrix = cv2.getRotationMatrix2D((320 + x, 200 + y), turn, zoom)
    matrix[:, 2] += (160 - 320 - x, 90 - 200 - y)
    seen = cv2.warpAffine(room + 120, matrix, (320, 180), borderMode=cv2.BORDER_REFLECT)
    return np.clip(seen + random.normal(size=seen.shape) * 4, 0, 255).astype(np.uint8)


def cuts_in(pictures: list[np.ndarray]) -> list[int]:
    """The indices of frames that begin a shot."""
    detector = CutDetector()
    return [i for i, picture in enumerate(pictures) if detector.is_cut(picture)]


def test_cuts_are_found_and_only_cuts() -> None:
    shots = [[view(seed, 3 * i, i, 1 + 0.01 * i, 0.4 * i) for i in range(10)] for seed in range(8)]
    assert cuts_in([picture for shot in shots for picture in shot]) == list(range(10, 80, 10))


def test_another_angle_of_the_same_room_is_a_cut() -> None:
    shots = [view(3, -120 + i, -40) for i in range(8)] + [view(3, 120, 40 + i) for i in range(8)]
    assert cuts_in(shots) == [8]


def test_what_is_no_cut() -> None:
    still = [view(1, 2 * i, 0) for i in range(12)]
    flash = [p.copy() for p in still]
    flash[4] = np.clip(flash[4] * 2.5 + 60.0, 0, 255).astype(np.uint8)
    flash[8][:] = 255
    black = [p.copy() for p in still]
    black[5][:] = 0
    fade = [(p * max(0.0, abs(i - 6) / 6)).astype(np.uint8) for i, p in enumerate(still)]
    pan = [view(1, -130 + 22 * i, 0) for i in range(12)]
    other = view(2, 0, 0)
    dissolve = [cv2.addWeighted(p, 1 - i / 11, other, i / 11, 0) for i, p in enumerate(still)]
    walker = [p.copy() for p in still]
    for i, picture in enumerate(walker):
        picture[20:, 20 * i : 20 * i + 90] = other[20:, 100:190]
    for name, pictures in {
        "still": still, "flash": flash, "black": black, "fade": fade, "pan": pan,
        "dissolve": dissolve, "walker": walker,
    }.items():  # fmt: skip
        assert cuts_in(pictures) == [], name


def test_a_resumed_search_goes_on_as_before() -> None:
    pictures = [view(seed, 5 * i, 0) for seed in (1, 2, 3) for i in range(6)]
    whole = CutDetector()
    expected = [whole.is_cut(picture) for picture in pictures]
    for begin in range(4, 17):
        resumed = CutDetector()
        for picture in pictures[max(begin - CutDetector.CONTEXT, 0) : begin]:
            resumed.is_cut(picture)
        assert [resumed.is_cut(picture) for picture in pictures[begin:]] == expected[begin:]


@pytest.mark.parametrize("options", [{"rotation": 90}, {"pixel_aspect": Fraction(35, 33)}])
def test_a_display_copy_shows_the_same(tmp_path: Path, options: dict[str, object]) -> None:
    times = [0.0, 0.04, 0.1, 0.11, 0.3, 0.37, 0.5, 0.9]
    path = write_video(tmp_path / "clip.mp4", times=times, **options)
    copies = [tmp_path / "one.mp4", tmp_path / "two.mp4"]
    with open_footage(path) as footage:
        for copy in copies:
            with DisplayCopy(copy, footage.info) as display:
                for frame in footage.frames(1):
                    display.add(frame)
        original = list(footage.frames(1))
    assert copies[0].read_bytes() == copies[1].read_bytes()
    with open_footage(copies[0]) as copied:
        frames = list(copied.frames())
        assert copied.info.as_stored
        assert (copied.info.width, copied.info.height) == original[0].rgb.shape[1::-1]
        rate = footage.info.fps
    assert [f.time for f in frames] == pytest.approx([i / rate for i in range(7)], abs=1e-4)
    for one, other in zip(original, frames, strict=True):
        assert np.abs(one.rgb.astype(int) - other.rgb).mean() < 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", "one.mp4", "two.mp4"]


def test_a_display_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with open_footage(path) as footage, DisplayCopy(tmp_path / "copy.mp4", footage.info) as to:
            to.add(next(footage.frames()))
            raise OSError("no space left")

    path = write_video(tmp_path / "clip.mp4", 6)
    with pytest.raises(OSError, match="no space left"):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_display_copy_is_plain_h264(tmp_path: Path) -> None:
    copy, footage = tmp_path / "copy.mp4", open_footage(write_video(tmp_path / "clip.mp4", 6))
    with footage, DisplayCopy(copy, footage.info) as display:
        for frame in footage.frames():
            display.add(frame)
    with av.open(str(copy)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == 24
        assert [number_in(f.to_ndarray(format="rgb24")) for f in container.decode(stream)] == [
            *range(6)
        ]

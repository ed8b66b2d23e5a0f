# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory does not grow with the length of a clip."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from nlf_blender.protocol.messages import FOOTAGE
from nlf_blender.worker.footage.job import localize_footage
from nlf_blender.worker.progress import Progress
from tests.footage_files import write_video
from tests.worker.footage_fakes import CPU, DiscEngine, standing

resource = pytest.importorskip("resource", reason="the system does not tell a process its memory")

SETTLED = 160  # frames: five chunks, by which all that a job needs was taken once
FRAMES = 608


def growth(clip: Path, out: Path, answer: multiprocessing.SimpleQueue) -> None:
    """Localize a clip and tell how much more memory this process held at any time in all than up to
    frame SETTLED, in bytes; the clean-up is not counted."""
    peaks = {True: 0, False: 0}

    def note(stage: str, done: int, *_others: object) -> None:
        if stage == FOOTAGE:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            peaks[done <= SETTLED] = peak

    localize_footage(clip, out, CPU, DiscEngine(), Progress(note))
    answer.put(peaks[False] - peaks[True])


def test_memory_is_that_of_some_chunks(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "walk.mp4", FRAMES)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    answer = context.SimpleQueue()
    process = context.Process(target=growth, args=(clip, tmp_path, answer))
    process.start()
    grown = answer.get()
    process.join()
    # x, y, z and uncertainty of all further frames take twice as much; how many chunks wait to be
    # written at a time, of 7 MB each, is up to the disk
    assert grown < (FRAMES - SETTLED) * len(standing()) * 4 * 4 / 2

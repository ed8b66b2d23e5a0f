# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory does not grow with the length of a clip."""

from __future__ import annotations

import contextlib
import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest

from nlf_blender.protocol.messages import FOOTAGE
from nlf_blender.protocol.take import WHOLE, read_info
from nlf_blender.worker.footage.job import localize_footage
from nlf_blender.worker.progress import Cancelled, Progress
from tests.footage_files import write_video
from tests.worker.footage_fakes import CPU, DiscEngine, standing

resource = pytest.importorskip("resource", reason="the system does not tell a process its memory")


def peak_memory(clip: Path, out: Path, last: int, answer: multiprocessing.SimpleQueue) -> None:
    """Localize frames up to `last` and tell the most memory that this process held until they were
    all localized, in bytes."""
    peak = [0]

    def note(stage: str, *_others: object) -> None:
        if stage == FOOTAGE:
            peak[0] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def over() -> bool:
        whole = next(out.glob("*.take/take.json"), None)
        return whole is not None and read_info(whole.parent).state == WHOLE

    progress = Progress(note, is_cancelled=over)
    with contextlib.suppress(Cancelled):
        localize_footage(clip, out, replace(CPU, last_frame=last), DiscEngine(), progress)
    answer.put(peak[0])


def test_memory_is_that_of_some_chunks(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "walk.mp4", 352)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    peaks = []
    for last in (95, 351):
        answer = context.SimpleQueue()
        process = context.Process(
            target=peak_memory, args=(clip, tmp_path / str(last), last, answer)
        )
        process.start()
        peaks.append(answer.get())
        process.join()
    # Everything of the further frames takes three times as much: x, y, z and uncertainty
    further = 256 * len(standing()) * 4 * 4
    assert peaks[1] - peaks[0] < further / 3

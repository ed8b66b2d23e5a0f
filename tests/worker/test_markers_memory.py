# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory does not grow with the length of a clip when its point sets are cleaned up."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from nlf_blender.body.body_data import BodyData
from nlf_blender.worker.markers.attachment import Attachment, attached_body
from nlf_blender.worker.motion.points import PointsPart, write_points
from nlf_blender.worker.motion.points_files import write_doubt
from nlf_blender.worker.motion.points_source import PointsTask
from tests.body_examples import small_body
from tests.worker.test_motion_points import motion_of

resource = pytest.importorskip("resource", reason="the system does not tell a process its memory")

POINTS = 12000
SHORT, LONG = 256, 1024
FRAME_BYTES = POINTS * 4 * 4  # x, y, z and uncertainty


class MadeRows:
    """A person's rows, made as they are asked for."""

    def read(self, name: str, at: np.ndarray, columns: slice) -> np.ndarray:
        shape = (len(at), columns.stop, 3) if name == "points" else (len(at), columns.stop)
        return np.full(shape, 0.1, np.float32)


def points_body() -> BodyData:
    """A body of as many points, all at the first vertices of another."""
    index = np.tile(np.arange(4), (POINTS, 1))
    share, offset = np.full((POINTS, 4), 0.25), np.zeros((POINTS, 3))
    return attached_body(small_body(), Attachment(index, share, offset, np.zeros(POINTS)))


def clean_up(folder: Path, frames: int) -> int:
    """Clean a set up: the most memory that this process ever held, bytes."""
    body = points_body()
    motion = motion_of(body, frames)
    world = np.broadcast_to(np.eye(4), (frames, 4, 4))
    task = PointsTask(motion, motion, motion.evidence, world, 0.5)
    part = PointsPart(folder / f"set_{frames}.npy", body, MadeRows())
    write_points([part], task, "cpu", lambda done: None)
    write_doubt(folder / f"doubt_{frames}.npy", task, MadeRows(), POINTS)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def growth(folder: Path, answer: multiprocessing.SimpleQueue) -> None:
    """How much more memory a long clip takes than a short one."""
    short = clean_up(folder, SHORT)
    answer.put(clean_up(folder, LONG) - short)


def test_a_long_clip_takes_no_more_memory(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    answer = context.SimpleQueue()
    process = context.Process(target=growth, args=(tmp_path, answer))
    process.start()
    grown = answer.get()
    process.join()
    assert (tmp_path / f"set_{LONG}.npy").stat().st_size > LONG * POINTS * 12
    assert grown < (LONG - SHORT) * FRAME_BYTES / 3

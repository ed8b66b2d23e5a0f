# SPDX-License-Identifier: GPL-3.0-or-later
"""Chunks are fitted and written beside the job, which hears of what goes wrong there."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from nlf_blender.errors import UserError
from nlf_blender.protocol.rows import Rows
from nlf_blender.worker.footage.writer import Chunk, ChunkWriter

FULL = UserError("The GPU's memory is full", "No fit fits into it.", "Close other programs.")


@dataclass(frozen=True)
class Info:
    """Stands in for what take.json says."""

    notes: tuple[str, ...] = ()


def test_the_job_goes_on_while_a_chunk_is_fitted(tmp_path: Path) -> None:
    may_go_on, fitted = threading.Event(), []

    def fit() -> Rows:
        assert may_go_on.wait(10.0)  # in vain if `write` waited for this
        fitted.append(threading.current_thread())
        raise FULL

    with ChunkWriter(tmp_path, Info(), None, None) as writer:  # type: ignore[arg-type]
        writer.write(Chunk({}, fit, {}))
        assert not fitted
        may_go_on.set()
        with pytest.raises(UserError, match="No fit fits"):
            writer.write(Chunk({}, fit, {}))
    assert len(fitted) == 1 and fitted[0] is not threading.current_thread()
    assert not list(tmp_path.iterdir())

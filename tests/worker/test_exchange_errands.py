# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports and imports as Blender has them done: by the real worker, without waiting."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from nlf_blender.bridge.errand import Errand, State
from nlf_blender.bridge.exchange import (
    ExportSettings,
    export_errand,
    import_errand,
    written_files,
)
from nlf_blender.protocol.marker_motion import read_marker_motion
from tests.worker.exchange_takes import NTSC, smooth, write_footage

PYTHON = Path(sys.executable)
FRAMES = np.arange(20)
TIMES = np.arange(40) / NTSC


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """Two people, one set with a name that looks like an option."""
    points = smooth(1)(TIMES[FRAMES])
    solved = {person: (points + person, np.full(points.shape[:2], 0.02)) for person in (1, 2)}
    write_footage(tmp_path / "-a.take", {1: FRAMES, 2: FRAMES}, TIMES, sets={"--fill": solved})
    return tmp_path / "-a.take"


def ended(errand: Errand) -> Errand:
    """Tick until it has ended."""
    deadline = time.monotonic() + 30
    while errand.running:
        assert time.monotonic() < deadline
        errand.tick()
        time.sleep(0.01)
    return errand


def test_there_and_back(take: Path, tmp_path: Path) -> None:
    settings = ExportSettings("trc", set_name="--fill", units="m", gap_above=0.1, rate=60.0)
    errand = ended(export_errand(PYTHON, take, tmp_path / "--out.trc", settings))
    assert errand.state is State.DONE, errand.error
    files, notes = written_files(errand.answer or {})
    assert not notes
    expected = [tmp_path / f"--out_Person_{number}.trc" for number in (1, 2)]
    assert [Path(file) for file in files] == expected
    errand = ended(import_errand(PYTHON, expected[1], tmp_path / "m.npz"))
    motion = read_marker_motion(tmp_path / "m.npz")
    assert motion.rate == 60.0 and motion.frame_count == 39
    truth = smooth(1)(motion.times) + 2
    np.testing.assert_allclose(motion.people[0].positions, truth, atol=5e-4)


def test_failures_in_the_workers_words(take: Path, tmp_path: Path) -> None:
    settings = ExportSettings("c3d", person=7)
    errand = ended(export_errand(PYTHON, take, tmp_path / "x.c3d", settings))
    assert errand.error is not None and errand.error.title == "No such person"
    assert "1 (Person 1), 2 (Person 2)" in errand.error.detail
    (tmp_path / "x.c3d").write_bytes(b"no")
    errand = ended(import_errand(PYTHON, tmp_path / "x.c3d", tmp_path / "m.npz", axes="y-up"))
    assert errand.error is not None and errand.error.title == "Not a C3D file"
    assert not (tmp_path / "m.npz").exists()

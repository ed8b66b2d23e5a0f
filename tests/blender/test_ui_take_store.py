# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of takes are read once, again when they change, and not for ever."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nlf_blender.errors import UserError
from nlf_blender.protocol.edits import DROP, KEEP, Edit, write_edits
from nlf_blender.ui.take import take_store
from nlf_blender.ui.take.take_store import TakeStore


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The takes whose edits were read from the disk."""
    seen: list[Path] = []
    read = take_store.read_edits

    def counted(take: Path) -> tuple[Edit, ...]:
        seen.append(take)
        return read(take)

    monkeypatch.setattr(take_store, "read_edits", counted)
    return seen


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, reads: list[Path]) -> None:
    store = TakeStore()
    write_edits(tmp_path, [Edit(DROP, 1)])
    for _ in range(3):
        assert store.edits(tmp_path) == (Edit(DROP, 1),)
    assert len(reads) == 1
    write_edits(tmp_path, [Edit(KEEP, 1)])  # as long as the other
    os.utime(tmp_path / "edits.json", ns=(1, 1))
    assert store.edits(tmp_path) == (Edit(KEEP, 1),)
    assert len(reads) == 2
    (tmp_path / "edits.json").unlink()
    assert store.edits(tmp_path) == ()


def test_a_damaged_file_is_read_once_too(tmp_path: Path, reads: list[Path]) -> None:
    store = TakeStore()
    (tmp_path / "edits.json").write_text("{")
    for _ in range(3):
        with pytest.raises(UserError, match=r"edits\.json"):
            store.edits(tmp_path)
    assert len(reads) == 1


def test_a_take_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    store = TakeStore()
    with pytest.raises(UserError, match="No take here"):
        store.info(tmp_path / "gone.take")
    with pytest.raises(UserError, match="Not solved yet"):
        store.solution(tmp_path / "gone.take")


def test_the_takes_looked_at_last_are_kept(tmp_path: Path, reads: list[Path]) -> None:
    store = TakeStore()
    takes = [tmp_path / f"{n}.take" for n in range(TakeStore.MOST_FILES + 1)]
    for take in takes:
        store.edits(take)
    store.edits(takes[-1])
    assert len(reads) == len(takes)
    store.edits(takes[0])
    assert reads[-1] == takes[0]

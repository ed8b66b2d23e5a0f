# SPDX-License-Identifier: GPL-3.0-or-later
"""A take appears whole or not at all, and replaces nothing that is not its own."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from nlf_blender.errors import UserError
from nlf_blender.protocol.take import TAKE_FILE
from nlf_blender.worker.take_writer import final_path, new_take, require_writable

SOURCE = Path("/photos/skier one.jpg")


def write(out: Path, sha256: str, text: str = "data") -> Path:
    """Write a minimal take and return where it is."""
    with new_take(out, SOURCE, sha256) as folder:
        (folder / TAKE_FILE).write_text(json.dumps({"source": {"sha256": sha256}}))
        (folder / "data.txt").write_text(text)
        assert not final_path(folder).exists() or text != "data"
    return final_path(folder)


def test_a_take_has_its_sources_name(tmp_path: Path) -> None:
    assert write(tmp_path / "new" / "folder", "aa") == tmp_path / "new/folder/skier one.take"


def test_the_same_source_replaces_its_take_and_another_does_not(tmp_path: Path) -> None:
    first = write(tmp_path, "aa")
    assert write(tmp_path, "aa", "newer") == first
    assert (first / "data.txt").read_text() == "newer"
    other = write(tmp_path, "bb")
    assert other.name == "skier one-2.take"
    assert (first / "data.txt").read_text() == "newer"
    assert sorted(path.name for path in tmp_path.iterdir()) == [other.name, first.name]


def test_a_folder_of_the_users_is_never_replaced(tmp_path: Path) -> None:
    mine = tmp_path / "skier one.take"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    assert write(tmp_path, "aa").name == "skier one-2.take"
    assert (mine / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("failure", [RuntimeError("bug"), KeyboardInterrupt()])
def test_a_failure_leaves_nothing_and_keeps_the_old_take(
    tmp_path: Path, failure: BaseException
) -> None:
    first = write(tmp_path, "aa")
    with pytest.raises(type(failure)), new_take(tmp_path, SOURCE, "aa") as folder:
        (folder / "half.txt").write_text("half")
        raise failure
    assert (first / "data.txt").read_text() == "data"
    assert list(tmp_path.iterdir()) == [first]


def test_a_leftover_of_a_killed_run_is_cleared(tmp_path: Path) -> None:
    leftover = tmp_path / "skier one.take.part"
    leftover.mkdir()
    (leftover / "half.txt").write_text("half")
    assert not (write(tmp_path, "aa") / "half.txt").exists()
    assert not leftover.exists()


@pytest.mark.parametrize(
    ("number", "title"),
    [(errno.ENOSPC, "Disk full"), (errno.EACCES, "Folder not writable"), (errno.EROFS, "Folder")],
)
def test_what_the_disk_refuses_is_said_with_a_fix(tmp_path: Path, number: int, title: str) -> None:
    with pytest.raises(UserError, match=title) as caught, new_take(tmp_path, SOURCE, "aa"):
        raise (
            OSError(number, os.strerror(number))
            if number != errno.EACCES
            else PermissionError(number, os.strerror(number))
        )
    assert caught.value.fix
    assert not list(tmp_path.iterdir())


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with (
        pytest.raises(UserError, match="Folder not usable"),
        new_take(tmp_path / "out", SOURCE, "aa"),
    ):
        raise AssertionError("not reached")


def test_a_folder_that_cannot_be_written_is_known_before_the_work(tmp_path: Path) -> None:
    require_writable(tmp_path / "new" / "folder")
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("a file")
    with pytest.raises(UserError, match="Folder not writable"):
        require_writable(tmp_path / "file" / "folder")


def test_any_other_refusal_of_the_disk_is_a_sentence_too(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Folder not usable"), new_take(tmp_path, SOURCE, "aa"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    assert not list(tmp_path.iterdir())

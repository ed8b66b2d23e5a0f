# SPDX-License-Identifier: GPL-3.0-or-later
"""build.py says that a disk is full before it writes to it."""

from __future__ import annotations

import shutil
import sys
from collections import namedtuple
from pathlib import Path

import pytest

import build

Usage = namedtuple("Usage", ["total", "used", "free"])


@pytest.fixture
def nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with 1.2 GB left."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**10, 88 * 10**8, 12 * 10**8))


@pytest.mark.usefixtures("nearly_full")
def test_a_full_disk_is_named_with_what_is_needed_and_what_is_left(tmp_path: Path) -> None:
    with pytest.raises(build.BuildError, match=r"testing needs 3.0 GB .* where 1.2 GB are free"):
        build.need_room(tmp_path, 3.0, "testing")


@pytest.mark.usefixtures("nearly_full")
def test_a_disk_with_room_is_used(tmp_path: Path) -> None:
    build.need_room(tmp_path, 1.1, "testing")


@pytest.mark.usefixtures("nearly_full")
def test_no_environment_is_begun_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "ENVS", tmp_path / ".envs")
    monkeypatch.setattr(build, "find_python", lambda _: Path(sys.executable))
    with pytest.raises(build.BuildError, match=r"environment of Blender 5\.2"):
        build.blender_env("5.2")
    assert not list(tmp_path.iterdir())

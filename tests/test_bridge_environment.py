# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding an interpreter and checking it."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

import pytest
from quick_tick import quick_tick

from nlf_blender.bridge import environment, environment_check
from nlf_blender.bridge.environment_check import CheckItem, EnvironmentCheck
from nlf_blender.errors import UserError
from nlf_blender.protocol.settings import LocalizeSettings

FAKE = Path(__file__).with_name("fake_worker.py")


def fake(folder: Path, mode: str) -> Path:
    """A fake worker's script in this mode."""
    script = folder / "fake_worker.py"
    shutil.copy(FAKE, script)
    (folder / "fake_worker.json").write_text(json.dumps({"mode": mode}))
    return script


def items_of(check: EnvironmentCheck) -> tuple[CheckItem, ...]:
    """The items, once they are there; no tick may take long."""
    while check.items is None:
        quick_tick(check.tick)
        time.sleep(0.01)
    return check.items


def test_a_check_reports_item_by_item(tmp_path: Path) -> None:
    check = EnvironmentCheck(Path(sys.executable), LocalizeSettings(), fake(tmp_path, "good"))
    items = items_of(check)
    assert [(item.name, item.ok) for item in items] == [("Python", True), ("torch", False)]
    assert items[1].fix == "Install it."


def test_a_check_that_dies_gives_the_last_words(tmp_path: Path) -> None:
    script = fake(tmp_path, "dies_at_start")
    (item,) = items_of(EnvironmentCheck(Path(sys.executable), LocalizeSettings(), script))
    assert not item.ok
    assert "No module named 'torch'" in item.value
    assert item.fix


def test_a_check_of_no_program(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    (item,) = items_of(EnvironmentCheck(nothing, LocalizeSettings(), fake(tmp_path, "good")))
    assert not item.ok
    assert "cannot be run" in item.value


def test_a_check_that_takes_too_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment_check, "LONGEST_SECONDS", 0.2)
    script = tmp_path / "sleeper.py"
    script.write_text("import time; time.sleep(60)")
    check = EnvironmentCheck(Path(sys.executable), LocalizeSettings(), script)
    (item,) = items_of(check)
    assert "no answer" in item.value


def test_a_named_interpreter_goes_before_the_made_one(tmp_path: Path) -> None:
    found = environment.find_interpreter(sys.executable, tmp_path / "env", tmp_path)
    assert (found.path, found.origin) == (Path(sys.executable), "named")


def test_an_environments_folder_names_its_interpreter(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    assert environment.named_interpreter(str(tmp_path)) == tmp_path / "bin" / "python"


@pytest.mark.parametrize("name", ["missing", "folder", "text.txt"])
def test_what_is_no_interpreter_is_said_so(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.txt").write_text("no program")
    with pytest.raises(UserError, match="not a program"):
        environment.named_interpreter(str(tmp_path / name))


def test_without_an_environment_the_next_step_is_named(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("torch==2.13.0\n")
    with pytest.raises(UserError, match="Click Create Environment"):
        environment.find_interpreter("", tmp_path / "env", tmp_path)
    (tmp_path / "torch-2.13.0-py3-none-any.whl").write_bytes(b"")
    with pytest.raises(UserError, match="no network"):
        environment.find_interpreter("", tmp_path / "env", tmp_path)


def test_the_lock_file_is_found_in_a_checkout_and_in_a_zip(tmp_path: Path) -> None:
    package = tmp_path / "nlf_blender"
    package.mkdir()
    assert environment.wheels_folder(package) == tmp_path / "wheels"
    (package / "wheels").mkdir()
    assert environment.wheels_folder(package) == package / "wheels"

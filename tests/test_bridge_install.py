# SPDX-License-Identifier: GPL-3.0-or-later
"""Making the environment: the plan per machine, offline from wheels, cancelled, failed, again."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from nlf_blender.bridge import install, install_plan
from nlf_blender.bridge.environment import find_interpreter
from nlf_blender.bridge.install import Installation, State
from nlf_blender.bridge.pip_output import PipProgress, explain_failure
from nlf_blender.errors import UserError

PYTHON = Path(sys.executable)


def make_wheel(folder: Path, name: str, requires: str = "") -> None:
    """A wheel with one module that knows its name."""
    info = f"{name}-1.0.dist-info"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    files = {
        f"{name}.py": f"NAME = {name!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{path},sha256={digest.decode()},{len(text)}\n"
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    make_wheel(folder, "alpha", requires="beta")
    make_wheel(folder, "beta")
    (folder / "requirements.lock").write_text("# what is needed\nalpha==1.0\nbeta==1.0  # too\n")
    return folder


def run_to_end(installation: Installation) -> None:
    """Tick until it has ended; no tick may take long."""
    slowest = 0.0
    while installation.state is State.RUNNING:
        began = time.perf_counter()
        installation.tick()
        slowest = max(slowest, time.perf_counter() - began)
        time.sleep(0.02)
    assert slowest < 0.05


def test_offline_from_wheels(tmp_path: Path, wheels: Path) -> None:
    env = tmp_path / "user folder ü" / "env"
    heard: list[install.Progress] = []
    python = install.install(env, PYTHON, wheels, on_progress=heard.append)
    answer = subprocess.run(
        [python, "-c", "import alpha, beta; print(alpha.NAME, beta.NAME)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "alpha beta"
    assert install.is_ready(env, wheels)
    found = find_interpreter("", env, wheels)
    assert (found.path, found.origin) == (python, "made")
    assert heard
    assert [p.fraction for p in heard] == sorted(p.fraction for p in heard)

    # a changed comment changes nothing, a changed requirement asks for a new environment
    (wheels / "requirements.lock").write_text("# other words\nalpha==1.0\nbeta==1.0\n")
    assert install.is_ready(env, wheels)
    (wheels / "requirements.lock").write_text("alpha==1.0\n")
    assert install.is_outdated(env, wheels)
    with pytest.raises(UserError, match="out of date"):
        find_interpreter("", env, wheels)


def test_cancel_ends_pip_and_leaves_nothing_that_counts(tmp_path: Path, wheels: Path) -> None:
    env = tmp_path / "env"
    installation = Installation(env, PYTHON, wheels)
    deadline = time.monotonic() + 60
    while not env.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    began = time.perf_counter()
    installation.cancel()
    assert time.perf_counter() - began < 0.05
    assert installation.state is State.CANCELLED
    assert installation.wait_for_end(2.0)
    assert not install.is_ready(env, wheels)
    with pytest.raises(UserError, match="Click Create Environment"):
        find_interpreter("", env, wheels)
    again = Installation(env, PYTHON, wheels)
    run_to_end(again)
    assert again.state is State.DONE
    assert again.progress.fraction == 1.0
    assert install.is_ready(env, wheels)


def test_a_package_that_is_missing_is_explained(tmp_path: Path, wheels: Path) -> None:
    (wheels / "requirements.lock").write_text("gamma==7.0\n")
    with pytest.raises(UserError, match="not offered for this Python") as caught:
        install.install(tmp_path / "env", PYTHON, wheels)
    assert "name an interpreter" in caught.value.fix
    assert "gamma" in install.log_path(tmp_path / "env").read_text()
    assert not install.is_ready(tmp_path / "env", wheels)


def test_a_step_falls_back_when_the_index_does_not_have_the_build(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plan(env: Path, python: Path, folder: Path, nvidia: bool) -> tuple[install_plan.Step, ...]:
        first = "import sys; sys.exit('ERROR: No matching distribution found for torch')"
        then = f"open({str(tmp_path / 'fell back')!r}, 'w').close()"
        made = install_plan.Step("Making", (str(python), "-m", "venv", "--clear", str(env)), 0.5)
        command, instead = (str(python), "-c", first), (str(python), "-c", then)
        return made, install_plan.Step("Torch", command, 0.5, instead=instead)

    monkeypatch.setattr(install_plan, "plan", plan)
    install.install(tmp_path / "env", PYTHON, wheels)
    assert (tmp_path / "fell back").exists()


def test_an_extension_without_its_lock_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not whole"):
        Installation(tmp_path / "env", PYTHON, tmp_path)


def test_too_little_disk_space_is_said_before(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install_plan, "bytes_needed", lambda wheels, nvidia: 10**18)
    with pytest.raises(UserError, match="Not enough disk space"):
        Installation(tmp_path / "env", PYTHON, wheels)


LOCK = ("torch==2.13.0", "numpy==2.4.6")


@pytest.mark.parametrize(
    ("system", "machine", "nvidia", "index", "wanted", "falls_back"),
    [
        ("linux", "x86_64", False, "/cpu", "torch==2.13.0+cpu", True),
        ("linux", "x86_64", True, "", "torch==2.13.0", False),
        ("win32", "AMD64", False, "/cpu", "torch==2.13.0+cpu", True),
        ("win32", "AMD64", True, "/cu130", "torch==2.13.0", True),
        ("darwin", "arm64", False, "", "torch==2.13.0", False),
    ],
)
def test_the_build_of_torch_fits_the_machine(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    system: str,
    machine: str,
    nvidia: bool,
    index: str,
    wanted: str,
    falls_back: bool,
) -> None:
    monkeypatch.setattr(install_plan.sys, "platform", system)
    monkeypatch.setattr(install_plan.platform, "machine", lambda: machine)
    (tmp_path / "requirements.lock").write_text("\n".join(LOCK))
    steps = install_plan.plan(tmp_path / "env", PYTHON, tmp_path, nvidia)
    torch = next(step for step in steps if step.title == "Installing PyTorch")
    assert torch.command[-1] == wanted
    if index:
        assert torch.command[torch.command.index("--index-url") + 1].endswith(index)
    else:
        assert "--index-url" not in torch.command
    assert bool(torch.instead) == falls_back
    assert sum(step.share for step in steps) == pytest.approx(1.0, abs=0.02)


def test_a_mac_with_an_intel_processor_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install_plan.sys, "platform", "darwin")
    monkeypatch.setattr(install_plan.platform, "machine", lambda: "x86_64")
    (tmp_path / "requirements.lock").write_text("torch==2.13.0\n")
    with pytest.raises(UserError, match="Intel"):
        install_plan.plan(tmp_path / "env", PYTHON, tmp_path, nvidia=False)


def test_progress_follows_pips_output() -> None:
    progress = PipProgress(packages=2)
    said: list[tuple[float, str]] = []
    for line in (
        "Collecting torch==2.13.0",
        "  Downloading torch-2.13.0-cp311-cp311-linux_x86_64.whl (190 MB)",
        "Progress 95000000 of 190000000",
        "Progress 190000000 of 190000000",
        "Collecting numpy",
        "rubbish \x00",
        "Installing collected packages: numpy, torch",
    ):
        progress.feed(line)
        said.append((progress.fraction, progress.text))
    fractions = [fraction for fraction, _ in said]
    assert fractions == sorted(fractions)
    assert said[2] == (pytest.approx(0.1875), "torch-2.13.0 (95 of 190 MB)")
    assert said[-1] == (0.75, "unpacking")


@pytest.mark.parametrize(
    ("output", "fix"),
    [
        ("OSError: [Errno 28] No space left on device", "Free some space"),
        ("NewConnectionError: Temporary failure in name resolution", "Check the network"),
        ("SSLError(CERTIFICATE_VERIFY_FAILED)", "pip config set global.cert"),
        ("No module named 'ensurepip'", "python3-venv"),
        ("PermissionError: [WinError 5] Access is denied", "Close other Blender windows"),
        ("something new", "Open the log"),
    ],
)
def test_failures_name_the_next_step(output: str, fix: str) -> None:
    error = explain_failure("Installing", output, Path("install.log"))
    assert fix in error.fix


def test_another_pythons_settings_do_not_reach_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from nlf_blender.bridge.processes import clean_environment

    monkeypatch.setenv("PYTHONPATH", "/blender/site-packages")
    monkeypatch.setenv("PYTHONHOME", "/blender/python")
    monkeypatch.setenv("BLENDER_USER_RESOURCES", "/somewhere")
    monkeypatch.setenv("PIP_INDEX_URL", "file:///index")
    cleaned = clean_environment()
    assert not {"PYTHONPATH", "PYTHONHOME", "BLENDER_USER_RESOURCES"} & set(cleaned)
    assert cleaned["PIP_INDEX_URL"] == "file:///index"
    assert cleaned["OMP_WAIT_POLICY"] == "PASSIVE"
    assert cleaned["PATH"] == os.environ["PATH"]

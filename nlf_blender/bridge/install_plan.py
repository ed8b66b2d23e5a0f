# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be run, in which order, to make the worker's environment on this machine."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError

LOCK_NAME = "requirements.lock"
# PyTorch's own index: the package index has CUDA builds for Linux and CPU builds for Windows only.
PYTORCH_INDEX = "https://download.pytorch.org/whl"
CPU_BUILD = "cpu"
CUDA_BUILDS = ("cu130", "cu128", "cu126")  # for Windows; pip takes the newest that is there
NOT_OFFERED = "No matching distribution found"  # pip's words for "that index does not have it"


@dataclass(frozen=True)
class Step:
    """One program to run. share: of the whole work, 0 to 1; packages: how many it is to bring.

    instead: what to run if the command fails because the index does not offer the build;
    may_fail: whether the work goes on without it.
    """

    title: str
    command: tuple[str, ...]
    share: float
    packages: int = 0
    instead: tuple[str, ...] = ()
    may_fail: bool = False


def env_python(env_dir: Path) -> Path:
    """The interpreter inside a virtual environment."""
    return env_dir / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def read_lock(wheels: Path) -> tuple[str, ...]:
    """The requirements of the lock file, without comments. UserError if it is missing."""
    path = wheels / LOCK_NAME
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(
            "The extension is not whole",
            f"{path} cannot be read: {error.strerror}.",
            "Install the extension again.",
        ) from error
    stripped = (line.partition("#")[0].strip() for line in lines)
    return tuple(line for line in stripped if line)


def has_nvidia_gpu() -> bool:
    """Whether a driver for an NVIDIA GPU is at work here; looks at files only, so it is quick."""
    if sys.platform == "win32":
        return (Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32/nvcuda.dll").exists()
    if any(Path("/proc/driver/nvidia/gpus").glob("*")):
        return True
    return Path("/dev/dxg").exists() and shutil.which("nvidia-smi") is not None  # Windows' Linux


def bytes_needed(wheels: Path, nvidia: bool) -> int:
    """Disk space that an environment takes while it is made, in bytes; generous."""
    bundled = sum(wheel.stat().st_size for wheel in wheels.glob("*.whl"))
    if bundled:
        return 4 * bundled
    return int(10e9 if nvidia else 2.5e9)


def plan(env_dir: Path, python: Path, wheels: Path, nvidia: bool) -> tuple[Step, ...]:
    """The steps that make `env_dir` with `python`: from the wheels beside the lock file if there
    are any, else from the index that pip is set up for and PyTorch's own.

    UserError if the lock file is missing or nothing can be had for this machine.
    """
    lock = read_lock(wheels)
    make = Step(
        "Making the environment", (str(python), "-I", "-m", "venv", "--clear", str(env_dir)), 0.05
    )
    check = Step("Checking", _pip(env_dir, "check"), 0.02)
    rest = ("-r", str(wheels / LOCK_NAME))
    if any(wheels.glob("*.whl")):
        command = _install(env_dir, "--no-index", "--find-links", str(wheels), *rest)
        return make, Step("Installing", command, 0.93, len(lock)), check
    # An older pip neither tells how far a download is nor picks it up where it broke off.
    newer_pip = Step(
        "Updating pip", _install(env_dir, "--upgrade", "pip>=25.1"), 0.03, 1, may_fail=True
    )
    steps = [make, newer_pip]
    torch = _version_of("torch", lock)
    if torch:
        steps.append(_torch_step(env_dir, torch, nvidia))
    others = Step("Installing", _install(env_dir, *rest), 0.3 if torch else 0.9, len(lock))
    return *steps, others, check


def _torch_step(env_dir: Path, version: str, nvidia: bool) -> Step:
    plain = _install(env_dir, f"torch=={version}")
    title = "Installing PyTorch"
    if sys.platform == "darwin" and platform.machine() != "arm64":
        raise UserError(
            "No PyTorch for this Mac",
            "PyTorch is no longer made for Macs with an Intel processor.",
            "Use a Mac with Apple silicon, or another computer.",
        )
    if sys.platform == "darwin" or (nvidia and sys.platform != "win32"):
        return Step(title, plain, 0.6, 20 if nvidia else 8)
    if nvidia:
        first, *others = (f"{PYTORCH_INDEX}/{build}" for build in CUDA_BUILDS)
        indexes = ["--index-url", first]
        for other in others:
            indexes += ["--extra-index-url", other]
        wanted = f"torch=={version}"
    else:
        indexes = ["--index-url", f"{PYTORCH_INDEX}/{CPU_BUILD}"]
        wanted = f"torch=={version}+{CPU_BUILD}"
    # What torch itself needs comes with the lock file, from the usual index. Few retries: behind a
    # firewall this index is out of reach, and that must be found out soon.
    command = _install(env_dir, "--no-deps", "--retries", "1", *indexes, wanted)
    return Step(title, command, 0.6, 1, instead=plain)


def _version_of(package: str, lock: Iterable[str]) -> str:
    for line in lock:
        match = re.match(rf"{package}\s*==\s*([^\s;]+)", line)
        if match:
            return match[1]
    return ""


def _pip(env_dir: Path, *arguments: str) -> tuple[str, ...]:
    start = (str(env_python(env_dir)), "-I", "-u", "-m", "pip")
    return *start, "--disable-pip-version-check", "--no-input", *arguments


def _install(env_dir: Path, *arguments: str) -> tuple[str, ...]:
    quick = ("--timeout", "20", "--no-warn-script-location", "--only-binary", ":all:")
    return _pip(env_dir, "install", *quick, *arguments)

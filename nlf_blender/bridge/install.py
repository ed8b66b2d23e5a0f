# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the worker's Python environment: from Blender step by step, or blocking for scripts."""

from __future__ import annotations

import enum
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from . import install_plan, processes
from .install_plan import Step, env_python, read_lock
from .pip_output import PipProgress, explain_failure, prints_bytes

READY_FILE = "ready.json"  # written last: an environment without it is not used
SILENCE_SECONDS = 1200.0  # without a word from pip; unpacking CUDA on a slow disk takes minutes
_MOST_BYTES_A_TICK = 1 << 16


@dataclass(frozen=True)
class Progress:
    """How far the work is, 0 to 1, and what is being done."""

    fraction: float
    text: str


class State(enum.Enum):
    """Where an installation is. All but RUNNING are final."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


def is_ready(env_dir: Path, wheels: Path) -> bool:
    """Whether `env_dir` is whole, made for this lock file, and its Python still there."""
    return _made_for(env_dir) == lock_digest(wheels) and env_python(env_dir).exists()


def is_outdated(env_dir: Path, wheels: Path) -> bool:
    """Whether `env_dir` was whole once but cannot be used by this version of the extension."""
    return _made_for(env_dir) is not None and not is_ready(env_dir, wheels)


def lock_digest(wheels: Path) -> str:
    """Hash of the lock file's requirements: what an environment was made for."""
    return hashlib.sha256("\n".join(read_lock(wheels)).encode()).hexdigest()


def _made_for(env_dir: Path) -> str | None:
    try:
        marker = json.loads((env_dir / READY_FILE).read_bytes())
        return str(marker["lock"]) if Path(marker["base"]).exists() else ""
    except (OSError, ValueError, KeyError, TypeError):
        return None


def log_path(env_dir: Path) -> Path:
    """The log of an environment's making; beside it, since the environment may be wiped."""
    return env_dir.with_name(env_dir.name + "-install.log")


class Installation:
    """The making of an environment. Call `tick` until `state` is final; nothing waits.

    What a cancelled or failed run left is never used; the next run starts from an empty
    environment, and pip has kept what it downloaded.
    """

    def __init__(
        self,
        env_dir: Path,
        python: Path,
        wheels: Path,
        nvidia: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start it with the interpreter `python`. nvidia: None to look whether there is a GPU.

        UserError if it cannot begin.
        """
        nvidia = install_plan.has_nvidia_gpu() if nvidia is None else nvidia
        self.state = State.RUNNING
        self.error: UserError | None = None
        self.log = log_path(env_dir)
        self.progress = Progress(0.0, "")
        self._env_dir = env_dir
        self._python = python
        self._wheels = wheels
        self._clock = clock
        self._steps = install_plan.plan(env_dir, python, wheels, nvidia)
        self._index = 0
        self._prepare_folder(install_plan.bytes_needed(wheels, nvidia))
        (env_dir / READY_FILE).unlink(missing_ok=True)
        self._begin(self._steps[0].command)

    def tick(self) -> None:
        """Read what is new and go on to the next step if one has ended."""
        if self.state is not State.RUNNING:
            return
        status = self._process.poll()  # asked first: all that it wrote is then in the log
        self._read_log()
        now = self._clock()
        if status is not None:
            self._end_step(status)
        elif now - self._heard > SILENCE_SECONDS:
            processes.end_group(self._process, force=True)
            self._fail(
                UserError(
                    "The environment was not made",
                    f"{self._step.title} said nothing for {SILENCE_SECONDS / 60:.0f} minutes.",
                    "Check the network and click again; what was downloaded is kept.",
                )
            )

    def cancel(self) -> None:
        """End it now, with the programs that it started."""
        if self.state is State.RUNNING:
            processes.end_group(self._process, force=True)
            self.state = State.CANCELLED

    def wait_for_end(self, seconds: float) -> bool:
        """Wait until the program that was running is gone; whether it is."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    @property
    def _step(self) -> Step:
        return self._steps[self._index]

    def _prepare_folder(self, bytes_needed: int) -> None:
        """See that there is room and the right to write. UserError if not."""
        parent = self._env_dir.parent
        try:
            parent.mkdir(parents=True, exist_ok=True)
            self.log.write_bytes(b"")
            free = shutil.disk_usage(parent).free
        except OSError as error:
            raise UserError(
                "Folder not writable",
                f"{parent} cannot be written to: {error.strerror}.",
                "Give yourself the right to write there, or name an interpreter.",
            ) from error
        if free < bytes_needed:
            raise UserError(
                "Not enough disk space",
                f"The environment needs {bytes_needed / 1e9:.1f} GB, {parent} has "
                f"{free / 1e9:.1f} GB left.",
                "Free some space and click again, or name an interpreter.",
            )

    def _begin(self, command: tuple[str, ...]) -> None:
        if self._step.packages and prints_bytes(self._env_dir):
            command = (*command, "--progress-bar", "raw")
        self._pip = PipProgress(self._step.packages)
        self._command = command
        self._heard = self._clock()
        self._rest = ""
        with open(self.log, "ab") as log:
            log.write(f"\n$ {' '.join(command)}\n".encode())
        self._step_began_at = self._offset = self.log.stat().st_size
        try:
            self._process = processes.start(command, self.log, stdin=False)
        except OSError as error:
            raise UserError(
                "The environment was not made",
                f"{command[0]} cannot be run: {error.strerror or error}.",
                "Name an interpreter in the preferences instead.",
            ) from error
        self._show()

    def _read_log(self) -> None:
        with open(self.log, "rb") as log:
            log.seek(self._offset)
            data = log.read(_MOST_BYTES_A_TICK)
        if not data:
            return
        self._heard = self._clock()
        self._offset += len(data)
        *lines, self._rest = (self._rest + data.decode(errors="replace")).split("\n")
        for line in lines:
            self._pip.feed(line.rstrip("\r"))
        self._show()

    def _show(self) -> None:
        before = sum(step.share for step in self._steps[: self._index])
        fraction = before + self._step.share * self._pip.fraction
        text = f"{self._step.title}: {self._pip.text}" if self._pip.text else self._step.title
        self.progress = Progress(max(self.progress.fraction, fraction), text)

    def _end_step(self, status: int) -> None:
        output = self._output_of_step()
        step = self._step
        try:
            if status == 0 or step.may_fail:
                self._next_step()
            elif step.instead and install_plan.NOT_OFFERED in output:
                self._steps = tuple(
                    Step(s.title, s.instead, s.share, s.packages) if s is step else s
                    for s in self._steps
                )
                self._begin(self._step.command)
            else:
                self._fail(explain_failure(step.title, output, self.log))
        except UserError as error:
            self._fail(error)

    def _next_step(self) -> None:
        if self._index + 1 < len(self._steps):
            self._index += 1
            self._begin(self._step.command)
            return
        marker = {"lock": lock_digest(self._wheels), "base": str(self._python)}
        temporary = self._env_dir / (READY_FILE + ".part")
        temporary.write_text(json.dumps(marker), encoding="utf-8")
        temporary.replace(self._env_dir / READY_FILE)
        self.progress = Progress(1.0, "Ready")
        self.state = State.DONE

    def _output_of_step(self) -> str:
        with open(self.log, "rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(self._step_began_at, log.tell() - _MOST_BYTES_A_TICK))
            return log.read().decode(errors="replace")

    def _fail(self, error: UserError) -> None:
        self.error = error
        self.state = State.FAILED


def install(
    env_dir: Path,
    python: Path,
    wheels: Path,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    should_cancel: Callable[[], bool] = lambda: False,
    nvidia: bool | None = None,
) -> Path:
    """Make the environment and wait for it. Returns its interpreter.

    on_progress hears what is being done, once a second at most. UserError if it fails or is
    cancelled.
    """
    installation = Installation(env_dir, python, wheels, nvidia)
    said, said_at = "", -1.0
    try:
        while installation.state is State.RUNNING and not should_cancel():
            progress, now = installation.progress, time.monotonic()
            if progress.text != said and now - said_at >= 1.0:
                said, said_at = progress.text, now
                on_progress(progress)
            time.sleep(0.1)
            installation.tick()
    finally:
        installation.cancel()
    if installation.error is not None:
        raise installation.error
    if installation.state is State.CANCELLED:
        raise UserError("Cancelled", "The environment is not whole.", "Start again to finish it.")
    return env_python(env_dir)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting and ending programs, the same way on Linux, macOS and Windows."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# Blender's own Python settings and start options must not reach another Python.
_NOT_PASSED_ON = ("PYTHON", "BLENDER_", "__PYVENV")
_FULL_PIPE = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOSPC)  # ENOSPC: Windows says it so
_PIECE = 512  # a non-blocking pipe of Windows takes a write whole or not at all
_TAIL_BYTES = 8192
if sys.platform == "win32":
    _WINDOWS_FLAGS = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
else:
    _WINDOWS_FLAGS = 0


def clean_environment() -> dict[str, str]:
    """This process's environment variables without those that would mislead another Python."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(_NOT_PASSED_ON)
    }
    # Read by OpenMP when torch loads: idle threads that spin make a busy machine much slower.
    variables["OMP_WAIT_POLICY"] = "PASSIVE"
    return variables


def start(command: Sequence[str | Path], log: Path, *, stdin: bool) -> subprocess.Popen[bytes]:
    """Start a program in a group of its own, its output appended to `log`. OSError if it cannot.

    With `stdin`, its standard input is a pipe that `write_some` fills; else it is empty.
    """
    environment = clean_environment()
    with open(log, "ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=log.parent,
            bufsize=0,
            creationflags=_WINDOWS_FLAGS,
            process_group=0,  # heeded on Linux and macOS
        )
    if process.stdin is not None:
        _make_nonblocking(process.stdin.fileno())
    return process


def _make_nonblocking(pipe: int) -> None:
    if sys.platform == "win32" and sys.version_info < (3, 12):
        import ctypes
        import msvcrt

        handle = msvcrt.get_osfhandle(pipe)
        no_wait = ctypes.c_ulong(1)  # PIPE_NOWAIT; os.set_blocking does this from Python 3.12 on
        ctypes.windll.kernel32.SetNamedPipeHandleState(
            ctypes.c_void_p(handle), ctypes.byref(no_wait), None, None
        )
    else:
        os.set_blocking(pipe, False)


def write_some(pipe: int, data: bytes) -> int:
    """Write as much as the pipe takes now and return how many bytes that were; never waits.

    BrokenPipeError or another OSError if nobody reads it any more.
    """
    written = 0
    while written < len(data):
        try:
            count = os.write(pipe, data[written : written + _PIECE])
        except OSError as error:
            if error.errno in _FULL_PIPE:
                break
            raise
        if count == 0:
            break
        written += count
    return written


def end_group(process: subprocess.Popen[bytes], *, force: bool) -> None:
    """Ask a program and its children to end, or end them by force. Returns at once."""
    if process.returncode is not None:
        return  # it has ended, and its number may be another program's by now
    if sys.platform == "win32":
        command = ["taskkill", "/T", "/PID", str(process.pid), *(["/F"] if force else [])]
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            creationflags=subprocess.CREATE_NO_WINDOW,
        )
        return
    try:
        os.killpg(process.pid, signal.SIGKILL if force else signal.SIGTERM)
    except (ProcessLookupError, PermissionError):
        # Nobody is left in the group (macOS says PermissionError when only a zombie is).
        return


def tail(log: Path, lines: int = 6) -> str:
    """The last lines of a log file, or an empty text if there is none."""
    try:
        with open(log, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


def describe_exit(status: int) -> str:
    """An exit status in words: what a person can look up."""
    if status < 0:
        try:
            return f"was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"was ended by signal {-status}"
    if status > 0x7FFFFFFF:  # a Windows exception code
        return f"crashed with code 0x{status & 0xFFFFFFFF:08X}"
    return f"ended with status {status}"

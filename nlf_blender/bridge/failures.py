# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user is told of a worker that failed."""

from __future__ import annotations

from ..errors import UserError
from .processes import describe_exit, tail
from .worker_process import WorkerProcess


def not_understood(what: str) -> UserError:
    """What the user is told of a worker that does not speak the protocol. what: a sentence."""
    return UserError(
        "The worker is not understood",
        f"{what} Another program answers in its place, or its version differs.",
        "Install the extension again, or choose another interpreter in the preferences.",
    )


def died(worker: WorkerProcess) -> UserError:
    """What the user is told of a worker that ended by itself."""
    status = worker.exit_status or 0
    last_lines = tail(worker.log)
    detail = f"It {describe_exit(status)}."
    if last_lines:
        detail += f"\n{last_lines}"
    if status == -9:
        fix = "Close other programs, or ask for less at once (people, augmentations, points of a "
        fix += "scan): most likely the memory was full."
    elif "ModuleNotFoundError" in last_lines or "ImportError" in last_lines:
        fix = "Click Check in the preferences: its Python environment lacks a package."
    else:
        fix = "Try again; if it happens again, open the log and click Check in the preferences."
    return UserError("The worker died", detail, fix)

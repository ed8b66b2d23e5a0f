# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker train run`: trains a model as a file of settings says, or goes on with it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ....protocol.settings import DEVICES

if TYPE_CHECKING:
    import torch

    from .sitting import Sitting

STOPPED = 130  # the exit status, as of a program that Ctrl-C ended


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "config", type=Path, metavar="CONFIG", help="JSON; the README of training describes it"
    )
    parser.add_argument("--out", type=Path, required=True, help="the run's folder")
    parser.add_argument("--resume", action="store_true", help="go on at the last checkpoint")
    add_machine_options(parser)


def add_machine_options(parser: argparse.ArgumentParser) -> None:
    """What a run may use of the machine."""
    parser.add_argument("--device", default="auto", help=f"{', '.join(DEVICES)} or cuda:N")
    parser.add_argument("--threads", type=int, help="processor threads for torch (default: all)")


def run(options: argparse.Namespace) -> int:
    """Returns 0 at the run's end, STOPPED if it was stopped before."""
    from .assembly import open_run
    from .run_file import read_run_settings

    device = set_machine(options)
    settings = read_run_settings(options.config)
    sitting = open_run(settings, options.out, options.resume, device)
    return sit(sitting, f"worker train run {options.config} --out {options.out} --resume")


def set_machine(options: argparse.Namespace) -> torch.device:
    """Obey the options about the machine. Returns the device."""
    import cv2
    import torch

    from ...device import select_device
    from .memory import keep_freed_memory

    keep_freed_memory()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    cv2.setNumThreads(1)
    return select_device(options.device)


def sit(sitting: Sitting, command: str) -> int:
    """Run a sitting until its end or Ctrl-C. Returns the exit status; `command` is what to give
    again."""
    from .stopping import stop_requests

    with stop_requests() as stop:
        done = sitting.run(stop)
    figures = sitting.meter.figures()
    print(
        f"{sitting.step} steps, {sitting.seconds:.0f} s in all; "
        f"{figures.get('crops_per_second', 0.0):.1f} crops/s, the device was fed "
        f"{figures.get('fed_share', 0.0):.0%} of the time; {sitting.folder}",
        file=sys.stderr,
    )
    if not done:
        print(f"stopped; to go on: {command}", file=sys.stderr)
        return STOPPED
    return 0

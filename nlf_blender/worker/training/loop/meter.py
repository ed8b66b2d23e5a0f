# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run costs: seconds, crops a second, and how busy the device is."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

SMI_SECONDS = 5.0


class Meter:
    """Seconds of one sitting by what they were spent on, and the crops seen in them."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self.crops = 0
        self._busy: list[float] = []

    @contextmanager
    def time(self, what: str) -> Iterator[None]:
        """Add what the block takes to `spent[what]`."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.spent[what] = self.spent.get(what, 0.0) + time.perf_counter() - began

    def ask_device(self, device: torch.device) -> None:
        """Take a sample of how busy a GPU is."""
        share = gpu_busy_share(device)
        if share is not None:
            self._busy.append(share)

    def figures(self) -> dict[str, float]:
        """Seconds by what they went to, crops a second, and the share of the stepping time in which
        no step waited for crops; on an NVIDIA GPU also its own statement of how busy it was."""
        stepping = self.spent.get("wait", 0.0) + self.spent.get("step", 0.0)
        result = {f"{what}_seconds": round(value, 2) for what, value in self.spent.items()}
        if stepping > 0:
            result["crops_per_second"] = round(self.crops / stepping, 2)
            result["fed_share"] = round(self.spent.get("step", 0.0) / stepping, 4)
        if self._busy:
            result["gpu_busy_share"] = round(sum(self._busy) / len(self._busy), 4)
        return result


def gpu_busy_share(device: torch.device) -> float | None:
    """The share of the last moments in which an NVIDIA GPU computed, as its driver's tool says;
    None for other devices or without that tool."""
    tool = shutil.which("nvidia-smi")
    if device.type != "cuda" or tool is None:
        return None
    number = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
    question = [tool, f"--id={number}", "--query-gpu=utilization.gpu", "--format=csv,noheader"]
    try:
        answer = subprocess.run(
            question, capture_output=True, text=True, timeout=SMI_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return share_from(answer.stdout)


def share_from(text: str) -> float | None:
    """0.93 from "93 %"; None from anything else."""
    number = text.strip().removesuffix("%").strip()
    return int(number) / 100 if number.isdigit() else None

# SPDX-License-Identifier: GPL-3.0-or-later
"""Which device to compute on."""

from __future__ import annotations

import torch

from ..errors import UserError
from ..protocol.settings import DEVICES


def select_device(name: str) -> torch.device:
    """The device that is meant by auto, cpu, cuda, cuda:N or mps. UserError if it is not there."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    kind, _, number = name.partition(":")
    if kind not in available or (number and not (kind == "cuda" and number.isdigit())):
        raise UserError(
            "Unknown device", f"'{name}' is no device.", f"Choose one of {', '.join(DEVICES)}."
        )
    if not available[kind]:
        raise UserError(*_MISSING_DEVICE[kind])
    if number and int(number) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise UserError(
            "No such GPU",
            f"The worker's torch sees {count} of them, cuda:0 to cuda:{count - 1}, but no {name}.",
            "Choose one of those.",
        )
    return torch.device(name)


_MISSING_DEVICE = {
    "cuda": (
        "No NVIDIA GPU available",
        "The worker's torch sees no CUDA device.",
        "Choose auto or cpu, update the NVIDIA driver, or create the environment again on this "
        "machine so that the CUDA build of torch is installed.",
    ),
    "mps": (
        "No Apple GPU available",
        "The worker's torch sees no Metal device.",
        "Choose auto or cpu; Metal needs a Mac with Apple silicon.",
    ),
}

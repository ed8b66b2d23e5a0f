# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints: everything that a run needs to go on as if it had not stopped.

A checkpoint is one safetensors file: weights, their average and the optimizer's moments as tensors,
all else as JSON in its header. It is written under a temporary name, synced and renamed, so it is
there as a whole or not at all, and older ones go only after it. Random numbers need not be kept:
those of a step follow from the run's seed and the step's number.
"""

from __future__ import annotations

import errno
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ....errors import UserError
from ....protocol.files import write_whole
from .telling import say

FORMAT = "nlf_blender checkpoint 1"
STATE, DIGEST = "state", "sha256"  # in the header
DAMAGED = ".damaged"  # ends the name of a checkpoint that could not be used
MODEL, AVERAGE, MOMENTS = "model.", "average.", "optimizer."
_DAMAGE = (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError)


@dataclass(frozen=True)
class Progress:
    """Where a run is. step: steps that are done. seconds: spent on them, all sittings together.
    sums: of the curves' row that is not full yet, and of how many steps. scaler: of float16's
    gradients, else empty."""

    step: int
    seconds: float
    sums: dict[str, tuple[float, int]]
    scaler: dict[str, float]


@dataclass(frozen=True)
class Trained:
    """What a checkpoint restores in place."""

    model: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer


def checkpoint_path(folder: Path, step: int) -> Path:
    """The checkpoint's file after so many steps."""
    return folder / f"step_{step:08d}.safetensors"


def checkpoints(folder: Path) -> list[Path]:
    """All checkpoints of a run, the oldest first."""
    return sorted(folder.glob("step_????????.safetensors"))


def save_checkpoint(folder: Path, trained: Trained, progress: Progress, keep: int) -> Path:
    """Write the checkpoint, then remove all but the last `keep`. UserError if there is no room for
    it or it cannot be written; those that are there then stay."""
    path = checkpoint_path(folder, progress.step)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tensors = _tensors(trained)
        write_whole(path, save(tensors, _header(progress, tensors)))
    except OSError as error:
        raise _not_written(path, error) from error
    for old in checkpoints(folder)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def load_checkpoint(path: Path, trained: Trained) -> Progress:
    """Put a checkpoint's values into model, average and optimizer. UserError if it is damaged or of
    another model."""
    try:
        tensors, progress = _read(path)
        trained.model.load_state_dict(_below(tensors, MODEL))
        trained.average.load_state_dict(_below(tensors, AVERAGE))
        _load_moments(trained.optimizer, _below(tensors, MOMENTS))
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    return progress


def load_newest(folder: Path, trained: Trained) -> Progress | None:
    """Put the newest checkpoint that can be used into model, average and optimizer; None if there
    is none at all. Newer ones, which are damaged, are said and get another name. UserError if there
    are some, and all are damaged or of another model."""
    failures: list[tuple[Path, UserError]] = []
    for path in reversed(checkpoints(folder)):
        try:
            progress = load_checkpoint(path, trained)
        except UserError as error:
            failures.append((path, error))
            continue
        for damaged, error in failures:
            aside = damaged.with_name(damaged.name + DAMAGED)
            damaged.replace(aside)
            say(f"{error.detail} It is now {aside.name}; going on from {path.name}.")
        return progress
    if failures:
        raise failures[0][1]
    return None


def load_average(path: Path, model: nn.Module) -> Progress:
    """Put a checkpoint's averaged weights into a model. UserError as of `load_checkpoint`."""
    try:
        tensors, progress = _read(path)
        model.load_state_dict(_below(tensors, AVERAGE))
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    return progress


def _read(path: Path) -> tuple[dict[str, Tensor], Progress]:
    """A checkpoint's tensors and its header."""
    with safe_open(str(path), framework="pt") as file:
        header = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if header.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT}")
    digest = _digest(tensors, header[STATE])
    if header.get(DIGEST, digest) != digest:  # the first checkpoints had none
        raise ValueError("its content is not what was written")
    return tensors, Progress(**json.loads(header[STATE]))


def _tensors(trained: Trained) -> dict[str, Tensor]:
    values = {MODEL + name: value for name, value in trained.model.state_dict().items()}
    values |= {AVERAGE + name: value for name, value in trained.average.state_dict().items()}
    for number, entries in trained.optimizer.state_dict()["state"].items():
        values |= {f"{MOMENTS}{number}.{name}": value for name, value in entries.items()}
    return {name: value.detach().cpu().clone().contiguous() for name, value in values.items()}


def _header(progress: Progress, tensors: dict[str, Tensor]) -> dict[str, str]:
    state = json.dumps(vars(progress))
    return {"format": FORMAT, STATE: state, DIGEST: _digest(tensors, state)}


def _digest(tensors: dict[str, Tensor], state: str) -> str:
    """SHA-256 of a checkpoint's content: a bit that turned on the disk would train on unnoticed."""
    digest = hashlib.sha256(state.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): value for n, value in tensors.items() if n.startswith(prefix)}


def _load_moments(optimizer: torch.optim.Optimizer, moments: dict[str, Tensor]) -> None:
    """The optimizer's moments by their parameter's number; its groups follow from the settings."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in moments.items():
        number, entry = name.split(".", 1)
        state.setdefault(int(number), {})[entry] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(
        "Checkpoint cannot be used",
        f"{path} does not fit this run or is damaged ({' '.join(str(error).split())[:300]}).",
        "Go on with --resume: the run goes back to the checkpoint before it. If there is none that "
        "can be used, start it in a new folder.",
    )


def _not_written(path: Path, error: OSError) -> UserError:
    kept = checkpoints(path.parent)
    last = f"the last one, {kept[-1].name}, is still there" if kept else "there is none yet"
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return UserError(
        "No disk left at a checkpoint" if full else "Checkpoint not written",
        f"{path} could not be written ({error.strerror}); {last}.",
        "Free some space or see to the folder's permissions, then go on with --resume.",
    )

# SPDX-License-Identifier: GPL-3.0-or-later
"""One sitting of a run: from its start or its last checkpoint to its end, or until it is stopped.

Files of a run's folder: `checkpoints/`, `curves/training.csv` (means over the steps of a row),
`curves/validation.csv`, `curves.png`, `samples/step_*.jpg` and `report.json`.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import torch
from torch import Tensor

from ....errors import UserError
from ....protocol.files import write_whole
from ...take_writer import disk_errors
from .checkpoint import Progress, Trained, checkpoints, load_newest, save_checkpoint
from .curves import Table, draw_curves
from .meter import Meter
from .run_folder import CHECKPOINTS
from .settings import LoopSettings
from .source import Source, StepInput, Trial
from .step import Learner, training_step

BUSY_EVERY_SECONDS = 15.0


class Sitting:
    """Trains a learner in a run's folder."""

    def __init__(
        self,
        settings: LoopSettings,
        learner: Learner,
        source: Source,
        trial: Trial | None,
        folder: Path,
    ) -> None:
        self.settings, self.learner = settings, learner
        self.source, self.trial, self.folder = source, trial, folder
        self.device = next(learner.model.parameters()).device
        self.meter = Meter()
        self.training = Table(folder / "curves" / "training.csv")
        self.validation = Table(folder / "curves" / "validation.csv")
        self.step = self._first = 0
        self._before = 0.0
        self._sums: dict[str, tuple[float, int]] = {}
        self._fresh: list[dict[str, Tensor]] = []
        self._began = self._asked = time.monotonic()
        self.lock = ExitStack()  # of the folder
        with self._disk_errors():
            for name in ("curves", "samples", CHECKPOINTS):
                (folder / name).mkdir(parents=True, exist_ok=True)

    def resume(self) -> bool:
        """Go back to the last checkpoint that can be used, if there is one. UserError if there are
        some, and all are damaged."""
        with disk_errors(self.folder, "go on with --resume"):
            return self._resume()

    def _resume(self) -> bool:
        progress = load_newest(self.folder / CHECKPOINTS, self._trained())
        if progress is None:
            return False
        self.step, self._before = progress.step, progress.seconds
        self._sums = {n: (total, int(count)) for n, (total, count) in progress.sums.items()}
        if progress.scaler:
            self.learner.scaler.load_state_dict(progress.scaler)
        return True

    def run(self, is_stopped: Callable[[], bool] = lambda: False) -> bool:
        """Step until the end, or until `is_stopped`, which is asked between steps; a checkpoint is
        written either way. Returns whether the run is at its end; the folder is then free."""
        with self.lock:
            return self._run(is_stopped)

    def _run(self, is_stopped: Callable[[], bool]) -> bool:
        self._began = self._asked = time.monotonic()
        self._first = self.step
        with self._disk_errors():
            for table in (self.training, self.validation):
                table.cut(self.step)  # what was killed had gone on, perhaps before any checkpoint
        batches = self.source.batches(self.step)
        try:
            while self.step < self.settings.steps and not is_stopped():
                self._one(batches)
        finally:
            self.source.close()
        done = self.step >= self.settings.steps
        if not self._is_due(self.settings.output.checkpoint_every):
            self.save()
        self._report()
        return done

    def save(self) -> Path:
        """Write a checkpoint. UserError if that fails, or if weights are no numbers any more."""
        with self.meter.time("checkpoint"):
            self._gather()
            progress = Progress(self.step, self.seconds, self._sums, self._scaler_state())
            folder, keep = self.folder / CHECKPOINTS, self.settings.output.keep
            return save_checkpoint(folder, self._trained(), progress, keep)

    @property
    def seconds(self) -> float:
        """Of all sittings together."""
        return self._before + time.monotonic() - self._began

    def _one(self, batches: Iterator[StepInput]) -> None:
        with self.meter.time("start" if self.step == self._first else "wait"):
            inputs = next(batches)
        with self.meter.time("step"):
            terms = training_step(self.learner, self.settings, inputs, self.step)
            self._fresh.append(terms)
            self.step += 1
            self.meter.crops += len(inputs.batch)
            output = self.settings.output
            if self._is_due(output.curves_every):
                self._write_row()
        if self._is_due(output.trial_every) or self.step == self.settings.steps:
            self._try_out()
        if self._is_due(output.checkpoint_every):
            self.save()

    def _is_due(self, every: int) -> bool:
        return self.step > 0 and self.step % every == 0

    def _gather(self) -> None:
        """Add the terms of the steps since to the row's sums, one step after the other, so that
        the sums do not depend on when they are gathered. UserError if a loss is no number."""
        if not self._fresh:
            return
        values = torch.cat([torch.stack([v.float() for v in t.values()]) for t in self._fresh])
        names = [(step, name) for step, terms in enumerate(self._fresh) for name in terms]
        for (step, name), value in zip(names, values.cpu().tolist(), strict=True):
            if math.isfinite(value):
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = (total + value, count + 1)
            elif name == "loss":
                raise _diverged(self.step - len(self._fresh) + step + 1, self.folder)
        self._fresh = []

    def _write_row(self) -> None:
        self._gather()
        means = {name: total / count for name, (total, count) in self._sums.items()}
        self._sums = {}
        with self._disk_errors():
            self.training.add(self.step, means)
        if time.monotonic() - self._asked > BUSY_EVERY_SECONDS:
            self.meter.ask_device(self.device)
            self._asked = time.monotonic()
        print(self._progress_line(means["loss"]), file=sys.stderr, flush=True)

    def _progress_line(self, loss: float) -> str:
        figures, sitting = self.meter.figures(), time.monotonic() - self._began
        done = self.step - self._first
        left = sitting / max(done, 1) * (self.settings.steps - self.step)
        pace, fed = figures.get("crops_per_second", 0.0), figures.get("fed_share", 0.0)
        return (
            f"step {self.step}/{self.settings.steps}  loss {loss:.4f}  {pace:.1f} crops/s  "
            f"waits for crops {1 - fed:.0%}  {left / 60:.1f} min left"
        )

    def _try_out(self) -> None:
        self._gather()
        with self.meter.time("trial"), self._disk_errors():
            if self.trial is not None:
                figures = self._figures(self.trial)
                self.validation.add(self.step, figures)
                picture = self.folder / "samples" / f"step_{self.step:08d}.jpg"
                self.trial.draw(self.learner.average.model, picture)
                text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
                print(f"held-out: {text}", file=sys.stderr, flush=True)
            draw_curves(self.folder / "curves.png", self.training, self.validation)

    def _figures(self, trial: Trial) -> dict[str, float]:
        """UserError if the model's points are no numbers, which cannot be laid onto the truth."""
        try:
            return trial.figures(self.learner.average.model)
        except torch.linalg.LinAlgError as error:
            raise _diverged(self.step, self.folder) from error

    def _disk_errors(self) -> AbstractContextManager[None]:
        return disk_errors(self.folder, "go on from the last checkpoint with --resume")

    def _report(self) -> None:
        last = self.validation.rows()
        report = {
            "steps": self.step,
            "seconds": round(self.seconds, 1),
            "sitting": self.meter.figures(),
            "held_out": last[-1] if last else {},
            "skipped": self.source.skipped(),
            "device": str(self.device),
            "threads": torch.get_num_threads(),
        }
        data = json.dumps(report, indent=1).encode()
        with self._disk_errors():
            write_whole(self.folder / "report.json", data)

    def _trained(self) -> Trained:
        return Trained(self.learner.model, self.learner.average.model, self.learner.optimizer)

    def _scaler_state(self) -> dict[str, float]:
        return dict(self.learner.scaler.state_dict())


def _diverged(step: int, folder: Path) -> UserError:
    kept = checkpoints(folder / CHECKPOINTS)
    last = kept[-1].name if kept else "none"
    return UserError(
        "Training diverged",
        f"The loss of step {step} of {folder.name} is no number; the last checkpoint is {last}.",
        "Lower the learning rate or check the sets of the run, and start it in a new folder.",
    )

# SPDX-License-Identifier: GPL-3.0-or-later
"""What a training run is: one versioned JSON file, which the run's folder keeps a copy of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from ....errors import UserError
from ..crops.settings import CropSettings
from ..losses.settings import LossSettings
from ..model.settings import ModelSettings
from ..plain_settings import read_settings
from .settings import LoopSettings, OutputSettings

FORMAT = "nlf_blender training"
VERSION = 1
MOST_CROPS, MOST_WORKERS = 4096, 256  # more would fill the memory before anything is learnt


@dataclass(frozen=True)
class SetSettings:
    """A dataset's folder and how often its crops are drawn, relative to the other sets."""

    path: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise ValueError(f"weight is {self.weight}, not above 0")


@dataclass(frozen=True)
class FeatureSettings:
    """A cache of what the frozen backbone says about crops. folder: where it is. crops: how many it
    has; more than the sets have people means several variations of each. points: that a step takes
    of each crop, out of the `crops.points` that are cached."""

    folder: str
    crops: int
    points: int = 96

    def __post_init__(self) -> None:
        if min(self.crops, self.points) < 1:
            raise ValueError("crops and points are 1 or more")


@dataclass(frozen=True)
class DataSettings:
    """Where crops come from.

    sets: mixed by their weights. bodies: files of the bodies that they are annotated with, besides
    the open one (SMPL's family). crops: how they are made and varied. features: a cache of such
    crops, which steps then read instead (`worker train features` makes it). workers: processes that
    make crops beside the one that trains.
    """

    sets: tuple[SetSettings, ...]
    bodies: tuple[str, ...] = ()
    crops_per_step: int = 32
    workers: int = 1
    crops: CropSettings = field(default_factory=CropSettings)
    features: FeatureSettings | None = None

    def __post_init__(self) -> None:
        if not self.sets:
            raise ValueError("sets is empty")
        if not 1 <= self.crops_per_step <= MOST_CROPS or not 0 <= self.workers <= MOST_WORKERS:
            raise ValueError(
                f"crops_per_step is from 1 to {MOST_CROPS}, workers from 0 to {MOST_WORKERS}"
            )
        if self.features is not None and not self.crops.shared_points:
            raise ValueError("crops.shared_points is false, but cached crops need it")


@dataclass(frozen=True)
class ValidationSettings:
    """Held-out crops that the averaged model is tried on: the first `crops` people of sets, not
    varied; none: it is not tried. features: a cache's folder, as of DataSettings."""

    sets: tuple[SetSettings, ...] = ()
    crops: int = 400
    features: str | None = None

    def __post_init__(self) -> None:
        if self.features and not self.sets:
            raise ValueError("sets is empty")
        if self.crops < 1:
            raise ValueError(f"crops is {self.crops}, not 1 or more")


@dataclass(frozen=True)
class RunSettings:
    """A whole run. start: a native model file or the folder of another run, whose weights training
    starts from."""

    format: str
    version: int
    name: str
    data: DataSettings
    training: LoopSettings
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    start: str | None = None

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"format is {self.format!r}, not {FORMAT!r}")
        if self.version != VERSION:
            raise ValueError(f"version is {self.version}; this program reads {VERSION}")


def read_run_settings(path: Path) -> RunSettings:
    """A run's file, its paths made absolute: they are relative to the file's folder. UserError
    naming the entry that is wrong."""
    settings = read_settings(RunSettings, path)
    base = path.resolve().parent
    data, validation = settings.data, settings.validation
    features = data.features and replace(data.features, folder=str(base / data.features.folder))
    return replace(
        settings,
        data=replace(
            data,
            sets=_resolved(data.sets, base),
            bodies=tuple(str(base / path) for path in data.bodies),
            features=features,
        ),
        validation=replace(
            validation,
            sets=_resolved(validation.sets, base),
            features=validation.features and str(base / validation.features),
        ),
        start=settings.start and str(base / settings.start),
    )


def require_same_run(kept: RunSettings, asked: RunSettings, path: Path) -> None:
    """UserError if a run cannot go on with these settings, because others made its result.

    What only says how often something is written or tried, and with how many processes, may change.
    """

    def essence(run: RunSettings) -> RunSettings:
        data = replace(run.data, workers=0)
        training = replace(run.training, output=OutputSettings())
        return replace(run, data=data, training=training, validation=ValidationSettings())

    first, second = essence(kept), essence(asked)
    if first == second:
        return
    names = [n for n in vars(first) if getattr(first, n) != getattr(second, n)]
    raise UserError(
        "Another run's settings",
        f"{path} was begun with other settings of {', '.join(names)}.",
        "Resume it with those in its settings.json, or choose another --out folder.",
    )


def _resolved(sets: tuple[SetSettings, ...], base: Path) -> tuple[SetSettings, ...]:
    return tuple(replace(item, path=str(base / item.path)) for item in sets)

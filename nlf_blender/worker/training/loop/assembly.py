# SPDX-License-Identifier: GPL-3.0-or-later
"""A run's parts put together as its settings say."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ....errors import UserError
from ...evaluation.limbs import LIMB_NAMES
from ...nlf.model import LocalizerModel
from ...nlf.native_file import read_native
from ..crops.batch import CropBatch
from ..crops.loader import CropLoader
from ..crops.plan import CropPlan
from ..crops.settings import unvaried
from ..datasets.joint_places import place_of
from ..datasets.mixing import MixtureSettings
from ..datasets.shard_reader import open_dataset
from ..losses.total import training_loss
from ..model.trained import Localization, TrainedLocalizer, build_model
from ..points.posed import PoolSettings
from .average import WeightAverage
from .body_files import sets_without_body_files
from .export import averaged_model
from .features import CachedCrops
from .parts import Parts
from .run_file import RunSettings, SetSettings
from .run_folder import claim_folder, locked_run, run_catalogue
from .schedule import make_optimizer
from .sitting import Sitting
from .source import Source, StepInput
from .sources import CachedSource, LoaderSource, to_device
from .step import Learner, make_scaler
from .telling import say
from .trial import HeldOut

HELD_OUT_POINTS = 512
HELD_OUT_CROPS = 25  # at once


def open_run(settings: RunSettings, folder: Path, resume: bool, device: torch.device) -> Sitting:
    """A run at its start, or at its last checkpoint. UserError if its folder holds a run and
    `resume` was not said, or one with other settings, or another program trains in it. The folder
    is held until the sitting has run."""
    with ExitStack() as lock:
        lock.enter_context(locked_run(folder))
        claim_folder(folder, settings, resume)
        torch.manual_seed(settings.training.seed)
        model = build_model(settings.model, run_catalogue(folder))
        if settings.start is not None:
            model.adopt(read_start(Path(settings.start)))
        model = model.to(device)
        sitting = Sitting(
            settings.training,
            make_learner(settings, model, device),
            open_source(settings, model, device),
            open_trial(settings, model, device),
            folder,
        )
        if resume:
            sitting.resume()
        sitting.lock = lock.pop_all()
    return sitting


def read_start(path: Path) -> LocalizerModel:
    """The model that a run starts from: a native file's, or another run's average. UserError if it
    cannot be read."""
    if path.is_dir():
        model, _ = averaged_model(path)
        return model.to_localizer(path.name, "")
    return read_native(path)


def make_learner(settings: RunSettings, model: TrainedLocalizer, device: torch.device) -> Learner:
    """Model, average, optimizer and loss."""
    training = settings.training
    groups = model.parameter_groups(
        training.optimizer.learning_rate, training.optimizer.weight_decay
    )

    def loss(
        result: Localization, batch: CropBatch, progress: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        return training_loss(result, batch, settings.loss, progress)

    return Learner(
        Parts(model, training.parts),
        WeightAverage(model, training.average_decay),
        make_optimizer(groups, training.optimizer),
        make_scaler(training, device),
        loss,
    )


def open_source(settings: RunSettings, model: TrainedLocalizer, device: torch.device) -> Source:
    """Where the run's crops come from. UserError if that is a cache and the backbone learns."""
    data, seed = settings.data, settings.training.seed
    if data.features is not None:
        require_frozen(model, settings)
        cache = CachedCrops(Path(data.features.folder), data.features.crops)
        return CachedSource(cache, data.crops_per_step, data.features.points, seed, device)
    plan = training_plan(settings, model, listed=False)
    loader = CropLoader(plan, data.workers, device)
    loader.skipped_items |= sets_without_body_files(settings)
    for item in data.sets:
        loader.skipped_items |= lost_examples(Path(item.path))
    return LoaderSource(loader, device)


def open_trial(
    settings: RunSettings, model: TrainedLocalizer, device: torch.device
) -> HeldOut | None:
    """The trial on held-out crops, None if the settings name none."""
    held_out = settings.validation
    if held_out.features is not None:
        require_frozen(model, settings)
        batches = _cached_batches(CachedCrops(Path(held_out.features), held_out.crops))
    elif held_out.sets:
        plan = held_out_plan(settings, model)
        made = CropLoader(plan, 0, device).batches(0, -(-held_out.crops // HELD_OUT_CROPS))
        batches = [StepInput(batch) for batch in made]
    else:
        return None
    limbs = np.stack([place_of("open24", name) for name in LIMB_NAMES])
    return HeldOut([to_device(inputs, device) for inputs in batches], limbs)


def lost_examples(folder: Path) -> dict[str, str]:
    """Why examples of a set are missing, by the set's name and reason; it is said, too."""
    dataset = open_dataset(folder)
    lost: dict[str, str] = {}
    for reason, count in dataset.report.skipped.items():
        total = count + len(dataset)
        lost[f"{dataset.name}, {reason}"] = f"{count} of {total} examples are missing"
        say(f"{dataset.name}: {reason}, {count} of {total} examples are missing; "
            f"`worker train inspect {folder}` names them")  # fmt: skip
    return lost


def training_plan(settings: RunSettings, model: TrainedLocalizer, listed: bool) -> CropPlan:
    """The crops of a run's steps. listed: everybody in turn, rather than by chance."""
    data, seed = settings.data, settings.training.seed
    return CropPlan(
        _mixture(data.sets),
        PoolSettings(data.bodies),
        data.crops,
        model.crop_side,
        model.aligned,
        data.crops_per_step,
        seed,
        listed,
    )


def held_out_plan(settings: RunSettings, model: TrainedLocalizer) -> CropPlan:
    """The crops of a run's trials: everybody in turn, not varied."""
    return CropPlan(
        _mixture(settings.validation.sets),
        PoolSettings(settings.data.bodies),
        unvaried(HELD_OUT_POINTS, shared_points=True),
        model.crop_side,
        model.aligned,
        HELD_OUT_CROPS,
        listed=True,
    )


def _mixture(sets: Sequence[SetSettings]) -> MixtureSettings:
    folders = tuple(Path(item.path) for item in sets)
    return MixtureSettings(folders, tuple(item.weight for item in sets))


def _cached_batches(cache: CachedCrops) -> list[StepInput]:
    """All crops of a cache; the first batch is those that have pictures."""
    points = cache.some_points(np.random.default_rng(0), HELD_OUT_POINTS)
    first = min(len(cache.pictures), len(cache))
    ends = [first, *range(first + HELD_OUT_CROPS, len(cache), HELD_OUT_CROPS), len(cache)]
    batches, start = [], 0
    for end in ends:
        if end > start:
            batches.append(cache.batch(np.arange(start, end), points))
            start = end
    return [cache.with_pictures(batches[0]), *batches[1:]]


def require_frozen(model: TrainedLocalizer, settings: RunSettings) -> None:
    """UserError if nothing of the model's backbone can be cached."""
    if model.learns_backbone:
        raise UserError(
            "Features do not suit the model",
            f"The backbone {settings.model.backbone} learns, so what it says cannot be cached.",
            "Train on sets instead of features, or choose a frozen backbone.",
        )

# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills the caches that a run's settings name; goes on where it stopped before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch

from ....errors import UserError
from ....protocol.files import file_sha256
from ...assets import ASSETS
from ..crops.batch import CropBatch
from ..crops.loader import CropLoader
from ..crops.plan import CropPlan
from ..datasets.layout import INFO_FILE, read_info
from ..model.trained import TrainedLocalizer, build_model
from ..points.posed import OPEN_KIND
from .assembly import held_out_plan, require_frozen, training_plan
from .body_files import sets_without_body_files
from .cache_files import CacheAbout, CacheWriter
from .folder_lock import locked_folder
from .run_file import RunSettings
from .telling import progress_printer, say

BLOCK_CROPS = 1000  # about, a whole number of batches


def cache_features(settings: RunSettings, device: torch.device) -> None:
    """Cache the crops of training and of the trials. UserError if the settings name no cache, the
    backbone learns, or another program is caching in a folder."""
    if settings.data.features is None:
        raise UserError(
            "Nothing to cache",
            f"The settings of {settings.name} name no folder for features.",
            "Add data.features to them.",
        )
    model = build_model(settings.model).to(device).eval()
    require_frozen(model, settings)
    sets_without_body_files(settings)
    held_out, features = settings.validation, settings.data.features
    if held_out.features is not None:
        plan = held_out_plan(settings, model)
        with locked_cache(folder := Path(held_out.features)):
            _fill(folder, plan, held_out.crops, settings, model, device)
    plan = training_plan(settings, model, listed=True)
    with locked_cache(folder := Path(features.folder)):
        _fill(folder, plan, features.crops, settings, model, device)


@contextmanager
def locked_cache(folder: Path) -> Iterator[None]:
    """A cache's folder, held for the time of the with block: two programs would write the same
    blocks. UserError if another program is caching in it, or it cannot be written to."""
    in_use = UserError(
        "Cache in use",
        f"Another program is caching features in {folder}.",
        "Wait until it is done, stop it there, or name another folder in the settings.",
    )
    with locked_folder(folder, in_use):
        yield


def _fill(
    folder: Path,
    plan: CropPlan,
    crops: int,
    settings: RunSettings,
    model: TrainedLocalizer,
    device: torch.device,
) -> None:
    """Cache at least so many crops of a plan."""
    leading = plan.bodies.open()[OPEN_KIND].pool.joints
    writer = CacheWriter(folder, CacheAbout(_recipe(plan, settings), leading))
    size = max(1, BLOCK_CROPS // plan.crops)
    counts = _block_sizes(-(-crops // plan.crops), size)
    there = [writer.has(number, count * plan.crops) for number, count in enumerate(counts)]
    if all(there):
        return
    first = there.index(False)
    loader = CropLoader(plan, settings.data.workers, device)
    batches = loader.batches(first * size)
    show = progress_printer(folder.name)
    show(first * size * plan.crops, crops)
    try:
        for number in range(first, len(counts)):
            writer.add(number, list(_seen(batches, counts[number], model, device)))
            show(min((number * size + counts[number]) * plan.crops, crops), crops)
    finally:
        batches.close()
        tell_skipped(loader)


def tell_skipped(loader: CropLoader) -> None:
    """Name the items that no crop could be made of, the first ones each, the others by number."""
    for name, reason in loader.skipped_items.items():
        say(f"left out: {name}: {reason}")
    more = loader.skipped.total() - len(loader.skipped_items)
    if more > 0:
        say(f"left out: {more} more, or again")


def _block_sizes(total: int, size: int) -> list[int]:
    """Batches of each block, `size` in all but the last."""
    return [min(size, total - start) for start in range(0, total, size)]


def _seen(
    batches: Iterator[CropBatch], count: int, model: TrainedLocalizer, device: torch.device
) -> Iterator[tuple[CropBatch, dict[str, torch.Tensor]]]:
    """The next batches with what the frozen backbone says about them."""
    for _ in range(count):
        batch = next(batches)
        with torch.no_grad():
            yield batch, model.frozen(batch.images.to(device))


def _recipe(plan: CropPlan, settings: RunSettings) -> str:
    """All that decides what is cached, as text: crops, sets and the backbone's weights."""
    for folder in plan.source.folders:
        read_info(folder)  # which says so if there is no set
    files = [folder / INFO_FILE for folder in plan.source.folders]
    files += sorted(ASSETS.glob("blazepose*.safetensors"))
    names = [file.name for file in files]  # of several sets the same
    hashes = {
        file.name if names.count(file.name) == 1 else str(file): file_sha256(file) for file in files
    }
    return json.dumps([settings.model.backbone, asdict(plan), hashes], default=str)

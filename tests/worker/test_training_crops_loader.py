# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches of crops: the same whoever makes them, and bad items and dead workers named."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from crop_examples import DotBodies, DotSettings, skeleton_example

from nlf_blender.errors import UserError
from nlf_blender.worker.training.crops import crew
from nlf_blender.worker.training.crops.batch import CropBatch
from nlf_blender.worker.training.crops.batch_maker import BatchMaker
from nlf_blender.worker.training.crops.loader import CropLoader
from nlf_blender.worker.training.crops.picture_bank import BankSettings
from nlf_blender.worker.training.crops.plan import CropPlan
from nlf_blender.worker.training.crops.settings import CropSettings
from nlf_blender.worker.training.datasets.layout import DatasetInfo
from nlf_blender.worker.training.datasets.mixing import MixtureSettings
from nlf_blender.worker.training.datasets.shard_writer import DatasetWriter
from nlf_blender.worker.training.loop.caching import tell_skipped

BROKEN = DotSettings(broken=("dots3", "dots5"))
NO_BANK = BankSettings(examples=0)
SETTINGS = CropSettings(points=8, bank=BankSettings(examples=2))


def plan(source: DotSettings | MixtureSettings = BROKEN, **changes: object) -> CropPlan:
    return replace(CropPlan(source, DotBodies(), SETTINGS, 64, True, 5, seed=7), **changes)


def same(one: CropBatch, other: CropBatch) -> bool:
    names = [item.name for item in fields(one) if item.name != "queries"]
    pairs = [(getattr(one, name), getattr(other, name)) for name in names]
    pairs += [(getattr(one.queries, n), getattr(other.queries, n)) for n in ("places", "joints")]
    return all(a.dtype == b.dtype and torch.equal(a, b) for a, b in pairs)


def test_batches_are_the_same_with_workers_without_and_from_the_middle_on() -> None:
    alone = CropLoader(plan())
    whole = list(alone.batches(count=6))
    made = CropLoader(plan(), workers=2)
    batches = made.batches(first=2)
    assert all(same(next(batches), expected) for expected in whole[2:])
    later, beside = made.skipped.copy(), CropLoader(plan())
    batches.close()  # while the workers are at the next ones
    assert not multiprocessing.active_children()
    assert all(map(same, beside.batches(first=2, count=4), whole[2:]))
    assert later == beside.skipped
    assert 0 < later["Item not usable"] < alone.skipped["Item not usable"]
    assert all("dots3" in text or "dots5" in text for text in alone.skipped_items.values())
    assert not same(whole[0], whole[1])
    (other,) = CropLoader(plan(seed=8)).batches(count=1)
    assert not same(whole[0], other)


def test_listed_people_come_once_each_and_then_again_varied_otherwise() -> None:
    maker = BatchMaker(plan(listed=True, settings=replace(SETTINGS, shared_points=True)))
    seen: list[str] = []
    first, second, third = (maker.make(number, seen.append)[0] for number in range(3))
    names = [item.rpartition(" ")[2] for item in seen if item.startswith("crop") and "," in item]
    # 3 and 5 cannot be used: the next ones stand in for them
    assert names == [f"dots{number}" for number in (0, 1, 2, 4, 4, 6, 6, 7, 8, 9, 0, 1, 2, 4, 4)]
    assert first.images.shape == (5, 3, 64, 64)
    assert not torch.equal(first.images, second.images)
    assert not torch.equal(first.images, third.images)


def test_all_batches_share_their_points_where_that_is_asked_for() -> None:
    shared = plan(settings=replace(SETTINGS, shared_points=True))
    one, other = CropLoader(shared).batches(count=2)
    assert torch.equal(one.queries.places, other.queries.places)
    own, another = CropLoader(plan()).batches(count=2)
    assert not torch.equal(own.queries.places, another.queries.places)


def test_a_broken_picture_of_a_dataset_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "skeletons"
    with DatasetWriter(folder, DatasetInfo("skeletons")) as writer:
        for number in range(4):
            writer.add(skeleton_example(f"item{number}"))
    (shard,) = folder.glob("*.tar")
    data = bytearray(shard.read_bytes())
    picture = [at for at in range(len(data)) if data.startswith(b"\xff\xd8\xff", at)][2]
    data[picture : picture + 3000] = bytes(3000)
    shard.write_bytes(data)
    loader = CropLoader(plan(MixtureSettings((folder,)), settings=CropSettings(bank=NO_BANK)))
    batches = list(loader.batches(count=3))
    assert set(loader.skipped) == {"image broken"}
    assert set(loader.skipped_items) == {"skeletons, item2"}
    assert all(batch.has_3d.any(dim=1).all() for batch in batches)
    tell_skipped(loader)  # as caching does at its end
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("left out: skeletons, item2: image broken")
    assert len(told) == (1 if loader.skipped.total() == 1 else 2)


def test_a_dead_worker_is_reported_with_its_item() -> None:
    deadly = plan(DotSettings(deadly="dots4"), listed=True, settings=CropSettings(bank=NO_BANK))
    began = time.monotonic()
    with pytest.raises(UserError, match=r"exit code -9.*crop 4 of batch 0: dots, dots4"):
        list(CropLoader(deadly, workers=1).batches(count=3))
    assert time.monotonic() - began < 60
    assert not multiprocessing.active_children()


def test_a_worker_that_makes_no_progress_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "PATIENCE_S", 1.0)
    endless = plan(DotSettings(endless="dots0"), settings=CropSettings(bank=NO_BANK), listed=True)
    batches = CropLoader(endless, workers=1).batches()
    with pytest.raises(UserError, match=r"Batch 0 did not come within 1 s"):
        next(batches)
    assert not multiprocessing.active_children()


def test_what_a_worker_cannot_open_is_reported_in_its_own_words() -> None:
    with pytest.raises(UserError, match="dots is not there"):
        list(CropLoader(plan(DotSettings(opens=False)), workers=1).batches(count=3))
    assert not multiprocessing.active_children()


def test_a_source_of_nothing_usable_ends_the_run() -> None:
    useless = DotSettings(broken=tuple(f"dots{number}" for number in range(10)))
    loader = CropLoader(plan(useless))
    with pytest.raises(UserError, match=r"200 items in a row.*dots\d: the picture is broken"):
        next(loader.batches())


def test_the_consumer_waits_less_when_workers_are_ahead() -> None:
    loader = CropLoader(plan(DotSettings()), workers=1)
    batches = loader.batches(count=6)
    next(batches)
    started = loader.waited_seconds
    for _ in batches:
        time.sleep(0.4)  # a step of the device, longer than a batch takes to make
    assert loader.waited_seconds - started < 0.5 * 5 * 0.4

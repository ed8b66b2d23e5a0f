# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache of a frozen backbone's features."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from training_fakes import CROPS, POINTS, SIDE, small_batch

from nlf_blender.errors import UserError
from nlf_blender.worker.training.crops.batch import CropBatch, Queries
from nlf_blender.worker.training.crops.settings import CropSettings
from nlf_blender.worker.training.datasets.layout import DatasetInfo, write_info
from nlf_blender.worker.training.loop import caching
from nlf_blender.worker.training.loop.cache_files import CacheAbout, CacheWriter
from nlf_blender.worker.training.loop.features import CachedCrops, shuffled_rows
from nlf_blender.worker.training.loop.run_file import (
    FORMAT,
    VERSION,
    DataSettings,
    FeatureSettings,
    RunSettings,
    SetSettings,
    ValidationSettings,
)
from nlf_blender.worker.training.loop.settings import LoopSettings
from nlf_blender.worker.training.loop.sources import CachedSource
from nlf_blender.worker.training.model.settings import ModelSettings

ABOUT = CacheAbout("a recipe", leading=2)


def batch_with_places(number: int, moved: float = 0.0) -> CropBatch:
    """Crops whose points' places tell the points apart, in an order of the batch's own."""
    batch = small_batch(number)
    order = torch.from_numpy(np.random.default_rng(number).permutation(POINTS))
    places = torch.arange(POINTS)[order, None].float().repeat(1, 3) + moved
    columns = torch.argsort(order).repeat(CROPS, 1)
    queries = Queries(places, batch.queries.joints)
    return replace(batch, queries=queries, columns=columns)


def frozen_of(batch: CropBatch) -> dict[str, torch.Tensor]:
    return {"map": batch.images.float().mean(dim=(2, 3)), "score": batch.points_3d[:, 0, 0]}


def write(folder: Path, blocks: list[list[CropBatch]]) -> None:
    writer = CacheWriter(folder, ABOUT)
    for number, batches in enumerate(blocks):
        writer.add(number, [(batch, frozen_of(batch)) for batch in batches])


@pytest.fixture
def batches() -> list[CropBatch]:
    return [batch_with_places(number) for number in range(3)]


@pytest.fixture
def cache(tmp_path: Path, batches: list[CropBatch]) -> CachedCrops:
    write(tmp_path, [batches[:2], batches[2:]])
    return CachedCrops(tmp_path)


def test_a_batch_holds_what_was_cached(cache: CachedCrops, batches: list[CropBatch]) -> None:
    assert len(cache) == 3 * CROPS
    rows = np.array([9, 0, 5])
    points = torch.tensor([0, 3, 4])
    found = cache.batch(rows, points)
    for place, row in enumerate(rows):
        source, crop = batches[row // CROPS], row % CROPS
        assert torch.equal(found.batch.points_3d[place], source.points_3d[crop][points])
        assert torch.equal(found.batch.intrinsics[place], source.intrinsics[crop])
        places = found.batch.queries.places[found.batch.columns[place]]
        assert torch.equal(places, source.queries.places[source.columns[crop][points]])
        expected = frozen_of(source)["map"][crop]
        assert torch.allclose(found.frozen["map"][place], expected, rtol=1e-3)
    assert found.frozen["map"].dtype == torch.float32


def test_points_that_batches_share_are_asked_for_once(cache: CachedCrops) -> None:
    assert len(cache.queries.places) == POINTS
    found = cache.batch(np.arange(8), torch.tensor([0, 3]))
    assert len(found.batch.queries.places) == 2


def test_a_step_has_the_leading_points_and_some_others(cache: CachedCrops) -> None:
    chosen = {tuple(cache.some_points(np.random.default_rng(s), 4).tolist()) for s in range(30)}
    assert chosen == {(0, 1, 2), (0, 1, 3), (0, 1, 4)}


def test_a_point_comes_with_its_mirror_image(tmp_path: Path) -> None:
    batch = small_batch(0)
    places = torch.tensor([[0, 0, 0], [1, 2, 0], [3, 1, 0], [-3, 1, 0], [-1, 2, 0]]).float()
    write(tmp_path, [[replace(batch, queries=Queries(places, batch.queries.joints))]])
    cache = CachedCrops(tmp_path)
    cache.leading = 1
    chosen = {tuple(cache.some_points(np.random.default_rng(s), 3).tolist()) for s in range(20)}
    assert chosen == {(0, 1, 4), (0, 2, 3)}


def test_the_first_crops_have_pictures(cache: CachedCrops, batches: list[CropBatch]) -> None:
    shown = cache.with_pictures(cache.batch(np.arange(CROPS), torch.arange(POINTS)))
    assert torch.equal(shown.batch.images, batches[0].images)
    assert shown.batch.images.shape[-1] == SIDE


def test_every_crop_comes_once_before_any_comes_again() -> None:
    rows = np.concatenate(list(islice(shuffled_rows(10, 4, 0, 0), 5)))
    assert sorted(rows[:10].tolist()) == sorted(rows[10:].tolist()) == list(range(10))
    assert rows[:10].tolist() != rows[10:].tolist()


def test_a_source_can_begin_anywhere(cache: CachedCrops) -> None:
    def source() -> CachedSource:
        return CachedSource(cache, 4, 3, seed=5, device=torch.device("cpu"))

    whole = list(islice(source().batches(0), 6))
    for first, again in zip(whole[4:], source().batches(4), strict=False):
        assert torch.equal(first.batch.points_3d, again.batch.points_3d)
        assert torch.equal(first.frozen["map"], again.frozen["map"])
    assert not torch.equal(whole[0].batch.points_3d, whole[3].batch.points_3d)


def test_caching_goes_on_after_the_last_whole_block(
    tmp_path: Path, batches: list[CropBatch]
) -> None:
    write(tmp_path, [batches[:2]])
    (tmp_path / "block_000001.part").mkdir()
    writer = CacheWriter(tmp_path, ABOUT)
    assert writer.has(0, 2 * CROPS) and not writer.has(0, 3 * CROPS) and not writer.has(1, 1)
    writer.add(1, [(batches[2], frozen_of(batches[2]))])
    assert len(CachedCrops(tmp_path)) == 3 * CROPS
    assert len(CachedCrops(tmp_path, limit=5)) == 5


def test_a_cache_of_other_crops_is_not_continued(tmp_path: Path) -> None:
    CacheWriter(tmp_path, ABOUT)
    with pytest.raises(UserError, match="Another cache"):
        CacheWriter(tmp_path, CacheAbout("another recipe", 2))


def test_a_damaged_cache_is_named(tmp_path: Path, batches: list[CropBatch]) -> None:
    with pytest.raises(UserError, match=r"features\.json"):
        CachedCrops(tmp_path)
    write(tmp_path, [batches[:1]])
    array = tmp_path / "block_000000" / "points_3d.npy"
    array.write_bytes(array.read_bytes()[:-20])
    with pytest.raises(UserError, match="block_000000"):
        CachedCrops(tmp_path)
    array.unlink()
    with pytest.raises(UserError, match="missing"):
        CachedCrops(tmp_path)


HOLDER = """
import sys, time
from pathlib import Path
from nlf_blender.worker.training.loop.caching import locked_cache
with locked_cache(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def settings_with(tmp_path: Path) -> RunSettings:
    """Of a run with caches, neither of which is there, and an empty set."""
    (tmp_path / "set").mkdir()
    write_info(tmp_path / "set", DatasetInfo("set"))
    sets = (SetSettings(str(tmp_path / "set")),)
    return RunSettings(
        FORMAT,
        VERSION,
        "test model",
        DataSettings(
            sets,
            crops=CropSettings(shared_points=True),
            features=FeatureSettings(str(tmp_path / "cache"), crops=8),
        ),
        LoopSettings(steps=1),
        ValidationSettings(sets, features=str(tmp_path / "held_out")),
        ModelSettings(backbone="tiny"),
    )


def test_two_programs_do_not_fill_one_cache_and_a_killed_one_leaves_it_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled: list[str] = []
    monkeypatch.setattr(caching, "require_frozen", lambda model, settings: None)
    monkeypatch.setattr(caching, "_fill", lambda folder, *rest: filled.append(folder.name))
    settings, cpu = settings_with(tmp_path), torch.device("cpu")
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "cache")]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as other:
        try:
            assert other.stdout is not None and other.stdout.readline() == "held\n"
            with pytest.raises(UserError, match=r"caching features in .*cache\.") as told:
                caching.cache_features(settings, cpu)
            assert told.value.title == "Cache in use"
        finally:
            other.kill()
    assert filled == ["held_out"]  # which nobody held
    caching.cache_features(settings, cpu)
    assert filled[1:] == ["held_out", "cache"]


def test_a_cache_is_held_while_it_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(folder: Path, *rest: object) -> None:
        with pytest.raises(UserError, match="Cache in use"), caching.locked_cache(folder):
            pass

    monkeypatch.setattr(caching, "require_frozen", lambda model, settings: None)
    monkeypatch.setattr(caching, "_fill", fill)
    caching.cache_features(settings_with(tmp_path), torch.device("cpu"))

# SPDX-License-Identifier: GPL-3.0-or-later
"""What a disk does to a run: checkpoints and curves that are damaged, or have no room."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from nlf_blender.errors import UserError
from nlf_blender.worker.training.loop.checkpoint import checkpoints
from tests.worker.test_training_loop import same_result, sitting


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    assert sitting(folder).run()
    return folder


def test_no_disk_at_a_checkpoint_is_said_and_the_last_one_stays(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="file size limits are of POSIX systems")
    run = sitting(tmp_path)
    run.run(lambda: run.step == 5)
    kept = checkpoints(tmp_path / "checkpoints")
    before = kept[0].read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(UserError, match="No disk left at a checkpoint") as caught:
            run.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "step_00000005.safetensors, is still there" in str(caught.value)
    assert "--resume" in caught.value.fix
    assert list((tmp_path / "checkpoints").iterdir()) == kept
    assert kept[0].read_bytes() == before
    again = sitting(tmp_path)
    assert again.resume() and again.step == 5


def cut(data: bytes) -> bytes:
    return data[:-100]


def zeroed(data: bytes) -> bytes:
    return bytes(len(data))


def flipped(data: bytes) -> bytes:
    """A bit of the last weight, which the file's own format does not notice."""
    return data[:-2] + bytes([data[-2] ^ 1]) + data[-1:]


@pytest.mark.parametrize("damage", [cut, zeroed, flipped])
def test_a_damaged_checkpoint_is_said_and_the_one_before_used(
    whole: Path,
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = sitting(tmp_path)
    run.run(lambda: run.step == 9)
    first, newest = checkpoints(tmp_path / "checkpoints")
    newest.write_bytes(damage(newest.read_bytes()))
    again = sitting(tmp_path)
    assert again.resume() and again.step == 7
    said = capsys.readouterr().err
    assert newest.name in said and f"going on from {first.name}" in said
    assert checkpoints(tmp_path / "checkpoints") == [first]
    assert again.run() and same_result(whole, tmp_path)


def test_a_run_without_a_whole_checkpoint_is_not_begun_anew(tmp_path: Path) -> None:
    run = sitting(tmp_path)
    run.run(lambda: run.step == 3)
    (only,) = checkpoints(tmp_path / "checkpoints")
    only.write_bytes(cut(only.read_bytes()))
    with pytest.raises(UserError, match=only.name):
        sitting(tmp_path).resume()
    assert only.exists()


def test_what_a_run_wrote_before_its_first_checkpoint_is_not_kept_twice(
    whole: Path, tmp_path: Path
) -> None:
    run = sitting(tmp_path)
    run.run(lambda: run.step == 6)
    for path in checkpoints(tmp_path / "checkpoints"):
        path.unlink()  # as if it had been killed then
    again = sitting(tmp_path)
    assert not again.resume() and again.run() and same_result(whole, tmp_path)


@pytest.mark.parametrize("text", ["step,loss\n4,x\n", "step,loss\n4\n", "loss\n4\n", "step\n4,5\n"])
def test_a_damaged_table_of_curves_is_named(tmp_path: Path, text: str) -> None:
    run = sitting(tmp_path)
    run.training.path.write_text(text)
    with pytest.raises(UserError, match=r"training[.]csv"):
        run.run()


def test_no_disk_for_curves_is_said(tmp_path: Path) -> None:
    run = sitting(tmp_path)
    (tmp_path / "curves").rmdir()
    with pytest.raises(UserError, match="Folder not usable") as caught:
        run.run()
    assert "--resume" in caught.value.fix


def test_points_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    run = sitting(tmp_path)

    def figures(model: nn.Module) -> dict[str, float]:
        torch.linalg.svd(torch.full((1, 3, 3), torch.nan))
        return {}

    run.trial.figures = figures
    with pytest.raises(UserError, match="Training diverged"):
        run.run()


def test_a_loss_that_is_no_number_is_named(tmp_path: Path) -> None:
    run = sitting(tmp_path)
    run.run(lambda: run.step == 6)
    with torch.no_grad():
        next(run.learner.model.parameters()).fill_(float("nan"))
    with pytest.raises(UserError, match="loss of step 7") as caught:
        run.run()
    assert "step_00000006" in caught.value.detail
    assert checkpoints(tmp_path / "checkpoints")[-1].stem == "step_00000006"

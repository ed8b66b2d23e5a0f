# SPDX-License-Identifier: GPL-3.0-or-later
"""`worker convert`: a motion file in, one of another body out, and what it says when it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from conversion_examples import Pair, motion_of, second_pair, write_published

from nlf_blender.body.body_data import reduced_body_npz
from nlf_blender.worker.command_line import main


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    """Measuring needs none."""
    with torch.no_grad():
        yield


@pytest.fixture
def second() -> Pair:
    return second_pair()


def test_the_command(second: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "second.npz"
    other.write_bytes(reduced_body_npz(second.other.body))
    pose, betas, translation = (item.numpy() for item in motion_of(second.model, 3))
    motion = tmp_path / "motion.npz"
    arrays = {"poses": pose.reshape(3, -1), "trans": translation, "gender": np.array("female")}
    np.savez(motion, betas=betas[0], mocap_framerate=120.0, **arrays)
    words = ["convert", str(motion), "--from", "open", "--to", str(other), "--device", "cpu"]
    assert main([*words, "--out", str(tmp_path / "shared.npz")]) == 0
    assert "surfaces: mean" in capsys.readouterr().out
    matrix = write_published(tmp_path / "file.pkl", second.there.matrix)
    words += ["--correspondence", str(matrix), "--shape", "per-frame", "--betas", "4"]
    assert main([*words, "--out", str(tmp_path / "new" / "each.npz")]) == 0
    with np.load(tmp_path / "shared.npz") as shared, np.load(tmp_path / "new/each.npz") as each:
        assert shared["poses"].shape == (3, 72) and shared["betas"].shape == (10,)
        assert each["betas"].shape == (3, 4)
        assert str(shared["gender"]) == "female" and float(shared["mocap_framerate"]) == 120
        assert shared["surface_error"].max() < 0.01
        posed = second.other(
            torch.tensor(shared["poses"]).reshape(3, -1, 3),
            torch.tensor(shared["betas"]).expand(3, -1),
            torch.tensor(shared["trans"]),
        )
        source = second.model(*map(torch.tensor, (pose, betas[:1].repeat(3, 0), translation)))
        assert (posed.joints[:, 0] - source.joints[:, 0]).norm(dim=-1).max() < 0.02


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"poses": np.zeros((3, 66))}, "22 joints"),
        ({"poses": None}, "poses is missing"),
        ({"trans": np.zeros((2, 3))}, "trans has shape"),
        ({"betas": np.ones(300)}, "300 shape components"),
        ({"trans": np.full((3, 3), np.nan)}, "not finite"),
    ],
)
def test_motions_of_other_bodies_are_refused(
    change: dict, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays = {"poses": np.zeros((3, 72)), "betas": np.zeros(10), "trans": np.zeros((3, 3))}
    arrays = {key: array for key, array in (arrays | change).items() if array is not None}
    motion, out = tmp_path / "motion.npz", tmp_path / "out.npz"
    np.savez(motion, **arrays)
    words = ["convert", str(motion), "--from", "open", "--to", "open", "--out", str(out)]
    assert main([*words, "--device", "cpu"]) == 1
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_missing_files_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path / "out.npz"), "--device", "cpu"]
    assert main(["convert", "none.npz", "--from", "open", "--to", "open", *out]) == 1
    assert "Motion file not found" in capsys.readouterr().err
    assert main(["convert", "none.npz", "--from", "open", "--to", "none.npz", *out]) == 1
    assert "Body file not found" in capsys.readouterr().err


def test_more_betas_than_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["convert", str(tmp_path / "motion.npz"), "--from", "open", "--to", "open"]
    words += ["--out", str(tmp_path / "out.npz"), "--betas", "17", "--device", "cpu"]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "--betas is 17, but open has 16" in said and "--betas 16 or less" in said

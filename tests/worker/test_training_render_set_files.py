# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered sets go on with the wardrobe and motions that they were begun with, and no others."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from nlf_blender.errors import UserError
from nlf_blender.protocol.files import file_sha256
from nlf_blender.worker.training.datasets.layout import (
    INFO_FILE,
    SourceFile,
    read_info,
    write_info,
)
from nlf_blender.worker.training.datasets.shard_reader import open_dataset
from nlf_blender.worker.training.synthetic import render_set
from nlf_blender.worker.training.synthetic.made_of import source_files
from nlf_blender.worker.training.synthetic.mocap import Take
from nlf_blender.worker.training.synthetic.pose_library import library_of, save_library
from nlf_blender.worker.training.synthetic.render_set import RenderPlan

CPU = torch.device("cpu")


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def poses(path: Path, degrees: float) -> Path:
    """A file of motions: one pose, turned about the vertical."""
    turn = Rotation.from_euler("y", degrees, degrees=True).as_matrix()
    take = Take("01_01", "1", np.tile(turn, (1, 24, 1, 1)))
    save_library(library_of((take,)), path)
    return path


def test_a_set_goes_on_with_the_same_files_only(tmp_path: Path) -> None:
    first = poses(tmp_path / "poses.npz", 0)
    plan = RenderPlan(tmp_path / "set", 2, side=64, motions=(first,))
    render_set.render_set(plan, CPU)
    (kept,) = read_info(plan.out).made_of
    assert kept == SourceFile("poses.npz", file_sha256(first))
    (tmp_path / "else").mkdir()
    moved = first.rename(tmp_path / "else" / "poses.npz")
    more = dataclasses.replace(plan, count=3, motions=(moved,))
    assert render_set.render_set(more, CPU) == 3  # the same file from another folder
    before = files(plan.out)
    for count in (3, 4):  # whole, and to go on
        other = (poses(tmp_path / "poses.npz", 9),)
        with pytest.raises(UserError, match=r"begun with poses\.npz of another content") as told:
            render_set.render_set(dataclasses.replace(plan, count=count, motions=other), CPU)
        assert told.value.title == "Folder holds another set"
    assert files(plan.out) == before
    moved.unlink()
    assert render_set.render_set(more, CPU) == 3  # it is whole and needs none


def test_a_set_of_an_earlier_version_goes_on_by_its_files_names(tmp_path: Path) -> None:
    plan = RenderPlan(tmp_path / "set", 2, side=64, motions=(poses(tmp_path / "poses.npz", 0),))
    render_set.render_set(plan, CPU)
    write_info(plan.out, dataclasses.replace(read_info(plan.out), made_of=()))
    assert "made_of" not in (plan.out / INFO_FILE).read_text()
    assert len(open_dataset(plan.out)) == 2
    poses(tmp_path / "poses.npz", 9)
    assert render_set.render_set(dataclasses.replace(plan, count=3), CPU) == 3
    assert read_info(plan.out).made_of == ()  # of its first pictures nobody knows
    renamed = dataclasses.replace(plan, motions=(poses(tmp_path / "others.npz", 0),))
    with pytest.raises(UserError, match=r"from poses\.npz; asked for .* from others\.npz"):
        render_set.render_set(renamed, CPU)


def test_folders_are_told_apart_by_the_names_and_contents_in_them(tmp_path: Path) -> None:
    def digest() -> str:
        (source,) = source_files([tmp_path])
        return source.sha256

    (tmp_path / "a.bvh").write_text("one")
    found = {digest(), digest()}
    (tmp_path / "a.bvh").write_text("other")
    found.add(digest())
    (tmp_path / "a.bvh").rename(tmp_path / "b.bvh")
    found.add(digest())
    assert len(found) == 3 and "" not in found
    assert source_files([tmp_path / "none.npz"]) == (SourceFile("none.npz", ""),)

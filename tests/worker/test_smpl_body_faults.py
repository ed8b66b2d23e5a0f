# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user is told of body files that are faulty, damaged, or something else."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from body_examples import family_arrays, write_npz
from safetensors.torch import save_file
from scipy import sparse

from nlf_blender.body import npz_file
from nlf_blender.errors import UserError
from nlf_blender.worker.smpl.body_files import load_body

Arrays = dict[str, np.ndarray]


def change(key: str, value: Callable[[np.ndarray], np.ndarray]) -> Callable[[Arrays], None]:
    """A fault of one array."""
    return lambda arrays: arrays.__setitem__(key, value(arrays[key]))


FAULTS = {
    "v_template has values that are not finite": change("v_template", lambda a: a * np.nan),
    "J_regressor is missing": lambda arrays: arrays.pop("J_regressor"),
    "weights has shape": change("weights", lambda a: a[:-1]),
    "f refers to 240, but there are 240": change("f", lambda a: np.full_like(a, 240)),
    "f is missing": lambda arrays: arrays.pop("f"),
    "kintree_table has shape": change("kintree_table", lambda a: a[:1]),
    "hands_meanl has shape": change("hands_meanl", lambda a: a[:-3]),
    "J_regressor has shape": change("J_regressor", lambda a: a[:, 1:]),
}


@pytest.mark.parametrize("suffix", [".npz", ".pkl"])
@pytest.mark.parametrize("said", FAULTS)
def test_faulty_arrays_are_named(tmp_path: Path, said: str, suffix: str) -> None:
    arrays = family_arrays("smplh")
    FAULTS[said](arrays)
    path = tmp_path / f"body{suffix}"
    if suffix == ".npz":
        write_npz(path, arrays)
    else:
        path.write_bytes(pickle.dumps(arrays, 2))
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        load_body(path)
    assert str(path) in caught.value.detail and caught.value.fix


class Attack:
    """Would leave a file behind."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return Path.touch, (self.target,)


def test_pickles_with_other_names_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "was-run"
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps({**family_arrays("smpl"), "x": Attack(target)}, 2))
    with pytest.raises(UserError, match="refused") as caught:
        load_body(path)
    assert f"{path} would run" in caught.value.detail and not target.exists()


def test_cut_off_files(tmp_path: Path) -> None:
    whole = write_npz(tmp_path / "whole.npz", family_arrays("smpl")).read_bytes()
    pickled = pickle.dumps(family_arrays("smpl"), 2)
    contents = {
        "cut.npz": whole[: len(whole) // 2],
        "cut.pkl": pickled[: len(pickled) // 2],
        "short.pkl": pickled[:2],
        "empty.npz": b"",
        "text.pkl": b"hello",
        "page.npz": b"<!DOCTYPE html><html>Sign in</html>",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=name) as caught:
            load_body(tmp_path / name)
        assert caught.value.fix
        assert name != "cut.pkl" or "it is cut off, or no pickle" in caught.value.detail


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz_file, "HARMLESS_BYTES", 1 << 20)
    arrays = {**family_arrays("smpl"), "posedirs": np.zeros((1000, 3, 207))}
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="posedirs would unpack to 4 MB, as in a zip bomb"):
        load_body(path)
    monkeypatch.setattr(npz_file, "MOST_BYTES", 1 << 20)
    with pytest.raises(UserError, match="more than any body"):
        load_body(write_npz(tmp_path / "large.npz", arrays))


def test_a_small_matrix_that_claims_to_be_large(tmp_path: Path) -> None:
    arrays: dict[str, object] = dict(family_arrays("smpl"))
    arrays["J_regressor"] = sparse.csr_matrix(([1.0], ([0], [0])), shape=(24, 9_000_000))
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps(arrays, 2))
    with pytest.raises(UserError, match=re.escape("J_regressor is a sparse matrix of shape (24, ")):
        load_body(path)


def test_an_npz_whose_header_is_no_python(tmp_path: Path) -> None:
    whole = write_npz(tmp_path / "whole.npz", family_arrays("smpl")).read_bytes()
    path = tmp_path / "body.npz"
    path.write_bytes(whole.replace(b"(240, 3)", b"(240, (("))
    with pytest.raises(UserError, match=re.escape("body.npz")):
        load_body(path)


def test_an_array_that_claims_more_than_it_holds(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a.npz", family_arrays("smpl"))
    lying = tmp_path / "b.npz"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(lying, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "v_template.npy":
                data = data.replace(b"(240, 3)", b"(10**9,3)".replace(b"10**9", b"90000"))
            target.writestr(name, data)
    with pytest.raises(UserError, match="v_template is cut off"):
        load_body(lying)


def test_models_motions_and_folders_are_no_bodies(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "model.safetensors")
    torch.save({"a": torch.zeros(2)}, tmp_path / "crop.pt")
    torch.save({"a": torch.zeros(2)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("model.safetensors", "crop.pt", "old.pt"):
        with pytest.raises(UserError, match="A model, not a body") as caught:
            load_body(tmp_path / name)
        assert name in caught.value.detail
    motion = {"poses": np.zeros((3, 156)), "trans": np.zeros((3, 3)), "betas": np.zeros(16)}
    with pytest.raises(UserError, match="it holds a motion"):
        load_body(write_npz(tmp_path / "motion.npz", motion))
    with pytest.raises(UserError, match="is a folder"):
        load_body(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        load_body(tmp_path / "absent.pkl")


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_npz(tmp_path / "body.npz", family_arrays("smpl"))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(UserError, match="Permission denied") as caught:
        load_body(path)
    assert "body.npz" in caught.value.detail

# SPDX-License-Identifier: GPL-3.0-or-later
"""Official crop checkpoints and data files that are damaged, hostile or of another kind."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from official_files import DATA_FILES, Change, small_file, write_data_files
from torch import Tensor

from nlf_blender.errors import UserError
from nlf_blender.worker.nlf.checkpoints import load_localizer
from nlf_blender.worker.nlf.model import LocalizerModel
from nlf_blender.worker.nlf.official import crop_checkpoint

ASSETS = Path(__file__).resolve().parents[2] / "nlf_blender" / "assets"
WEIGHT = "backbone.1.3.0.block.0.0.weight"
BIAS = "heatmap_head.weight_field.pred_mlp.2.bias"


def load(path: Path, data: Path | None = None) -> LocalizerModel:
    return load_localizer(str(path), "cpu", ASSETS, data)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_files(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize(
    ("name", "array", "told"),
    [
        (DATA_FILES[0], np.zeros((5, 2)), "instead of n x 3"),
        (DATA_FILES[0], np.zeros((5, 3)), "span no volume"),
        (DATA_FILES[0], np.full((5, 3), np.nan), "not finite"),
        (DATA_FILES[0], np.array([[{}, {}, {}]]), "no plain .npy"),
        (DATA_FILES[0], np.array([["a", "b", "c"]]), "no array of numbers"),
        (DATA_FILES[1], np.arange(1000.0), "1024 or more values"),
        (DATA_FILES[1], -np.arange(1100.0), "above 0"),
        (DATA_FILES[2], np.ones((7, 3)), "do not suit"),
        (DATA_FILES[3], np.zeros((6891, 3)), "instead of 6890 x 3"),
        (DATA_FILES[4], np.zeros((24, 3, 1)), "instead of 24 x 3"),
        (DATA_FILES[4], np.zeros(0), "instead of 24 x 3"),
    ],
)
def test_bad_data_files_are_named(
    tmp_path: Path, data: Path, name: str, array: np.ndarray, told: str
) -> None:
    path, folder = small_file(tmp_path), tmp_path / "data"
    shutil.copytree(data, folder)
    np.save(folder / name, array, allow_pickle=True)
    with pytest.raises(UserError, match=told) as caught:
        load(path, folder)
    assert name in caught.value.detail or told == "do not suit"
    assert caught.value.fix


def test_a_data_file_that_claims_to_be_huge_takes_no_memory(tmp_path: Path, data: Path) -> None:
    path, folder = small_file(tmp_path), tmp_path / "data"
    shutil.copytree(data, folder)
    header = io.BytesIO()
    form = {"descr": "<f8", "fortran_order": False, "shape": (10**13, 3)}
    np.lib.format.write_array_header_1_0(header, form)
    (folder / DATA_FILES[0]).write_bytes(header.getvalue() + bytes(48))
    with pytest.raises(UserError, match=DATA_FILES[0]):
        load(path, folder)


def _rename(old: str, new: str) -> Change:
    def change(tensors: dict[str, Tensor]) -> None:
        for name in [name for name in tensors if name.startswith(old)]:
            tensors[name.replace(old, new)] = tensors.pop(name)

    return change


def _put(name: str, value: object) -> Change:
    return lambda tensors: tensors.update({name: value})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_put(BIAS, torch.full((5130,), torch.nan)), f"{BIAS} holds values that are not finite"),
        (_put(WEIGHT, torch.full((1,), torch.inf).expand(192, 48, 3, 3)), f"{WEIGHT} holds values"),
        (lambda tensors: tensors.pop(WEIGHT), f"it lacks {WEIGHT}"),
        (_put(BIAS, torch.zeros(5129)), f"{BIAS} is 5129 instead of 5130"),
        (_put(BIAS, torch.zeros(1).expand(10**9, 5130)), "instead of 5130"),
        (_put(BIAS, "text"), f"{BIAS} is no tensor"),
        (_put(BIAS, torch.zeros(5130).to_sparse()), f"{BIAS} is no tensor"),
        (_put(BIAS, torch.zeros(5130, device="meta")), f"{BIAS} is no tensor"),
        (_put("backbone.1.9.weight", torch.zeros(3)), "lacks: backbone.1.9.weight"),
        (_rename("backbone.1.6.14.", "backbone.1.6.15."), "neither EfficientNetV2-S nor"),
        (_rename("backbone.1.", "backbone.layers."), "neither EfficientNetV2-S nor"),
        (_rename("heatmap_head.", "head."), "no NLF crop model"),
        (_put("heatmap_head.weight_field.r_sqrt_eigva", torch.ones(3)), "r_sqrt_eigva is 3"),
        (_put("canonical_lefts", torch.zeros(9, 3)), "locations do not suit"),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit_are_named(
    tmp_path: Path, data: Path, change: Change, told: str
) -> None:
    with pytest.raises(UserError) as caught:
        load(small_file(tmp_path, change), data)
    assert told in caught.value.detail
    assert "nlf_s_crop.pt" in caught.value.detail
    assert caught.value.fix


class Hostile:
    """Pickled as a call of a function that leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


def test_no_code_of_a_checkpoint_is_run(tmp_path: Path, data: Path) -> None:
    trace = tmp_path / "trace"
    path = small_file(tmp_path, _put("epoch", Hostile(trace)))
    with pytest.raises(UserError, match="no code of it was run") as caught:
        load(path, data)
    assert "mkdir" in caught.value.detail
    assert not trace.exists()


def test_truncated_checkpoints_are_refused(tmp_path: Path, data: Path) -> None:
    path = small_file(tmp_path)
    whole = path.read_bytes()
    for size in (len(whole) // 2, len(whole) - 10):
        path.write_bytes(whole[:size])
        with pytest.raises(UserError, match="ends too early"):
            load(path, data)


def test_zip_bombs_are_not_unpacked(tmp_path: Path, data: Path) -> None:
    path = tmp_path / "nlf_s_crop.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(50_000_000))
    with pytest.raises(UserError, match=r"would unpack to 50\.0 MB"):
        load(path, data)
    honest = small_file(tmp_path)
    with zipfile.ZipFile(honest, "a") as archive:
        info = archive.getinfo("nlf_s_crop/data/0")
        info.file_size = info.compress_size = 2_000_000_000
        archive.writestr("nlf_s_crop/note", b"rewrites the table of contents")
    with pytest.raises(UserError, match="would unpack to 200"):
        load(honest, data)


def test_an_index_that_would_fill_the_memory_is_not_read(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crop_checkpoint, "MOST_INDEX_BYTES", 1000)
    with pytest.raises(UserError, match="Unsafe model file"):
        load(small_file(tmp_path), data)


def test_a_half_torchscript_is_not_run(tmp_path: Path, data: Path) -> None:
    path = small_file(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("nlf_s_crop/constants.pkl", b"\x80\x02).")
    with pytest.raises(UserError, match=r"nlf_s_crop\.pt cannot be loaded"):
        load(path, data)


def test_damaged_contents_are_refused(tmp_path: Path, data: Path) -> None:
    path = small_file(tmp_path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for index in (b"", b"garbage", b"\x80\x02}q\x00.", b"\x80\x02K\x01."):
        with zipfile.ZipFile(path, "w") as archive:
            for name, part in parts.items():
                archive.writestr(name, index if name.endswith("data.pkl") else part)
        with pytest.raises(UserError, match=r"nlf_s_crop\.pt cannot be loaded"):
            load(path, data)


def test_an_unreadable_file_is_named(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_file(tmp_path)

    def refuse(path: Path, *args: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UserError, match=r"nlf_s_crop\.pt cannot be read \(Permission denied\)"):
        load(path, data)


def test_missing_data_files_are_named(tmp_path: Path, data: Path) -> None:
    path = small_file(tmp_path)
    with pytest.raises(UserError) as caught:
        load(path)
    assert all(name in caught.value.detail for name in DATA_FILES)
    assert str(tmp_path) in caught.value.detail
    assert "--model-data" in caught.value.fix
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    (folder / DATA_FILES[1]).unlink()
    with pytest.raises(UserError) as caught:
        load(path, folder)
    assert f"lacks {DATA_FILES[1]} of" in caught.value.detail
    assert f"; {DATA_FILES[1]} must be among them" in caught.value.fix
    with pytest.raises(UserError, match="nowhere"):
        load(path, tmp_path / "nowhere")


def test_a_torchscript_beside_it_needs_consent(tmp_path: Path) -> None:
    path = small_file(tmp_path)
    with zipfile.ZipFile(tmp_path / "nlf_l_multi.torchscript", "w") as archive:
        archive.writestr("nlf/constants.pkl", b"")
        archive.writestr("nlf/code/model.py", "raise SystemExit")
        archive.writestr("nlf/data.pkl", b"")
    with pytest.raises(UserError, match=r"nlf_l_multi\.torchscript has the values too, but") as e:
        load(path)
    assert DATA_FILES[0] in e.value.detail

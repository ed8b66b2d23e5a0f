# SPDX-License-Identifier: GPL-3.0-or-later
"""TorchScript files that are refused: without consent, damaged, or of something else."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchscript_stand_in import FIELD, StandIn, Trace

from nlf_blender.errors import UserError
from nlf_blender.protocol.files import file_sha256
from nlf_blender.worker.nlf.official.torchscript import load_torchscript, read_torchscript
from nlf_blender.worker.nlf.official.torchscript_archive import describe_torchscript

WEIGHT = "backbone.1.3.0.block.0.0.weight"
Change = Callable[[StandIn], None]


@pytest.fixture(scope="module")
def whole() -> StandIn:
    return StandIn()


@pytest.fixture(scope="module")
def small(whole: StandIn) -> dict[str, Tensor]:
    """The stand-in's tensors by name, but of one value each where no shape is asked for."""
    return {
        name: value if name.startswith("canonical") else value.flatten()[:1].clone()
        for name, value in whole.crop.items()
    }


def test_nothing_runs_without_consent(tmp_path: Path, small: dict[str, Tensor]) -> None:
    trace = tmp_path / "trace.pt"
    file = StandIn(crop=small, extra=Trace(str(trace))).write(tmp_path / "hostile.torchscript")
    trace.unlink(missing_ok=True)
    digest = file_sha256(file)
    for trusted in ((), ("0" * 64,), (digest[:-1],)):
        with pytest.raises(UserError) as failure:
            read_torchscript(file, trusted)
        assert failure.value.title == "Consent needed"
        assert file.name in failure.value.detail and digest in failure.value.detail
        assert "--trust" in failure.value.fix
    assert describe_torchscript(file).needs_consent
    assert not trace.exists()
    read_torchscript(file, [digest])
    assert trace.exists()  # so code did run, once that was agreed to


def test_consent_is_to_the_content(tmp_path: Path, small: dict[str, Tensor]) -> None:
    file = StandIn(crop=small).write(tmp_path / "nlf_s_multi.torchscript")
    digest = file_sha256(file)
    read_torchscript(file, [digest])
    other = tmp_path / "other.torchscript"
    other.write_bytes(file.read_bytes())
    with zipfile.ZipFile(other, "a") as archive:
        archive.writestr("nlf_s_multi/extra/more", b"one byte more")
    with pytest.raises(UserError, match="Consent needed"):
        read_torchscript(other, [digest])


def _head(**values: float) -> Change:
    return lambda stand_in: stand_in.head.update(values)


def _tensor(name: str, value: float) -> Change:
    def change(stand_in: StandIn) -> None:
        stand_in.crop[name] = torch.full_like(stand_in.crop[name], value)

    return change


def _without(*names: str) -> Change:
    def change(stand_in: StandIn) -> None:
        for name in names:
            stand_in.head.pop(name, None)
            stand_in.points.pop(name, None)
            stand_in.crop.pop(name, None)

    return change


def _joints_first(stand_in: StandIn) -> None:
    stand_in.points["smpl"] = stand_in.points["smpl"].flip(0)


def _no_blocks(stand_in: StandIn) -> None:
    for name in [name for name in stand_in.crop if name.startswith("backbone.1.6.14.")]:
        del stand_in.crop[name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_head(depth=16), "attribute depth is 16"),
        (_head(uncert_bias2=0.01), "attribute uncert_bias2 is 0.01"),
        (_head(weak_perspective=True), "attribute weak_perspective is True"),
        (_without("mix_3d_inside_fov"), "no attribute mix_3d_inside_fov"),
        (_head(proc_side=384), "crops of 384 pixels"),
        (_no_blocks, "backbone is none of those"),
        (_tensor("backbone.0.std", 0.2), "std of its colours"),
        (_without("smplx"), "canonical points of smplx"),
        (_joints_first, "order vertices, joints"),
        (_tensor("canonical_lefts", float("nan")), "canonical points are not finite"),
        (_without("canonical_delta_mask"), "canonical_delta_mask"),
    ],
)
def test_another_model_is_refused_by_name(
    change: Change, message: str, small: dict[str, Tensor], tmp_path: Path
) -> None:
    stand_in = StandIn(crop=dict(small))
    change(stand_in)
    file = stand_in.write(tmp_path / "nlf_x_multi.torchscript")
    with pytest.raises(UserError, match=message) as failure:
        load_torchscript(file, [file_sha256(file)])
    assert file.name in failure.value.detail


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_tensor(WEIGHT, float("nan")), f"{WEIGHT} holds values that are not finite"),
        (_tensor(FIELD + "pred_mlp.0.bias", float("inf")), "pred_mlp.0.bias holds values"),
        (_without(FIELD + "gps_net.mini"), "gps_net.mini"),
    ],
)
def test_damaged_weights_are_refused_by_name(
    change: Change, message: str, whole: StandIn, tmp_path: Path
) -> None:
    damaged = StandIn(crop=dict(whole.crop))
    change(damaged)
    file = damaged.write(tmp_path / "nlf_s_multi.torchscript")
    with pytest.raises(UserError, match=message) as failure:
        load_torchscript(file, [file_sha256(file)])
    assert file.name in failure.value.detail


def _foreign_program(path: Path) -> None:
    torch.jit.script(nn.Linear(2, 2)).save(str(path))


def _plain_checkpoint(path: Path) -> None:
    torch.save({"weight": torch.rand(3)}, path)


def _strange_operator(path: Path) -> None:
    library = torch.library.Library("strange", "DEF")
    library.define("thing(Tensor x) -> Tensor")
    torch.jit.script(_Strange()).save(str(path))
    del library


class _Strange(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.strange.thing(x)


def _cut_off(path: Path) -> None:
    _foreign_program(path)
    path.write_bytes(path.read_bytes()[:-200])


def _broken_inside(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py", "version"):
            archive.writestr(f"model/{name}", b"nonsense")


def _bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/constants.pkl", b"")
        archive.writestr("model/code/__torch__.py", b"\n" * 20_000_000)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (_foreign_program, "no attribute crop_model"),
        (_plain_checkpoint, "no TorchScript file"),
        (_strange_operator, "operator strange::thing"),
        (_cut_off, "only a part of one"),
        (_broken_inside, "torch cannot open it"),
        (_bomb, "would unpack to 20.0 MB"),
        (lambda path: path.write_text("hello"), "no TorchScript file"),
    ],
)
def test_other_files_are_refused(
    write: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    file = tmp_path / "modèle.torchscript"
    write(file)
    with pytest.raises(UserError, match=message) as failure:
        read_torchscript(file, [file_sha256(file)])
    assert file.name in failure.value.detail and failure.value.fix

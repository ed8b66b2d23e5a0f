# SPDX-License-Identifier: GPL-3.0-or-later
"""Body files are found under the names and in the folders that their publishers give them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nlf_blender.body import model_folder
from nlf_blender.body.model_folder import body_file, choose_body, find_bodies
from nlf_blender.errors import UserError

NAMES = {
    "smpl/SMPL_NEUTRAL.pkl": ("smpl", "neutral"),
    "smpl/basicModel_f_lbs_10_207_0_v1.0.0.pkl": ("smpl", "female"),
    "smpl/models/basicmodel_m_lbs_10_207_0_v1.1.0.pkl": ("smpl", "male"),
    "body_models/smpl/basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl": ("smpl", "neutral"),
    "models/smplx/SMPLX_MALE.npz": ("smplx", "male"),
    "models/smplx/SMPLX_NEUTRAL_2020.npz": ("smplx", "neutral"),
    "SMPLX_FEMALE.pkl": ("smplx", "female"),
    "smplh/SMPLH_female.pkl": ("smplh", "female"),
    "smplh/neutral/model.npz": ("smplh", "neutral"),
    "smplx/male/model.npz": ("smplx", "male"),
    "smplx_locked_head/female/model.npz": ("smplx", "female"),
    "star_1_1/female/model.npz": ("star", "female"),
}
OTHERS = (
    "smplx/smplx_uv.obj",
    "smplx/SMPLX_to_J14.pkl",
    "smpl/kid_template.npy",
    "smpl2smplx_deftrafo_setup.pkl",
    "neutral/model.npz",
    "SMPLX_MALEFACE.npz",
    "smplx/SMPL-X__FLAME_vertex_ids.npy",
)


def make(folder: Path, *names: str) -> None:
    """Empty files of these names."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize("name", NAMES)
def test_names_that_publishers_gave(name: str) -> None:
    found = body_file(Path("disk") / name)
    assert found is not None and (found.kind, found.gender) == NAMES[name]


@pytest.mark.parametrize("name", OTHERS)
def test_other_names(name: str) -> None:
    assert body_file(Path("disk") / name) is None


def test_all_layouts_in_one_folder(tmp_path: Path) -> None:
    make(tmp_path, *NAMES, *OTHERS)
    found = find_bodies(tmp_path)
    assert {file.path.relative_to(tmp_path).as_posix() for file in found.files} == set(NAMES)
    assert found.complete and not found.unreadable
    kinds = [file.kind for file in found.files]
    assert kinds == sorted(kinds, key=("smpl", "smplh", "smplx", "star").index)
    expected = tmp_path / "smplx/male/model.npz"
    make(tmp_path, "smplx/male/model.pkl")
    (tmp_path / "models/smplx/SMPLX_MALE.npz").unlink()
    assert choose_body(tmp_path, "smplx", "male") == expected, "npz is preferred"


def test_a_folder_without_the_body(tmp_path: Path) -> None:
    make(tmp_path, "smplx/SMPLX_MALE.npz")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError) as caught:
        choose_body(tmp_path, "smpl", "female")
    assert "SMPL-X male" in caught.value.detail and str(tmp_path) in caught.value.detail
    assert "SMPL_FEMALE.pkl or basicmodel_f_lbs" in caught.value.fix
    with pytest.raises(UserError, match="no body files with known names"):
        choose_body(empty, "smplx", "neutral")
    with pytest.raises(UserError, match="not readable"):
        find_bodies(tmp_path / "absent")
    with pytest.raises(UserError, match="not readable"):
        find_bodies(tmp_path / "smplx/SMPLX_MALE.npz")


def test_the_search_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a/b/c/d/e/f/SMPL_MALE.pkl", "SMPL_NEUTRAL.pkl")
    assert [file.gender for file in find_bodies(tmp_path).files] == ["neutral"]
    make(tmp_path, *(f"clutter/{number}.txt" for number in range(20)), "z/SMPL_FEMALE.pkl")
    monkeypatch.setattr(model_folder, "MOST_ENTRIES", 15)
    found = find_bodies(tmp_path)
    assert [file.gender for file in found.files] == ["neutral"] and not found.complete
    with pytest.raises(UserError, match="Not all of it was searched"):
        choose_body(tmp_path, "smpl", "male")


def test_folders_that_cannot_be_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "locked/SMPL_MALE.pkl", "open/SMPL_FEMALE.pkl")
    listing = os.listdir

    def refuse(path: os.PathLike[str] | str) -> list[str]:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(Path, "iterdir", lambda path: (path / name for name in refuse(path)))
    found = find_bodies(tmp_path)
    assert [file.gender for file in found.files] == ["female"]
    assert found.unreadable == (tmp_path / "locked",)
    with pytest.raises(UserError, match=r"Not readable: .*locked"):
        choose_body(tmp_path, "smpl", "male")

# SPDX-License-Identifier: GPL-3.0-or-later
"""The zip that users get, installed in this Blender, with the real worker behind it."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

import bpy
import extension_run
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "cv2", "av", "scipy", "PIL", "safetensors", "ezc3d")
ZIP_MEGABYTES = 70
HOLD_SECONDS = 0.05


@pytest.fixture(scope="module")
def photo() -> Path:
    """scikit-image's astronaut, fetched by build.py."""
    sys.path.insert(0, str(ROOT))
    import build

    return build.astronaut()


def is_enabled() -> bool:
    """Whether the extension is there for the user."""
    return hasattr(bpy.types.Scene, "nlf") and hasattr(bpy.types, "NLF_OT_localize")


def test_the_zip_is_slim_and_complete(package: Path) -> None:
    assert package.stat().st_size < ZIP_MEGABYTES * 1e6
    with zipfile.ZipFile(package) as archive:
        names = set(archive.namelist())
    needed = {
        "__init__.py",
        "blender_manifest.toml",
        "wheels/requirements.lock",
        "worker/__main__.py",
        "assets/open_body.npz",
        "assets/default_model.safetensors",
    }
    assert needed <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]
    assert any(name.startswith("assets/LICENSES/") for name in names)


def test_enable_disable_enable(installed: Path) -> None:
    before = set(sys.modules)
    for _ in range(2):
        assert is_enabled()
        bpy.ops.preferences.addon_disable(module=extension_run.MODULE)
        assert not is_enabled()
        bpy.ops.preferences.addon_enable(module=extension_run.MODULE)
    assert is_enabled()
    loaded = {name.split(".")[0] for name in set(sys.modules) - before}
    assert not loaded & set(HEAVY)


def test_enabling_loads_nothing_heavy(installed: Path) -> None:
    ours = [name for name in sys.modules if name.startswith(extension_run.MODULE)]
    assert not [name for name in ours if "worker" in name.split(".")]
    assert not [name for name in HEAVY if name in sys.modules]


def test_a_zip_over_an_older_one_and_over_itself(installed: Path, tmp_path: Path) -> None:
    folder = Path(sys.modules[extension_run.MODULE].__file__).parent
    leftover = folder / "gone_in_the_new_version.py"
    leftover.write_text("raise RuntimeError('an old file is still there')")
    extension_run.install(installed)
    assert is_enabled()
    assert not leftover.exists()


def test_from_the_click_to_the_person_and_back(
    installed: Path, photo: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "fotos mit ümlaut 写真"
    folder.mkdir()
    source = Path(shutil.copy(photo, folder / "astro naut.png"))
    run = extension_run.localize(source, folder / "takes")
    assert not run.holds_back(HOLD_SECONDS), run.ticks
    result = extension_run.last_import(bpy.context.scene)
    assert len(result.people) == 1
    person = result.people[0]
    assert list(person.rig.scale) == [1.0, 1.0, 1.0]
    assert {"Pelvis", "L_Hip", "R_Hand", "Head"} <= set(person.rig.pose.bones.keys())
    assert person.points.data.attributes["uncertainty"].data[0].value > 0
    assert len(person.body.data.shape_keys.key_blocks) >= 11
    assert bpy.context.scene.camera == result.camera
    lowest = lowest_point(person.body)
    assert lowest == pytest.approx(0.0, abs=0.02), "the lowest vertex stands on the ground"
    assert (folder / "takes" / "astro naut.take" / "take.json").is_file()
    extension_run.stop_worker()
    assert not extension_run.part("ui.jobs.runtime").RUNTIME.worker_alive


def lowest_point(obj: bpy.types.Object) -> float:
    """The lowest z of an object as Blender evaluates it, metres."""
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    places = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", places)
    world = np.array(obj.matrix_world)
    return float((places.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3])[:, 2].min())


def test_a_photo_of_nobody_is_an_error_with_a_fix(installed: Path, tmp_path: Path) -> None:
    image = bpy.data.images.new("wall", 64, 64)
    image.filepath_raw = str(tmp_path / "wall.png")
    image.save()
    with pytest.raises(RuntimeError, match="Nobody found"):
        extension_run.localize(tmp_path / "wall.png", tmp_path / "takes")
    problem = extension_run.part("ui.jobs.runtime").RUNTIME.problem
    assert "box" in problem.error.fix
    assert not (tmp_path / "takes").exists() or not list((tmp_path / "takes").iterdir())
    extension_run.stop_worker()

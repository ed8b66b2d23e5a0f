# SPDX-License-Identifier: GPL-3.0-or-later
"""Photo in, take out, through the worker's own functions, on a public-domain photo."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import build
from nlf_blender.body.body_data import load_body_npz
from nlf_blender.body.conventions import project
from nlf_blender.body.kinematics import global_transforms, rest_joints
from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.errors import UserError
from nlf_blender.protocol import take as take_format
from nlf_blender.protocol.rows import read_rows
from nlf_blender.protocol.settings import LocalizeSettings
from nlf_blender.worker.engine import Engine
from nlf_blender.worker.localize_job import localize_sources
from nlf_blender.worker.pipeline import localize_photo
from nlf_blender.worker.progress import Cancelled, Progress

CPU = LocalizeSettings(device="cpu")
# Where the astronaut's joints are in the 512x512 photo, pixels, judged by eye. Head is the base
# of the skull. NEAR is a tenth of the photo's diagonal.
NEAR = 72
HEAD = (222, 140)
RIGHT_SHOULDER = (130, 235)  # on the viewer's left
LEFT_SHOULDER = (330, 230)


@pytest.fixture(scope="module")
def engine() -> Engine:
    """One engine for all tests, as in a warm worker."""
    return Engine()


@pytest.fixture(scope="module")
def astronaut() -> Path:
    """scikit-image's astronaut, which build.py fetches once."""
    return build.astronaut()


@pytest.fixture(scope="module")
def take(
    engine: Engine, astronaut: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The astronaut's take."""
    yield localize_photo(astronaut, tmp_path_factory.mktemp("takes"), CPU, engine, Progress())


def joints(folder: Path) -> dict[str, np.ndarray]:
    """Pixels of the first person's fitted joints, by name."""
    info = take_format.read_info(folder)
    rows = read_rows(folder, info.chunks)
    body = load_body_npz(folder / take_format.BODY_FILE)
    rest = rest_joints(body.joints_template, body.joints_shapedirs, rows["betas"][0])
    transforms = global_transforms(
        matrix_from_rotvec(rows["pose"][0]), rest, body.skeleton.parents, rows["translation"][0]
    )
    pixels = project(transforms[:, :3, 3], info.camera.matrix())
    return dict(zip(body.skeleton.joint_names, pixels, strict=True))


def test_the_fit_lies_on_the_person_left_and_right_in_place(take: Path) -> None:
    found = joints(take)
    for name, place in (
        ("Head", HEAD),
        ("L_Shoulder", LEFT_SHOULDER),
        ("R_Shoulder", RIGHT_SHOULDER),
    ):
        assert np.linalg.norm(found[name] - place) < NEAR, (name, found[name])
    assert found["L_Hip"][0] > found["R_Hip"][0]
    assert found["Pelvis"][1] > found["Neck"][1] > found["Head"][1]


def test_the_take_is_complete(take: Path, astronaut: Path) -> None:
    info = take_format.read_info(take)
    rows = read_rows(take, info.chunks)
    body = load_body_npz(take / take_format.BODY_FILE)
    assert info.source.path == str(astronaut)
    assert (info.source.width, info.source.height) == (512, 512)
    assert info.camera.origin == "default"
    assert rows["points"].shape == (1, body.vertex_count + body.joint_count, 3)
    assert all(np.isfinite(array).all() for array in rows.values())
    assert (rows["uncertainty"] > 0).all()
    assert (rows["points"][..., 2] > 0.2).all()
    assert rows["fit_error"][0] < 0.1
    assert info.software.startswith("nlf_blender ")
    assert {path.name for path in take.iterdir()} == {"take.json", "body.npz", "chunk_00000.npz"}


def test_the_same_photo_gives_the_same_take(
    take: Path, engine: Engine, astronaut: Path, tmp_path: Path
) -> None:
    again = localize_photo(astronaut, tmp_path, CPU, engine, Progress())
    first, second = (
        read_rows(folder, take_format.read_info(folder).chunks) for folder in (take, again)
    )
    for name, array in first.items():
        np.testing.assert_allclose(second[name], array, atol=2e-4, err_msg=name)


def test_batches_of_1_and_8_agree(engine: Engine, astronaut: Path, tmp_path: Path) -> None:
    box = ((40.0, 10.0, 440.0, 512.0), (60.0, 30.0, 420.0, 500.0), (30.0, 0.0, 450.0, 512.0))
    settings = replace(CPU, boxes=((astronaut.name, box),))
    rows = []
    for size in (1, 8):
        out = tmp_path / str(size)
        folder = localize_photo(
            astronaut, out, replace(settings, batch_size=size), engine, Progress()
        )
        rows.append(read_rows(folder, take_format.read_info(folder).chunks))
    assert len(rows[0]["frame"]) == 3
    np.testing.assert_allclose(rows[0]["points"], rows[1]["points"], atol=2e-4)
    np.testing.assert_allclose(rows[0]["translation"], rows[1]["translation"], atol=2e-3)


def test_a_mirrored_photo_gives_the_mirrored_person(
    take: Path, engine: Engine, astronaut: Path, tmp_path: Path
) -> None:
    with Image.open(astronaut) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "mirrored.png")
    settings = replace(CPU, test_time_augmentations=1)
    mirrored = joints(
        localize_photo(tmp_path / "mirrored.png", tmp_path, settings, engine, Progress())
    )
    original = joints(take)
    for name in ("Head", "L_Shoulder", "R_Shoulder"):
        other = name.replace("L_", "%").replace("R_", "L_").replace("%", "R_")
        expected = np.array([511 - original[other][0], original[other][1]])
        assert np.linalg.norm(mirrored[name] - expected) < 40, name


@pytest.mark.parametrize(
    ("settings", "focal", "is_seen"),
    [
        (replace(CPU, fov_degrees=60.0), 443.40501, True),
        (replace(CPU, fov_degrees=90.0), 256.0, False),  # a guess: the default model's card says so
        (replace(CPU, focal_px=700.0), 700.0, True),
    ],
)
def test_the_camera_is_the_users(
    engine: Engine,
    astronaut: Path,
    tmp_path: Path,
    settings: LocalizeSettings,
    focal: float,
    is_seen: bool,
) -> None:
    folder = localize_photo(astronaut, tmp_path, settings, engine, Progress())
    matrix = take_format.read_info(folder).camera.matrix()
    assert matrix[0, 0] == pytest.approx(focal, rel=1e-6)
    assert matrix[0, 2] == pytest.approx(255.5)
    if is_seen:
        assert np.linalg.norm(joints(folder)["Head"] - HEAD) < NEAR


@pytest.mark.parametrize("size", [(1, 1), (640, 480), (3, 2000)])
def test_a_photo_of_nobody_leaves_no_take(
    engine: Engine, tmp_path: Path, size: tuple[int, int]
) -> None:
    Image.new("RGB", size, (90, 120, 140)).save(tmp_path / "wall.png")
    with pytest.raises(UserError, match="Nobody found"):
        localize_photo(tmp_path / "wall.png", tmp_path / "out", CPU, engine, Progress())
    assert not (tmp_path / "out").exists()


def test_a_person_cut_at_every_side_is_localized(
    engine: Engine, astronaut: Path, tmp_path: Path
) -> None:
    with Image.open(astronaut) as image:
        image.crop((120, 60, 340, 300)).save(tmp_path / "cut.png")
    folder = localize_photo(tmp_path / "cut.png", tmp_path, CPU, engine, Progress())
    found = joints(folder)
    assert np.linalg.norm(found["Head"] - (HEAD[0] - 120, HEAD[1] - 60)) < NEAR


def test_one_bad_photo_does_not_keep_the_others_from_theirs(
    engine: Engine, astronaut: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad ünï.jpg"
    bad.write_text("no photo")
    good = tmp_path / "good 写真.png"
    shutil.copy(astronaut, good)
    outcome = localize_sources([bad, good], tmp_path / "out", CPU, engine, Progress())
    assert [path.name for path in outcome.takes] == ["good 写真.take"]
    assert [(path, error.title) for path, error in outcome.failures] == [(bad, "Not a photo")]


@pytest.mark.parametrize("stage", ["Reading", "Localizing", "Writing"])
def test_a_cancel_at_any_stage_leaves_nothing(
    engine: Engine, astronaut: Path, tmp_path: Path, stage: str
) -> None:
    seen: list[str] = []
    progress = Progress(
        listener=lambda name, *_: seen.append(name), is_cancelled=lambda: stage in seen
    )
    with pytest.raises(Cancelled):
        localize_photo(astronaut, tmp_path / "out", CPU, engine, progress)
    assert not (tmp_path / "out").exists()


def test_wrong_body_and_model_files_are_named(tmp_path: Path, astronaut: Path) -> None:
    wrong = tmp_path / "wrong.npz"
    wrong.write_bytes(b"rubbish")
    for settings in (replace(CPU, body=str(wrong)), replace(CPU, model=str(wrong))):
        with pytest.raises(UserError) as caught:
            localize_photo(astronaut, tmp_path / "out", settings, Engine(), Progress())
        assert "wrong.npz" in str(caught.value)
        assert caught.value.fix

# SPDX-License-Identifier: GPL-3.0-or-later
"""Scan file in, result folder out: with a registration that knows the answer, and with ours."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_serve import WORKER, running

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.body.kinematics import global_transforms, rest_joints, skinning_transforms
from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.errors import UserError
from nlf_blender.protocol import registration as result_format
from nlf_blender.protocol.messages import REGISTER_STAGES
from nlf_blender.protocol.scan import Scan, write_scan
from nlf_blender.protocol.scan_settings import ScanSettings
from nlf_blender.protocol.take import BODY_FILE
from nlf_blender.worker import register_job
from nlf_blender.worker.assets import OPEN_BODY
from nlf_blender.worker.engine import Engine
from nlf_blender.worker.progress import Cancelled, Progress
from nlf_blender.worker.smpl.body_files import load_body
from nlf_blender.worker.smpl.registration.register import RegisterSettings, Registration
from nlf_blender.worker.smpl.registration.scan import Scan as PlainScan

BODY = load_body(OPEN_BODY)
UNDETERMINED = ("L_Foot", "R_Hand")


@pytest.fixture(scope="module")
def engine() -> Engine:
    """One for all tests, so that the body is loaded once."""
    return Engine()


def pose_and_betas(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0.0, 0.2, (BODY.joint_count, 3)), rng.normal(size=10)


def posed(pose: np.ndarray, betas: np.ndarray, scale: float, offset: np.ndarray) -> np.ndarray:
    """Vertices [V,3] of the open body in double precision, as SMPL defines them."""
    rest = rest_joints(BODY.joints_template, BODY.joints_shapedirs, betas)
    rotations = matrix_from_rotvec(pose)
    transforms = global_transforms(rotations, rest, BODY.skeleton.parents, np.zeros(3))
    vertices = BODY.v_template + BODY.shapedirs[:, :, : len(betas)] @ betas
    if BODY.posedirs is not None:
        vertices = vertices + BODY.posedirs @ (rotations[1:] - np.eye(3)).ravel()
    moves = skinning_transforms(transforms, rest)[:, :3]
    blended = (BODY.weights @ moves.reshape(-1, 12)).reshape(-1, 3, 4)
    skinned = (blended[:, :, :3] @ vertices[..., None])[..., 0] + blended[:, :, 3]
    return scale * skinned + offset


class KnownAnswer:
    """Stands in for the registration: answers with a pose that it was told."""

    def __init__(self, scale: float = 1.0, offset: tuple[float, float, float] = (0, 0, 0)) -> None:
        self.pose, self.betas = pose_and_betas()
        self.scale, self.translation = scale, np.array(offset, dtype=np.float64)
        self.settings = RegisterSettings()
        self.given = np.zeros((0, 3))
        self.scan: PlainScan | None = None

    def vertices(self) -> np.ndarray:
        return posed(self.pose, self.betas, self.scale, self.translation)

    def write(self, path: Path, vertices: np.ndarray, faces: np.ndarray | None) -> Path:
        """A scan file that the answer is about."""
        self.given = vertices
        return write_file(path, vertices, faces, "Scan")

    def use(self, monkeypatch: pytest.MonkeyPatch) -> KnownAnswer:
        monkeypatch.setattr(register_job, "register", self._register)
        return self

    def _register(
        self, scan: PlainScan, model: object, settings: RegisterSettings, progress: Progress
    ) -> Registration:
        self.scan, self.settings = scan, settings
        for done in range(3):
            progress.step("Trying starts", done, 3)
        names = BODY.skeleton.joint_names
        moved = scan.points[0] - self.given[0]  # to where float32 is fine enough
        np.testing.assert_allclose(np.nanmedian(scan.points, axis=0), 0.0, atol=1e-6 * self.scale)
        return Registration(
            pose=self.pose,
            betas=self.betas,
            translation=self.translation + moved,
            scale=self.scale,
            mean_distance=0.002,
            median_distance=0.001,
            p95_distance=0.007,
            body_distance=0.003,
            distances=np.full(10, 0.002),
            points=np.zeros((10, 3)),
            undetermined=np.array([name in UNDETERMINED for name in names]),
            starts_tried=12,
            seconds=3.5,
            notes=("a note",),
        )


def write_file(path: Path, vertices: np.ndarray, faces: np.ndarray | None, name: str) -> Path:
    write_scan(path, Scan(vertices, faces, None, name, "/home/statue.blend"))
    return path


@pytest.mark.parametrize(("scale", "offset"), [(1.0, (0.3, 1.0, -2.0)), (1000.0, (4e5, 1e3, -2e6))])
def test_the_result_says_where_the_body_is_and_how_far_from_the_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine, scale: float, offset: tuple
) -> None:
    answer = KnownAnswer(scale, offset).use(monkeypatch)
    vertices = answer.vertices()
    vertices[:, 1] += 0.01 * scale  # the scan lies a centimetre higher than the body
    answer.given = vertices
    scan = write_file(tmp_path / "x.npz", vertices, BODY.faces, "Büste: a/b")
    folder = register_job.register_scan(scan, tmp_path / "out", ScanSettings(), engine, Progress())
    assert folder == tmp_path / "out" / "Büste_ a_b.registration"
    info = result_format.read_info(folder)
    arrays = result_format.read_arrays(folder, info)
    np.testing.assert_array_equal(arrays["pose"], answer.pose)
    np.testing.assert_allclose(arrays["translation"], answer.translation, atol=1e-6 * scale)
    names = np.array(BODY.skeleton.joint_names)
    assert tuple(names[arrays["undetermined"]]) == info.undetermined == UNDETERMINED
    assert info.figures == result_format.Figures(0.002, 0.001, 0.007, scale, 12, 3.5)
    assert (info.source.name, info.source.origin) == ("Büste: a/b", "/home/statue.blend")
    assert (info.source.vertices, info.source.faces) == (len(vertices), len(BODY.faces))
    assert (info.body.name, info.body.sha256) == (BODY.name, BODY.sha256)
    assert info.notes == ("a note.",)
    distances = arrays["vertex_distances"]
    assert distances.max() == pytest.approx(0.01, abs=1e-4)  # never farther than they were moved
    assert np.median(distances) > 0.002
    assert load_body_npz(folder / BODY_FILE).vertex_count == BODY.vertex_count


def test_distances_to_a_cloud_are_to_its_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    answer = KnownAnswer().use(monkeypatch)
    cloud = answer.vertices()
    scan = answer.write(tmp_path / "x.npz", np.concatenate([cloud, [[np.nan] * 3]]), None)
    folder = register_job.register_scan(scan, tmp_path / "out", ScanSettings(), engine, Progress())
    info = result_format.read_info(folder)
    assert result_format.read_arrays(folder, info)["vertex_distances"].max() < 1e-5


def test_settings_reach_the_registration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    answer = KnownAnswer().use(monkeypatch)
    scan = answer.write(tmp_path / "x.npz", answer.vertices(), BODY.faces)
    settings = ScanSettings(partial=True, upright=True, units="cm")
    folder = register_job.register_scan(scan, tmp_path, settings, engine, Progress())
    assert answer.settings == register_job.register_settings(settings)
    assert answer.settings.partial
    assert not answer.settings.any_orientation
    assert answer.settings.unit_factor is not None
    assert register_job.register_settings(ScanSettings()).unit_factor is None
    assert ScanSettings.from_json(result_format.read_info(folder).settings) == settings


def test_the_same_scan_replaces_its_result_and_another_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    answer = KnownAnswer().use(monkeypatch)
    scan = answer.write(tmp_path / "x.npz", answer.vertices(), BODY.faces)
    other = write_file(tmp_path / "y.npz", answer.vertices() + 1, BODY.faces, "Scan")
    folders = [
        register_job.register_scan(path, tmp_path / "out", ScanSettings(), engine, Progress())
        for path in (scan, scan, other)
    ]
    assert [f.name for f in folders] == [
        "Scan.registration",
        "Scan.registration",
        "Scan-2.registration",
    ]


@pytest.mark.parametrize("stage", ["Starting", "Reading", "Trying starts", "Writing"])
def test_a_job_cancelled_at_any_stage_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine, stage: str
) -> None:
    answer = KnownAnswer().use(monkeypatch)
    scan = answer.write(tmp_path / "x.npz", answer.vertices(), BODY.faces)
    seen: list[str] = []
    progress = Progress(
        listener=lambda *state: seen.append(state[0]), is_cancelled=lambda: seen[-1] == stage
    )
    with pytest.raises(Cancelled):
        register_job.register_scan(scan, tmp_path / "out", ScanSettings(), engine, progress)
    assert seen[-1] == stage
    assert not (tmp_path / "out").exists()


def test_a_missing_body_and_a_folder_that_is_a_file_are_said_so(
    tmp_path: Path, engine: Engine
) -> None:
    scan = write_file(tmp_path / "x.npz", BODY.v_template, BODY.faces, "Scan")
    with pytest.raises(UserError, match="Body file not found"):
        register_job.register_scan(
            scan, tmp_path, ScanSettings(body="/nowhere/body.npz"), engine, Progress()
        )
    with pytest.raises(UserError, match="Folder not writable"):
        register_job.register_scan(scan, scan / "out", ScanSettings(), engine, Progress())


def test_the_worker_answers_a_register_command(tmp_path: Path) -> None:
    lonely = write_file(tmp_path / "x.npz", np.zeros((1, 3)), None, "Scan")
    command = {"out": str(tmp_path / "out"), "settings": ScanSettings().to_json()}
    with running(tmp_path) as worker:
        worker.send("register", job="a", scan=str(tmp_path / "gone.npz"), **command)
        assert worker.wait_for("failed")["title"] == "No such scan"
        worker.send("register", job="b", scan=str(lonely), **command)
        event = worker.wait_for("failed")
        assert event["job"] == "b"
        assert "worker failed" not in event["title"]  # a scan of one point was foreseen
        worker.send("cancel", job="c")
        worker.send("register", job="c", scan=str(lonely), **command)
        assert worker.wait_for("cancelled", "failed")["kind"] == "cancelled"
        worker.send("register", job="d", scan=str(lonely), out="x", settings={"starts": 3})
        assert "starts" in worker.wait_for("failed")["detail"]
    assert not (tmp_path / "out").exists()


def test_the_command_line_fails_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_text("text")
    command = [sys.executable, "-I", "-B", WORKER, "register", "a.ply", "--out", "out"]
    answer = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert answer.returncode == 1
    assert "Not a scan" in answer.stderr
    assert "->" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "out").exists()


def test_from_an_obj_file_to_the_pose(tmp_path: Path) -> None:
    """The real registration, through the command line: in centimetres, facing sideways."""
    pose, betas = pose_and_betas(3)
    pose[0] = (0.0, 1.5, 0.0)
    truth = posed(pose, betas, 100.0, np.array([20.0, 90.0, 300.0]))
    lines = ["v {:.4f} {:.4f} {:.4f}".format(*place) for place in truth]
    lines += ["f {} {} {}".format(*face) for face in BODY.faces + 1]
    (tmp_path / "statue.obj").write_text("\n".join(lines))
    command = [sys.executable, "-I", "-B", WORKER, "register", "statue.obj", "--out", "out"]
    answer = subprocess.run(
        [*command, "--upright"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    folder = tmp_path / "out" / "statue.registration"
    assert str(folder.name) in answer.stdout
    assert "mm" in answer.stdout
    assert "Trying starts" in answer.stderr
    stages = re.findall(r"([A-Z][a-z ]+) [\d.]+ s", answer.stderr.splitlines()[-1])
    assert tuple(stages) == REGISTER_STAGES, "which Blender's bar and its estimate go by"
    info = result_format.read_info(folder)
    arrays = result_format.read_arrays(folder, info)
    found = posed(arrays["pose"], arrays["betas"], info.figures.scale, arrays["translation"])
    assert np.linalg.norm(found - truth, axis=1).mean() < 1.0  # cm
    assert info.figures.mean_distance < 0.003
    assert json.loads((folder / "registration.json").read_text())["source"]["name"] == "statue"

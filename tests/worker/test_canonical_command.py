# SPDX-License-Identifier: GPL-3.0-or-later
"""`worker canonical-body`: what Blender needs of a body, to place markers on it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from body_examples import OPEN_BODY, write_npz

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.body.skeleton import SKELETONS
from nlf_blender.protocol.files import file_sha256
from nlf_blender.worker.command_line import main
from nlf_blender.worker.smpl.body_files import load_body
from nlf_blender.worker.smpl.canonical.own_canonical import own_canonical


@pytest.fixture(scope="module")
def smpl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The open body as a file of SMPL's."""
    body = load_body_npz(OPEN_BODY)
    assert body.joint_regressor is not None
    arrays = {
        "v_template": body.v_template,
        "shapedirs": body.shapedirs,
        "weights": body.weights,
        "J_regressor": body.joint_regressor,
        "kintree_table": np.array([SKELETONS["smpl"].parents, range(24)]) % 2**32,
        "f": body.faces,
    }
    return write_npz(tmp_path_factory.mktemp("smpl") / "SMPL_NEUTRAL.npz", arrays)


def run(*words: object) -> int:
    return main(["canonical-body", *map(str, words)])


def test_a_body_of_smpl_gets_its_own_canonical_points(
    smpl: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "small.npz"
    assert run(f"--body={smpl}", "--kind=smpl", f"--out={out}", "--json") == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer == {"file": str(out), "kind": "smpl"}
    own, body = own_canonical(load_body(smpl)), load_body_npz(out)
    assert body.canonical_vertices is not None
    np.testing.assert_allclose(body.canonical_vertices, own.vertices, atol=1e-6)
    np.testing.assert_allclose(body.canonical_joints, own.joints, atol=1e-6)
    np.testing.assert_array_equal(body.faces, own.body.faces)
    assert body.sha256 == file_sha256(smpl) and body.posedirs is None
    assert out.stat().st_size < smpl.stat().st_size / 3
    # in the pose of the open body, whose file says it; the origin is another
    off = body.canonical_vertices - load_body_npz(OPEN_BODY).canonical_vertices
    off = np.linalg.norm(off - off.mean(axis=0), axis=1)
    assert np.median(off) < 0.01


def test_a_folder_and_the_open_body_do_too(smpl: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.npz"
    assert run("--body", smpl.parent, "--body-kind=smpl", "--out", out) == 0
    assert run("--body=open", "--out", out) == 0
    np.testing.assert_array_equal(
        load_body_npz(out).canonical_joints, load_body_npz(OPEN_BODY).canonical_joints
    )


@pytest.mark.parametrize(
    ("kind", "wanted", "words"),
    [
        ("smpl", "smplx", "of the kind 'smpl', not 'smplx'"),
        ("none", "smpl", "no body of SMPL"),
        ("missing", "smpl", "does not exist"),
    ],
)
def test_other_files_are_refused(
    kind: str,
    wanted: str,
    words: str,
    smpl: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = {"smpl": smpl, "missing": tmp_path / "nothing.npz"}.get(kind)
    if file is None:
        file = OPEN_BODY
    out = tmp_path / "out.npz"
    assert run(f"--body={file}", f"--kind={wanted}", f"--out={out}") == 1
    assert words in capsys.readouterr().err
    assert not out.exists()

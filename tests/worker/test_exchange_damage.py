# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of markers that are foreign, damaged, or nothing of the kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ezc3d
import numpy as np
import pytest

from nlf_blender.errors import UserError
from nlf_blender.protocol.marker_motion import MarkerMotion, MarkerTrack
from nlf_blender.worker.exchange import c3d_library
from nlf_blender.worker.exchange.files import read_markers, write_markers
from nlf_blender.worker.exchange.forms import form_of

FORMATS = ("trc", "c3d", "csv", "json")
FRAMES = 40
TRC = (
    "PathFileType\t4\t(X/Y/Z)\tx.trc\nDataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\n"
    "50\t50\t2\t2\t{units}\nFrame#\tTime\ta\t\t\tb\n\t\tX1\tY1\tZ1\tX2\tY2\tZ2\n\n{rows}"
)


def motion() -> MarkerMotion:
    """Two markers that move."""
    positions = np.random.default_rng(0).uniform(1, 2, (FRAMES, 2, 3)).astype(np.float32)
    track = MarkerTrack("Ann", ("a", "b"), positions, np.zeros((FRAMES, 2), dtype=np.float32))
    return MarkerMotion("Set", "walk.mp4", 50.0, 0.0, (track,))


def written(path: Path) -> bytes:
    """What a whole file of this kind holds."""
    kind = path.suffix[1:]
    write_markers(path, motion(), kind, form_of(kind))
    return path.read_bytes()


def refusal(path: Path) -> UserError:
    """How the user is told that a file cannot be read; it names the file."""
    with pytest.raises(UserError) as caught:
        read_markers(path)
    assert str(path) in caught.value.detail and caught.value.fix.endswith(".")
    return caught.value


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_of_the_kind(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{kind}"
    assert refusal(path).title == "File not found"
    for data in (b"", b"hello", b"\0" * 2000, bytes(range(256)) * 20, b"[" * 5000, b"{}"):
        path.write_bytes(data)
        assert refusal(path).title == f"Not a {kind.upper()} file"


@pytest.mark.filterwarnings("error")
def test_further_than_numbers_go(tmp_path: Path) -> None:
    path = tmp_path / "x.trc"
    path.write_text(TRC.format(units="mm", rows="1\t0\t1e300\t0\t0\t0\t0\t0\n"))
    assert "positions are infinite" in refusal(path).detail


def test_a_name_of_no_format(tmp_path: Path) -> None:
    assert "Unknown file format" in refusal(tmp_path / "x.fbx").title


@pytest.mark.parametrize("kind", FORMATS)
def test_cut_off_anywhere(kind: str, tmp_path: Path) -> None:
    """It is refused, or what is there is read and the user is told."""
    data = written(tmp_path / f"x.{kind}")
    path = tmp_path / f"cut.{kind}"
    for share in (0.001, 0.03, 0.3, 0.6, 0.97):
        path.write_bytes(data[: int(share * len(data))])
        try:
            read = read_markers(path)
        except UserError as error:
            assert error.title == f"Not a {kind.upper()} file"
        else:
            assert 0 < read.frame_count <= FRAMES
            if kind == "c3d" and read.frame_count < FRAMES:
                assert f"has {read.frame_count} of {FRAMES} frames" in read.notes[0]


def test_c3d_that_ends_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes changed among the parameters: ezc3d refuses some files, crashes on others, and does not
    come back from others still."""
    monkeypatch.setattr(c3d_library, "LEAST_SECONDS", 2.0)
    data = written(tmp_path / "x.c3d")
    path = tmp_path / "bad.c3d"
    begin = data.index(b"USED") - 2  # POINT's first parameter
    titles = set()
    for place in (begin, begin + 6, begin + 8, begin + 9, begin + 10):
        path.write_bytes(data[:place] + bytes([200]) + data[place + 1 :])
        try:
            read_markers(path)
        except UserError as error:
            titles.add(error.title)
    assert titles == {"Not a C3D file"}


def test_trc_of_others(tmp_path: Path) -> None:
    path = tmp_path / "x.trc"
    rows = "7\t0.12\t10\t20\t30\t\t\t\n8\t0.14\t10\t20\t30\tNaN\tNaN\tNaN\n"
    path.write_text(TRC.format(units="cm", rows=rows).replace("\n", "\r\n"))
    read = read_markers(path)
    (track,) = read.people
    np.testing.assert_allclose(track.positions[:, 0], [[0.1, -0.3, 0.2]] * 2, atol=1e-6)
    assert np.isnan(track.positions[:, 1]).all() and read.first_frame == 7
    path.write_text(TRC.format(units="cubits", rows=rows))
    assert "cubits" in refusal(path).detail
    assert read_markers(path, units="m").people[0].positions[0, 0, 0] == 10.0
    for rows in ("", "1\t0.0\tx\t1\t1\t1\t1\t1\n", "1\t0.0" + "\t1" * 9 + "\n"):
        path.write_text(TRC.format(units="mm", rows=rows))
        assert refusal(path).title == "Not a TRC file"
    path.write_text(TRC.format(units="mm", rows="1\t0.0" + "\t1" * 6 + "\n2\t0.5" + "\t1" * 6))
    assert "do not keep its rate" in read_markers(path).notes[0]


def foreign_c3d(path: Path, **point: list[str]) -> Path:
    """A C3D as another program would write it; point: parameters of the group POINT."""
    labels = ["Bob:a", "Bob:b", "Bob:LKneeAngles"]
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    file["parameters"]["POINT"]["LABELS"]["value"] = labels
    points = np.ones((4, 3, 5))
    points[:3, 0] = np.array([100.0, 200.0, 300.0])[:, None]
    points[:3, 1, 2] = 0.0  # away, without saying so
    file["data"]["points"] = points
    file["parameters"]["POINT"]["UNITS"]["value"] = point.pop("UNITS", ["mm"])
    for name, value in point.items():
        file.add_parameter("POINT", name, value)
    file.write(str(path))
    return path


def test_c3d_of_others(tmp_path: Path) -> None:
    path = foreign_c3d(tmp_path / "x.c3d", Y_SCREEN=["+Y"], ANGLES=["Bob:LKneeAngles"])
    read = read_markers(path)
    (track,) = read.people
    assert (track.person, track.labels) == ("Bob", ("a", "b"))
    np.testing.assert_allclose(track.positions[0, 0], [0.1, -0.3, 0.2], atol=1e-6)
    assert np.isnan(track.positions[2, 1]).all() and not np.isnan(track.positions[3, 1]).any()
    assert read.notes == ("1 angles, forces and the like were left out.",)
    np.testing.assert_allclose(
        read_markers(path, axes="z-up").people[0].positions[0, 0], [0.1, 0.2, 0.3], atol=1e-6
    )
    silent = read_markers(foreign_c3d(tmp_path / "y.c3d"))
    assert "does not say which axis points up: z was taken" in silent.notes[0]
    assert "''" in refusal(foreign_c3d(tmp_path / "z.c3d", UNITS=[""])).detail


def test_c3d_in_a_folder_of_another_script(tmp_path: Path) -> None:
    path = tmp_path / "движение" / "x.c3d"
    before = Path.cwd()
    written(path)
    assert read_markers(path).frame_count == FRAMES
    assert Path.cwd() == before


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "x.c3d")

    def missing(name: str) -> None:
        raise ImportError(f"No module named '{name}'")

    monkeypatch.setattr(c3d_library.importlib, "import_module", missing)
    with pytest.raises(UserError, match=r"ezc3d cannot .*requirements\.lock"):
        read_markers(tmp_path / "x.c3d")


def test_disk_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for kind in FORMATS:
        with pytest.raises(UserError, match="Choose another folder"):
            write_markers(tmp_path / "file" / f"x.{kind}", motion(), kind, form_of(kind))


def test_motions_that_are_none() -> None:
    made = motion()
    (track,) = made.people
    for changes in (
        {"rate": 0.0},
        {"rate": float("nan")},
        {"start": float("inf")},
        {"people": ()},
        {"people": (replace(track, labels=("a", "a")),)},
        {"people": (replace(track, positions=track.positions * np.float32(np.inf)),)},
        {"people": (track, replace(track, positions=track.positions[1:]))},
    ):
        with pytest.raises(ValueError, match=r"\w"):
            replace(made, **changes)

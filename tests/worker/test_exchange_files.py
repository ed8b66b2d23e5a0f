# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of markers: written by us, read by others' readers and by ours, whole, damaged, foreign."""

from __future__ import annotations

import csv
import json
import warnings
from dataclasses import replace
from pathlib import Path

import c3d
import ezc3d
import numpy as np
import pytest
import trc

from nlf_blender.errors import UserError
from nlf_blender.protocol.marker_motion import (
    MarkerMotion,
    MarkerTrack,
    read_marker_motion,
    write_marker_motion,
)
from nlf_blender.worker.exchange.files import read_markers, write_markers
from nlf_blender.worker.exchange.forms import AXES, form_of

FRAMES, RATE, START = 9, 30 / 1.001, 1.2345
LABELS = ("nose", "wrist.L", "C7")
FORMATS = ("trc", "c3d", "csv", "json")


def person(name: str, labels: tuple[str, ...] = LABELS, seed: int = 0) -> MarkerTrack:
    """Somebody whose first marker is away in frame 2 and whose last is away in the last frame."""
    rng = np.random.default_rng(seed)
    positions = rng.uniform(-3, 3, (FRAMES, len(labels), 3)).astype(np.float32)
    positions[2, 0] = positions[-1, -1] = np.nan
    uncertainty = rng.uniform(0.01, 0.2, (FRAMES, len(labels))).astype(np.float32)
    uncertainty[np.isnan(positions).any(axis=2)] = np.nan
    return MarkerTrack(name, labels, positions, uncertainty)


def motion(*people: MarkerTrack) -> MarkerMotion:
    """A motion of these people, or of one."""
    return MarkerMotion("Some Set", "walk.mp4", RATE, START, people or (person("Ann"),))


def write(path: Path, made: MarkerMotion, units: str | None = None, axes: str | None = None):
    """Write a motion in the format that the path names."""
    kind = path.suffix[1:]
    return write_markers(path, made, kind, form_of(kind, units, axes))


def foreign_frames(path: Path) -> tuple[c3d.Reader, np.ndarray]:
    """A C3D file as the package c3d reads it: points [T,K,5] with residual and cameras."""
    with open(path, "rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of files without analog channels
        reader = c3d.Reader(file)
        return reader, np.array([points for _, points, _ in reader.read_frames()])


def cells_of_trc(path: Path) -> tuple[list[list[str]], np.ndarray]:
    """A TRC file by the letter of its description: lines of the header, and [T,2+3K] numbers, NaN
    for empty cells."""
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n")]
    rows = [line for line in lines[5:] if line[0]]
    assert all(row[-1] == "" for row in rows)
    return lines[:5], np.array([[float(cell or "nan") for cell in row[:-1]] for row in rows])


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(("units", "axes"), [(None, None), ("mm", "z-up"), ("m", "y-up")])
def test_round_trip(kind: str, units: str | None, axes: str | None, tmp_path: Path) -> None:
    made = motion()
    files, notes = write(tmp_path / f"out.{kind}", made, units, axes)
    assert files == [tmp_path / f"out.{kind}"] and not notes
    read = read_markers(files[0], axes=axes if kind == "trc" else None)
    (before,), (after,) = made.people, read.people
    assert after.labels == before.labels
    np.testing.assert_allclose(after.positions, before.positions, atol=2e-6)  # NaN are equal
    assert read.rate == pytest.approx(RATE, abs=1e-5)
    assert read.first_frame == made.first_frame == 38
    assert read.frame_count == FRAMES
    if kind in ("csv", "json"):
        np.testing.assert_allclose(after.uncertainty, before.uncertainty, atol=2e-6)
        assert read.name == "Some Set" and after.person in ("", "Ann")
        assert read.start == pytest.approx(START, abs=1e-6)


def test_trc_as_its_description_says(tmp_path: Path) -> None:
    made = motion()
    write(tmp_path / "out.trc", made)
    head, rows = cells_of_trc(tmp_path / "out.trc")
    assert head[0] == ["PathFileType", "4", "(X/Y/Z)", "out.trc"]
    facts = dict(zip(head[1], head[2], strict=True))
    assert facts["Units"] == "mm" and facts["NumFrames"] == "9" and facts["NumMarkers"] == "3"
    assert facts["OrigDataStartFrame"] == "38"
    assert float(facts["DataRate"]) == float(facts["CameraRate"]) == pytest.approx(RATE)
    assert head[3][:6] == ["Frame#", "Time", "nose", "", "", "wrist.L"]
    assert head[4][:6] == ["", "", "X1", "Y1", "Z1", "X2"]
    assert rows[:, 0].tolist() == list(range(38, 47))
    np.testing.assert_allclose(rows[:, 1], made.times, atol=1e-6)
    x, y, z = made.people[0].positions.transpose(2, 0, 1)
    expected = 1000 * np.stack([x, z, -y], axis=2).reshape(FRAMES, -1)  # y is up
    np.testing.assert_allclose(rows[:, 2:], expected, atol=1e-3)


def test_trc_in_a_foreign_reader(tmp_path: Path) -> None:
    track = person("Ann")
    whole = replace(track, positions=np.nan_to_num(track.positions))  # it knows no empty cells
    write(tmp_path / "out.trc", motion(whole), "m", "z-up")
    read = trc.TRCData()
    read.load(str(tmp_path / "out.trc"))
    assert read["Markers"] == list(LABELS) and read["Units"] == "m"
    assert read["DataRate"] == pytest.approx(RATE)
    found = np.array([read[label] for label in LABELS]).transpose(1, 0, 2)
    np.testing.assert_allclose(found, whole.positions, atol=1e-6)


@pytest.mark.parametrize("axes", AXES)
def test_c3d_in_a_foreign_reader(axes: str, tmp_path: Path) -> None:
    made = motion()
    write(tmp_path / "out.c3d", made, axes=axes)
    reader, frames = foreign_frames(tmp_path / "out.c3d")
    assert reader.point_rate == pytest.approx(RATE, abs=1e-5)
    assert [label.strip() for label in reader.point_labels] == list(LABELS)
    assert (reader.first_frame, reader.last_frame) == (38, 46)
    assert reader.get("POINT:UNITS").string_array[0].strip() == "mm"
    screen = [reader.get(f"POINT:{axis}_SCREEN").string_array[0].strip() for axis in "XY"]
    assert screen == ["+X", "+Z" if axes == "z-up" else "+Y"]
    positions = made.people[0].positions
    gaps = np.isnan(positions).any(axis=2)
    np.testing.assert_array_equal(frames[..., 3], np.where(gaps, -1.0, 0.0))
    x, y, z = 1000 * positions[~gaps].T
    expected = np.stack([x, y, z] if axes == "z-up" else [x, z, -y], axis=1)
    np.testing.assert_allclose(frames[~gaps][:, :3], expected, atol=1e-3)


def test_c3d_of_several_people(tmp_path: Path) -> None:
    made = motion(person("Ann"), person("Bob B.", seed=1))
    write(tmp_path / "out.c3d", made)
    reader, _ = foreign_frames(tmp_path / "out.c3d")
    expected = [f"{name}:{label}" for name in ("Ann", "Bob_B.") for label in LABELS]
    assert [label.strip() for label in reader.point_labels] == expected
    subjects = ezc3d.c3d(str(tmp_path / "out.c3d"))["parameters"]["SUBJECTS"]
    assert subjects["NAMES"]["value"] == ["Ann", "Bob_B."]
    read = read_markers(tmp_path / "out.c3d")
    assert [track.person for track in read.people] == ["Ann", "Bob_B."]
    for before, after in zip(made.people, read.people, strict=True):
        assert after.labels == LABELS
        np.testing.assert_allclose(after.positions, before.positions, atol=1e-6)


def test_more_points_than_one_list_of_names_holds(tmp_path: Path) -> None:
    labels = tuple(f"v{number:03d}" for number in range(600))
    write(tmp_path / "out.c3d", motion(person("Ann", labels)))
    read = read_markers(tmp_path / "out.c3d")
    assert read.people[0].labels == labels
    _, frames = foreign_frames(tmp_path / "out.c3d")
    assert frames.shape[1] == 600
    np.testing.assert_allclose(frames[0, :, :3], 1000 * read.people[0].positions[0], atol=1e-3)


def test_more_than_a_c3d_can_hold(tmp_path: Path) -> None:
    labels = tuple(f"a point with a rather long name {number}" for number in range(4000))
    with pytest.raises(UserError, match="names of this length"):
        write(tmp_path / "out.c3d", motion(person("Ann", labels)))
    long = MarkerTrack("Ann", ("a",), np.zeros((70_000, 1, 3), "f4"), np.zeros((70_000, 1), "f4"))
    with pytest.raises(UserError, match="65535 frames"):
        write(tmp_path / "out.c3d", motion(long))
    assert not list(tmp_path.iterdir())


def test_late_frames_that_a_c3d_cannot_count(tmp_path: Path) -> None:
    _, notes = write(tmp_path / "out.c3d", replace(motion(), start=3000.0))
    assert "its first frame is 1" in notes[0]
    reader, _ = foreign_frames(tmp_path / "out.c3d")
    assert (reader.first_frame, reader.last_frame) == (1, FRAMES)


def test_names_of_other_scripts(tmp_path: Path) -> None:
    labels = ("Näse", "нос", "left wrist", "left_wrist", "x" * 80)
    _, notes = write(tmp_path / "out.c3d", motion(person("Ann", labels)))
    found = read_markers(tmp_path / "out.c3d").people[0].labels
    assert found == ("Nase", "M0002", "left_wrist", "left_wrist_2", "x" * 63)
    assert "cannot hold 5" in notes[0] and "'нос' is 'M0002'" in notes[0]
    _, notes = write(tmp_path / "out.trc", motion(person("Ann", labels)))
    found = read_markers(tmp_path / "out.trc").people[0].labels
    assert found == ("Näse", "нос", "left_wrist", "left_wrist_2", "x" * 80)
    assert "'left wrist' is 'left_wrist'" in notes[0]


def test_trc_has_a_file_for_each_person(tmp_path: Path) -> None:
    files, _ = write(tmp_path / "out.trc", motion(person("Ann"), person("B/b", seed=1)))
    assert [path.name for path in files] == ["out_Ann.trc", "out_B_b.trc"]
    head, _ = cells_of_trc(files[1])
    assert head[3][2] == "nose"  # no program has to take a prefix off


def test_csv_in_a_plain_reader(tmp_path: Path) -> None:
    labels = ("nose", 'a "quoted", name')
    made = motion(person("Ann", labels), person("Bob", labels, seed=1))
    write(tmp_path / "out.csv", made)
    lines = (tmp_path / "out.csv").read_text(encoding="utf-8").split("\n")
    facts = dict(line[2:].split(": ", 1) for line in lines if line.startswith("#"))
    assert facts["units"] == "m" and facts["axes"] == "z-up"
    rows = list(csv.DictReader(line for line in lines if line and not line.startswith("#")))
    assert [int(row["frame"]) for row in rows] == list(range(38, 47))
    assert rows[2]["Ann:nose.x"] == rows[2]["Ann:nose.uncertainty"] == ""
    bob = [[float(row[f"Bob:nose.{part}"] or "nan") for part in "xyz"] for row in rows]
    np.testing.assert_allclose(bob, made.people[1].positions[:, 0], atol=1e-6)
    read = read_markers(tmp_path / "out.csv")
    assert [track.person for track in read.people] == ["Ann", "Bob"]
    assert read.people[1].labels == labels


def test_csv_without_facts(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("frame,time,a.x,a.y,a.z\n1,0.0,1000,2000,3000\n2,0.02,,,\n3,0.04,1,2,3\n")
    read = read_markers(path, units="mm")
    assert read.rate == pytest.approx(50.0)
    np.testing.assert_allclose(read.people[0].positions[0, 0], [1, 2, 3])
    assert np.isnan(read.people[0].positions[1]).all()
    assert "does not tell" in read.notes[0]


def test_json_in_a_plain_reader(tmp_path: Path) -> None:
    track = replace(
        person("Ann"),
        groups=("head", "", ""),
        colors=np.array([[1, 0.5, 0.25], [-1, -1, -1], [-1, -1, -1]], dtype=np.float32),
    )
    made = motion(track, person("Bob", seed=1))
    write(tmp_path / "out.json", made, "mm", "y-up")
    data = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert data["format"] == "nlf_blender.marker_motion" and data["version"] == 1
    assert (data["units"], data["axes"], data["first_frame"]) == ("mm", "y-up", 38)
    nose, wrist, _ = data["people"][0]["markers"]
    assert nose["positions"][2] is None and nose["uncertainty"][2] is None
    assert nose["group"] == "head" and nose["color"] == [1.0, 0.5, 0.25] and "color" not in wrist
    x, y, z = track.positions[0, 0]
    np.testing.assert_allclose(nose["positions"][0], 1000 * np.array([x, z, -y]), atol=1e-3)
    read = read_markers(tmp_path / "out.json")
    np.testing.assert_array_equal(read.people[0].colors, track.colors)
    assert read.people[0].groups == track.groups


def test_npz_for_blender(tmp_path: Path) -> None:
    labels = ("a", "нос")
    made = replace(motion(person("Ann"), person("", labels, seed=1)), notes=("look",))
    write_marker_motion(tmp_path / "m.npz", made)
    read = read_marker_motion(tmp_path / "m.npz")
    assert (read.name, read.rate, read.start, read.notes) == ("Some Set", RATE, START, ("look",))
    for before, after in zip(made.people, read.people, strict=True):
        assert (after.person, after.labels) == (before.person, before.labels)
        np.testing.assert_array_equal(after.positions, before.positions)
        np.testing.assert_array_equal(after.uncertainty, before.uncertainty)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "m.npz").read_bytes()[:-40])
    with pytest.raises(UserError, match="Not a marker motion"):
        read_marker_motion(tmp_path / "cut.npz")

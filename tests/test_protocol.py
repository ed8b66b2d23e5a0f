# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of both sides: settings, messages, the take's files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nlf_blender.errors import UserError
from nlf_blender.protocol import registration, scan, take
from nlf_blender.protocol.cameras import CameraMotion, read_cameras, write_cameras
from nlf_blender.protocol.clip_clock import first_shown
from nlf_blender.protocol.messages import EVENTS_FILE, EventReader, EventWriter, decode, encode
from nlf_blender.protocol.rows import ROW_FIELDS, ChunkInfo, read_rows, write_chunk
from nlf_blender.protocol.scan_settings import ScanSettings
from nlf_blender.protocol.settings import LocalizeSettings, parse_boxes


def example_rows(people: int = 2, points: int = 7, joints: int = 3) -> dict[str, np.ndarray]:
    """Random rows with all fields of a take."""
    rng = np.random.default_rng(people)
    sizes = {"N": points, "J": joints, "B": 4, "3": 3, "4": 4}
    rows = {}
    for name, (dtype, axes) in ROW_FIELDS.items():
        shape = (people, *(sizes[axis] for axis in axes))
        rows[name] = (rng.normal(size=shape) * 10).astype(dtype)
    return rows


def example_info(chunks: tuple[ChunkInfo, ...] = ()) -> take.TakeInfo:
    """A take.json with something in every field."""
    return take.TakeInfo(
        source=take.SourceInfo("image", "/photos/ä b.jpg", "ab" * 32, 640, 480, "display.jpg"),
        camera=take.CameraInfo((600.0, 0.0, 319.5, 0.0, 600.0, 239.5, 0.0, 0.0, 1.0), (0.1, 0.2)),
        model=take.ModelInfo("default", "cd" * 32, "Apache-2.0"),
        body=take.ModelInfo("open", "ef" * 32, "CC0-1.0"),
        settings=LocalizeSettings(max_people=3).to_json(),
        software="nlf_blender test",
        created="2026-01-02T03:04:05+00:00",
        tracks=(take.TrackInfo(0, "Person 1"), take.TrackInfo(1, "Person 2")),
        chunks=chunks,
        notes=("a note",),
    )


def test_a_take_reads_back_as_written(tmp_path: Path) -> None:
    rows = example_rows()
    info = example_info((write_chunk(tmp_path, 0, rows),))
    take.write_info(tmp_path, info)
    assert take.read_info(tmp_path) == info
    read = read_rows(tmp_path, info.chunks)
    for name, array in rows.items():
        np.testing.assert_array_equal(read[name], array)
    assert not list(tmp_path.glob("*.part"))


def test_chunks_join_in_order(tmp_path: Path) -> None:
    first, second = example_rows(2), example_rows(3)
    chunks = (write_chunk(tmp_path, 0, first), write_chunk(tmp_path, 1, second))
    read = read_rows(tmp_path, chunks)
    np.testing.assert_array_equal(
        read["points"], np.concatenate([first["points"], second["points"]])
    )


@pytest.mark.parametrize("cut", [0, 100, -1])
def test_a_damaged_chunk_is_reported_by_name(tmp_path: Path, cut: int) -> None:
    info = example_info((write_chunk(tmp_path, 0, example_rows()),))
    path = tmp_path / info.chunks[0].file
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UserError, match=r"chunk_00000\.npz"):
        read_rows(tmp_path, info.chunks)


@pytest.mark.parametrize(
    ("field", "value"),
    [("source", None), ("version", "one"), ("tracks", {}), ("camera", {"intrinsics": [1, 2]})],
)
def test_a_wrong_field_in_take_json_is_a_clear_error(
    tmp_path: Path, field: str, value: object
) -> None:
    data = {**example_info().to_json(), field: value}
    (tmp_path / take.TAKE_FILE).write_text(json.dumps(data))
    with pytest.raises(UserError, match="Damaged take"):
        take.read_info(tmp_path)


def test_a_newer_take_and_no_take_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No take here"):
        take.read_info(tmp_path)
    data = {**example_info().to_json(), "version": take.VERSION + 1}
    (tmp_path / take.TAKE_FILE).write_text(json.dumps(data))
    with pytest.raises(UserError, match="Update the NLF extension"):
        take.read_info(tmp_path)


@pytest.mark.parametrize("name", ["../secret.npz", "/etc/passwd", "a/b.npz"])
def test_a_take_cannot_point_outside_itself(tmp_path: Path, name: str) -> None:
    data = example_info((ChunkInfo(name, "0" * 64, 1),)).to_json()
    (tmp_path / take.TAKE_FILE).write_text(json.dumps(data))
    with pytest.raises(UserError, match="plain file name"):
        take.read_info(tmp_path)


def test_settings_read_back_as_written() -> None:
    settings = LocalizeSettings(
        fov_degrees=40.0, boxes=(("a.jpg", ((1.0, 2.0, 3.0, 4.0),)),), device="cpu"
    )
    assert LocalizeSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings
    with pytest.raises(ValueError, match="unknown settings frames"):
        LocalizeSettings.from_json({"frames": 3})


@pytest.mark.parametrize(
    "wrong",
    [
        {"fov_degrees": 0.0},
        {"focal_px": -1.0},
        {"fov_degrees": 50.0, "focal_px": 800.0},
        {"test_time_augmentations": 0},
        {"device": "tpu"},
        {"boxes": (("a.jpg", ((5.0, 0.0, 1.0, 9.0),)),)},
    ],
)
def test_wrong_settings_are_refused_with_a_fix(wrong: dict) -> None:
    with pytest.raises(UserError) as caught:
        LocalizeSettings(**wrong)
    assert caught.value.fix


@pytest.mark.parametrize("data", [[], {"a": [[1, 2, 3]]}, {"a": [[1, 2, 3, "4"]]}, {"a": 3}])
def test_wrong_boxes_name_the_image(data: object) -> None:
    with pytest.raises(ValueError, match=r"boxes|box of a"):
        parse_boxes(data)


def test_events_arrive_whole_and_rubbish_is_counted(tmp_path: Path) -> None:
    writer, reader = EventWriter(tmp_path), EventReader(tmp_path)
    writer.write("progress", stage="Führung", done=1)
    with open(tmp_path / EVENTS_FILE, "ab") as file:
        file.write(b'rubbish\n\xff\xfe\n[1]\n{"kind": "do')
        file.flush()
        assert [event["stage"] for event in reader.read()] == ["Führung"]
        assert reader.rubbish_lines == 3
        file.write(b'ne"}\n')
    assert [event["kind"] for event in reader.read()] == ["done"]
    assert reader.read() == []
    writer.close()


def test_a_line_without_end_is_rubbish_and_reading_stays_bounded(tmp_path: Path) -> None:
    (tmp_path / EVENTS_FILE).write_bytes(b"x" * (3 * EventReader.LONGEST_LINE))
    reader = EventReader(tmp_path)
    for _ in range(5):
        assert reader.read() == []
    assert reader.rubbish_lines >= 1


def test_messages_are_one_line_of_json() -> None:
    message = {"kind": "localize", "sources": ["a\nb ü.jpg"]}
    line = encode(message)
    assert line.count(b"\n") == 1
    assert decode(line) == message


def example_registration(arrays_sha256: str = "") -> registration.RegistrationInfo:
    """A registration.json with something in every field."""
    return registration.RegistrationInfo(
        source=registration.ScanInfo("Büste", "/scans/a.ply", "ab" * 32, 100, 0),
        body=take.ModelInfo("open", "ef" * 32, "CC0-1.0"),
        settings=ScanSettings(partial=True).to_json(),
        figures=registration.Figures(0.002, 0.0015, 0.007, 100.0, 24, 3.25),
        undetermined=("L_Hand",),
        notes=("a note",),
        software="nlf_blender test",
        created="2026-01-02T03:04:05+00:00",
        arrays_sha256=arrays_sha256,
    )


def example_registration_arrays() -> dict[str, np.ndarray]:
    """Arrays of a body with three joints, four betas, seven vertices."""
    rng = np.random.default_rng(2)
    sizes = {"J": 3, "B": 4, "V": 7, "3": 3}
    return {
        name: rng.normal(size=[sizes[axis] for axis in axes]).astype(dtype)
        for name, (dtype, axes) in registration.ARRAY_FIELDS.items()
    }


def test_a_registration_reads_back_as_written(tmp_path: Path) -> None:
    arrays = example_registration_arrays()
    info = example_registration(registration.write_arrays(tmp_path, arrays))
    registration.write_info(tmp_path, info)
    assert registration.read_info(tmp_path) == info
    read = registration.read_arrays(tmp_path, info)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("figures", {}),
        ("undetermined", [3]),
        ("format", "nlf_blender.take"),
        ("source", {"name": "a"}),
        ("arrays_sha256", None),
    ],
)
def test_a_wrong_field_in_registration_json_is_a_clear_error(
    tmp_path: Path, field: str, value: object
) -> None:
    data = {**example_registration().to_json(), field: value}
    (tmp_path / registration.INFO_FILE).write_text(json.dumps(data))
    with pytest.raises(UserError, match="Damaged registration"):
        registration.read_info(tmp_path)


def test_a_newer_a_missing_and_a_changed_registration_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No registration here"):
        registration.read_info(tmp_path)
    data = {**example_registration().to_json(), "version": registration.VERSION + 1}
    (tmp_path / registration.INFO_FILE).write_text(json.dumps(data))
    with pytest.raises(UserError, match="Update the NLF extension"):
        registration.read_info(tmp_path)
    arrays = example_registration_arrays()
    info = example_registration(registration.write_arrays(tmp_path, arrays))
    registration.write_arrays(tmp_path, {**arrays, "betas": arrays["betas"] + 1})
    with pytest.raises(UserError, match="not what was written"):
        registration.read_arrays(tmp_path, info)


def test_scan_settings_read_back_as_written_and_unknown_ones_are_refused() -> None:
    settings = ScanSettings(partial=True, upright=True, units="in")
    assert ScanSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings
    assert settings.metres_per_unit == 0.0254
    assert ScanSettings.from_json({}).metres_per_unit is None
    with pytest.raises(ValueError, match="unknown settings starts"):
        ScanSettings.from_json({"starts": 3})
    with pytest.raises(ValueError, match="partial is neither"):
        ScanSettings.from_json({"partial": 1})
    with pytest.raises(UserError, match="m, cm, mm, in"):
        ScanSettings.from_json({"units": "parsec"})


@pytest.mark.parametrize("cloud", [True, False])
def test_a_scan_reads_back_as_written(tmp_path: Path, cloud: bool) -> None:
    rng = np.random.default_rng(1)
    vertices = rng.normal(size=(5, 3)) + 1e6  # far from the origin, as from a surveyor
    faces = None if cloud else np.array([[0, 1, 2], [2, 3, 4]])
    written = scan.Scan(vertices, faces, None, "a/b ü", "/home/x.blend")
    scan.write_scan(tmp_path / "a.npz", written)
    read = scan.read_scan(tmp_path / "a.npz")
    np.testing.assert_array_equal(read.vertices, vertices)
    assert (read.faces is None) == cloud
    assert (read.normals, read.name, read.origin) == (None, "a/b ü", "/home/x.blend")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"points": np.zeros((3, 3))}, "no array named vertices"),
        ({"vertices": np.zeros((3, 2))}, "shape"),
        ({"vertices": np.zeros((3, 3)), "faces": np.array([[0, 1, 3]])}, "no vertex"),
        ({"vertices": np.zeros((3, 3)), "normals": np.zeros((2, 3))}, "normals"),
        ({"vertices": np.array([{}, {}])}, "pickle"),
    ],
)
def test_an_npz_that_holds_no_scan_is_said_so(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=message):
        scan.read_scan(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("name", "file"),
    [("Scan", "Scan"), ("a/b:c", "a_b_c"), ("...", "_"), ("", "scan"), ("x" * 300, "x" * 100)],
)
def test_names_of_objects_become_names_of_files(name: str, file: str) -> None:
    assert scan.file_name(name) == file


def test_blender_counts_a_video_by_time() -> None:
    at_a_constant_rate = np.arange(500) * 1001 / 30000
    assert np.array_equal(first_shown(at_a_constant_rate, 30 / 1.001), np.arange(500))
    in_milliseconds = np.round(at_a_constant_rate, 3)
    assert np.array_equal(first_shown(in_milliseconds, 30 / 1.001), np.arange(500))
    # 2 is shown from frame 4 on, as 3 is: 2 never; 5 is late for frame 6
    places = first_shown(np.array([0.0, 1.0, 3.2, 3.6, 5.0, 6.4]) / 30, 30.0)
    np.testing.assert_allclose(places, [0, 1, 3.2, 4, 5, 7])


def test_a_camera_by_blenders_count_becomes_one_by_pictures(tmp_path: Path) -> None:
    matrices = np.tile(np.eye(4), (20, 1, 1))
    matrices[:, 0, 3] = np.arange(20)
    handed_over = CameraMotion(np.arange(20), np.tile(np.eye(3), (20, 1, 1)), matrices, 30.0)
    write_cameras(tmp_path / "cameras.npz", handed_over)
    found = read_cameras(tmp_path / "cameras.npz")
    assert found.clock == 30.0
    times = np.array([0.0, 1.0, 3.2, 5.0, 6.4, 22.0]) / 30
    taken = found.by_index(np.array([4, 5, 6, 7, 8, 9]), times)
    assert (taken.frames.tolist(), taken.clock) == ([4, 5, 6, 7, 8], 0.0)
    assert taken.world_from_camera[:, 0, 3].tolist() == [0, 1, 4, 5, 7]
    with pytest.raises(UserError, match="frame 9"):
        taken.rows_of(np.array([8, 9]))

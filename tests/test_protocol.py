# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of both sides: settings, messages, the take's files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nlf_blender.errors import UserError
from nlf_blender.protocol import take
from nlf_blender.protocol.messages import EVENTS_FILE, EventReader, EventWriter, decode, encode
from nlf_blender.protocol.settings import LocalizeSettings, parse_boxes


def example_rows(people: int = 2, points: int = 7, joints: int = 3) -> dict[str, np.ndarray]:
    """Random rows with all fields of a take."""
    rng = np.random.default_rng(people)
    sizes = {"N": points, "J": joints, "B": 4, "3": 3, "4": 4}
    rows = {}
    for name, (dtype, axes) in take.ROW_FIELDS.items():
        shape = (people, *(sizes[axis] for axis in axes))
        rows[name] = (rng.normal(size=shape) * 10).astype(dtype)
    return rows


def example_info(chunks: tuple[take.ChunkInfo, ...] = ()) -> take.TakeInfo:
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
    info = example_info((take.write_chunk(tmp_path, 0, rows),))
    take.write_info(tmp_path, info)
    assert take.read_info(tmp_path) == info
    read = take.read_rows(tmp_path, info)
    for name, array in rows.items():
        np.testing.assert_array_equal(read[name], array)
    assert not list(tmp_path.glob("*.part"))


def test_chunks_join_in_order(tmp_path: Path) -> None:
    first, second = example_rows(2), example_rows(3)
    chunks = (take.write_chunk(tmp_path, 0, first), take.write_chunk(tmp_path, 1, second))
    read = take.read_rows(tmp_path, example_info(chunks))
    np.testing.assert_array_equal(
        read["points"], np.concatenate([first["points"], second["points"]])
    )


@pytest.mark.parametrize("cut", [0, 100, -1])
def test_a_damaged_chunk_is_reported_by_name(tmp_path: Path, cut: int) -> None:
    info = example_info((take.write_chunk(tmp_path, 0, example_rows()),))
    path = tmp_path / info.chunks[0].file
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UserError, match=r"chunk_00000\.npz"):
        take.read_rows(tmp_path, info)


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
    data = example_info((take.ChunkInfo(name, "0" * 64, 1),)).to_json()
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

# SPDX-License-Identifier: GPL-3.0-or-later
"""Videos that are damaged, end early, change their size, or are none."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from nlf_blender.errors import UserError
from nlf_blender.worker.media.source import kind_of, open_footage
from tests.footage_files import cut_short, frame_picture, number_in, write_video

INDEX_FIRST = {"movflags": "faststart"}
PRORES = {"codec": "prores_ks", "pix_fmt": "yuv422p10le", "options": {}}


def damage(path: Path, begin: float, end: float) -> Path:
    """Overwrite a part of a file, given as shares of it, with noise."""
    data = bytearray(path.read_bytes())
    span = slice(int(begin * len(data)), int(end * len(data)))
    noise = np.random.default_rng(0).integers(0, 256, span.stop - span.start, dtype=np.uint8)
    data[span] = noise.tobytes()
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip.mp4", {"container_options": INDEX_FIRST}),
        ("clip.mov", {"container_options": INDEX_FIRST, **PRORES}),
        ("clip.mkv", {}),
        ("clip.webm", {"codec": "libvpx-vp9", "options": {"g": "8", "cpu-used": "8"}}),
    ],
)
def test_the_first_part_of_a_file_that_ends_early(
    tmp_path: Path, name: str, options: dict[str, object]
) -> None:
    path = cut_short(write_video(tmp_path / name, 40, **options), 0.6)
    with open_footage(path) as footage:
        frames = list(footage.frames())
        found = [number_in(frame.rgb) for frame in frames]
        assert 5 <= len(frames) < 40
        assert found == [frame.index for frame in frames] == list(range(len(frames)))
        assert name in footage.broken and "ends after" in footage.broken
        list(footage.frames(0, 2))
        assert not footage.broken  # what was asked for was there


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_a_file_whose_second_half_is_noise(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, 40, container_options=INDEX_FIRST)
    with open_footage(damage(path, 0.6, 1)) as footage:
        frames = list(footage.frames())
        assert 5 <= len(frames) < 35
        assert [number_in(f.rgb) for f in frames] == [f.index for f in frames]
        assert f"cannot be read from frame {len(frames)} on" in footage.broken


def test_damage_in_the_middle_leaves_holes(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", 40, container_options=INDEX_FIRST)
    with open_footage(damage(path, 0.6, 0.65)) as footage:
        frames = list(footage.frames())
        indices = [frame.index for frame in frames]
        assert [number_in(frame.rgb) for frame in frames] == indices
        assert footage.missing and not footage.broken
        assert sorted([*indices, *footage.missing]) == list(range(40))
        assert frames[-1].time == pytest.approx(39 / 24)
        after = next(footage.frames(footage.missing[0]))
        assert after.index not in footage.missing


def test_intra_coded_damage_loses_only_what_it_hits(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mov", 40, container_options=INDEX_FIRST, **PRORES)
    with open_footage(damage(path, 0.6, 0.7)) as footage:
        assert len(list(footage.frames())) + len(footage.missing) == 40
        assert 1 <= len(footage.missing) <= 7


def test_a_stream_that_begins_between_keys(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.ts", 40)
    path.write_bytes(path.read_bytes()[188 * 12 :])
    with open_footage(path) as footage:
        frames = list(footage.frames())
        assert footage.missing == list(range(frames[0].index))
        lost = number_in(frames[0].rgb) - frames[0].index
        assert [number_in(f.rgb) - f.index for f in frames] == [lost] * len(frames)
        assert frames[0].time == pytest.approx(frames[0].index / 24)


@pytest.mark.parametrize("ending", ["h264", "ts"])
def test_a_change_of_size_ends_it(tmp_path: Path, ending: str) -> None:
    first = write_video(tmp_path / f"first.{ending}", 12)
    second = write_video(
        tmp_path / f"second.{ending}", [frame_picture(i, 64, 48) for i in range(9)]
    )
    path = tmp_path / f"clip.{ending}"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    with open_footage(path) as footage:
        frames = list(footage.frames())
        assert 10 <= len(frames) <= 12
        assert {frame.rgb.shape for frame in frames} == {(64, 96, 3)}
        assert "changes from 96 x 64 to 64 x 48 pixels at frame 1" in footage.broken


def sound(path: Path, cover: bool = False) -> Path:
    """A second of silence, with a picture as its cover or without."""
    with av.open(str(path), "w") as container:
        audio = container.add_stream("aac", rate=44100)
        if cover:
            picture = container.add_stream("mjpeg", rate=1, options={})
            picture.width, picture.height, picture.pix_fmt = 96, 64, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
        for number in range(40):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.rate, frame.pts = 44100, number * 1024
            container.mux(audio.encode(frame))
        container.mux(audio.encode())
        if cover:
            frame = av.VideoFrame.from_ndarray(frame_picture(1), format="rgb24")
            frame.pts = 0
            container.mux(picture.encode(frame))
            container.mux(picture.encode())
    return path


@pytest.mark.parametrize("cover", [False, True])
def test_sound_has_no_pictures(tmp_path: Path, cover: bool) -> None:
    with pytest.raises(UserError, match="No pictures"):
        open_footage(sound(tmp_path / "sound.mp4", cover))


def test_files_that_are_no_videos(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.mp4", tmp_path / "text.mp4"
    empty.touch()
    text.write_text("not a video\n" * 100)
    for path in (empty, text):
        assert kind_of(path) == "video"  # it is called one: what is said of it is about videos
        with pytest.raises(UserError, match="Not a video") as caught:
            open_footage(path)
        assert path.name in caught.value.detail
    late_index = cut_short(write_video(tmp_path / "clip.mp4", 24))
    with pytest.raises(UserError, match="Not a video"):
        open_footage(late_index)
    with pytest.raises(UserError, match="No such footage"):
        open_footage(tmp_path / "gone.mp4")


def test_nothing_readable(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", 24, container_options=INDEX_FIRST)
    data = path.read_bytes()
    begin = data.index(b"mdat") + 4
    path.write_bytes(data[:begin] + b"\xff" * (len(data) - begin))
    with pytest.raises(UserError, match="No readable frame"):
        open_footage(path)

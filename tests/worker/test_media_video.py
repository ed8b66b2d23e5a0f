# SPDX-License-Identifier: GPL-3.0-or-later
"""Videos of every kind: the right picture, at the right index and time, from any frame on."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from nlf_blender.errors import UserError
from nlf_blender.worker.media.source import Footage, kind_of, open_footage
from tests.footage_files import HEIGHT, WIDTH, frame_picture, number_in, write_video

OPEN_GOP = {"g": "10", "bf": "3", "x264-params": "open-gop=1:scenecut=0:b-adapt=0"}
INTRA_REFRESH = {"g": "20", "bf": "0", "x264-params": "intra-refresh=1"}
HEVC = {"x265-params": "log-level=none:keyint=10:min-keyint=10:bframes=4:open-gop=1:scenecut=0"}
FORMATS = {
    "mp4": ("clip.mp4", {}),
    "mkv": ("clip.mkv", {}),
    "ts": ("clip.ts", {"options": OPEN_GOP}),
    "open-gop": ("clip.mp4", {"options": OPEN_GOP}),
    "intra-refresh": ("clip.mp4", {"options": INTRA_REFRESH}),
    "hevc-10-bit": ("clip.mkv", {"codec": "libx265", "pix_fmt": "yuv420p10le", "options": HEVC}),
    "avi": ("clip.avi", {"codec": "mpeg4"}),
    "program-stream": ("clip.mpg", {"codec": "mpeg2video", "rate": 25}),
    "prores": ("clip.mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le", "options": {}}),
    "vp8": ("clip.webm", {"codec": "libvpx", "options": {"auto-alt-ref": "1", "g": "20"}}),
    "interlaced": ("clip.mp4", {"options": {"flags": "+ildct+ilme", "g": "8", "bf": "2"}}),
    "raw": ("clip.h264", {}),
}


def numbers(footage: Footage, *span: int) -> list[int]:
    """The numbers written into the frames, which must be their indices."""
    frames = list(footage.frames(*span))
    found = [number_in(frame.rgb) for frame in frames]
    assert found == [frame.index for frame in frames]
    return found


@pytest.mark.parametrize("name", FORMATS)
def test_frames_have_their_index_and_seeking_equals_reading_on(tmp_path: Path, name: str) -> None:
    file, options = FORMATS[name]
    path = write_video(tmp_path / file, 28, **options)
    assert kind_of(path) == "video"
    with open_footage(path) as footage:
        whole = list(footage.frames())
        info = footage.info
        assert (info.width, info.height, info.frame_count) == (WIDTH, HEIGHT, 28)
        assert info.fps == options.get("rate", 24)
        assert info.exact == (name != "raw")
        assert info.as_stored and info.kind == "video" and info.path == path
        assert numbers(footage) == list(range(28))
        assert not footage.missing and not footage.broken
        for frame in whole:
            assert frame.rgb.flags.c_contiguous and frame.rgb.shape == (HEIGHT, WIDTH, 3)
            assert frame.time == pytest.approx(frame.index / info.fps, abs=6e-4)
        for first in (1, 7, 9, 10, 12, 19, 20, 27):
            got = next(footage.frames(first))
            assert (got.index, got.time) == (first, whole[first].time)
            np.testing.assert_array_equal(got.rgb, whole[first].rgb)


def test_ranges_and_steps(tmp_path: Path) -> None:
    with open_footage(write_video(tmp_path / "clip.mp4", 24)) as footage:
        assert numbers(footage, 3, 9) == list(range(3, 10))
        assert numbers(footage, 5, 20, 4) == [5, 9, 13, 17]
        assert numbers(footage, 23) == [23]
        for span in ((-1, 3), (0, 24), (24,), (9, 3), (0, 5, 0)):
            with pytest.raises(UserError, match="24 frames, 0 to 23"):
                footage.frames(*span)


def test_variable_rate_times_are_exact(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.1, 0.11, 0.3, 0.37, 0.5, 0.9, 1.0, 1.5, 1.51, 3.0]
    path = write_video(tmp_path / "clip.mp4", times=times)
    with open_footage(path) as footage:
        assert footage.info.fps == pytest.approx(11 / 3.0)
        frames = list(footage.frames())
        assert [frame.time for frame in frames] == pytest.approx(times, abs=1e-6)
        assert numbers(footage) == list(range(12))
        assert next(footage.frames(7)).time == pytest.approx(0.9, abs=1e-6)


def test_a_clip_that_does_not_start_at_zero(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.ts", times=[5 + i / 25 for i in range(10)])
    with open_footage(path) as footage:
        assert [f.time for f in footage.frames()] == pytest.approx([i / 25 for i in range(10)])


def test_fractional_rates_stay_as_they_are(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", 12, rate=Fraction(30000, 1001))
    with open_footage(path) as footage:
        assert footage.info.fps == pytest.approx(30000 / 1001, abs=1e-9)


@pytest.mark.parametrize("angle", [90, 180, -90])
def test_rotation_is_undone(tmp_path: Path, angle: int) -> None:
    plain = next(open_footage(write_video(tmp_path / "plain.mp4", 6)).frames(2)).rgb
    with open_footage(write_video(tmp_path / "clip.mp4", 6, rotation=angle)) as footage:
        rgb = next(footage.frames(2)).rgb
        np.testing.assert_array_equal(rgb, np.rot90(plain, angle // 90))
        assert rgb.flags.c_contiguous
        assert (footage.info.width, footage.info.height) == rgb.shape[1::-1]
        assert not footage.info.as_stored


def test_pixels_become_square(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", 6, pixel_aspect=Fraction(4, 3))
    with open_footage(path) as footage:
        assert (footage.info.width, footage.info.height) == (WIDTH * 4 // 3, HEIGHT)
        assert not footage.info.as_stored
        assert "not square" in footage.info.notes[0]
        assert numbers(footage) == list(range(6))


def test_interlaced_fields_are_joined(tmp_path: Path) -> None:
    """Of a bar that moves between the two fields of a frame, no comb is left."""
    pictures = []
    for number in range(8):
        picture = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
        for field in (0, 1):
            x = 8 + 8 * number + 4 * field
            picture[field::2, x : x + 12] = 200
        pictures.append(picture)
    fields = {"flags": "+ildct+ilme", "x264-params": "tff=1", "crf": "4"}
    with open_footage(write_video(tmp_path / "clip.mp4", pictures, options=fields)) as footage:
        rgb = next(footage.frames(4)).rgb.astype(int)
        assert "interlaced" in footage.info.notes[0]

    def combs(picture: np.ndarray) -> int:
        inner = picture.astype(int)[8:-8, :, 0]
        return int((np.abs(np.diff(inner, axis=0)).min(axis=0) > 60).sum())

    assert combs(pictures[4]) >= 8
    assert combs(rgb) == 0


@pytest.mark.parametrize(
    ("matrix", "kr", "kb"), [(1, 0.2126, 0.0722), (6, 0.299, 0.114), (9, 0.2627, 0.0593)]
)
@pytest.mark.parametrize("full", [False, True])
def test_colours_follow_their_tags(
    tmp_path: Path, matrix: int, kr: float, kb: float, full: bool
) -> None:
    colour = np.array([200, 30, 40]) / 255
    luma = kr * colour[0] + (1 - kr - kb) * colour[1] + kb * colour[2]
    chroma = (colour[2] - luma) / (2 - 2 * kb), (colour[0] - luma) / (2 - 2 * kr)
    spans = (0, 255, 255) if full else (16, 219, 224)
    planes = [round(spans[0] + spans[1] * luma), *(round(128 + spans[2] * c) for c in chroma)]
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        coder = stream.codec_context
        coder.colorspace, coder.color_range = matrix, 2 if full else 1
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        frame.colorspace, frame.color_range, frame.pts = matrix, 2 if full else 1, 0
        for plane, value in zip(frame.planes, planes, strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    rgb = next(open_footage(path).frames()).rgb
    np.testing.assert_allclose(rgb[20, 30], colour * 255, atol=3)


def test_transparent_parts_are_grey(tmp_path: Path) -> None:
    picture = np.dstack([frame_picture(3), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    picture[40:, :, 3] = 0
    options = {"codec": "prores_ks", "pix_fmt": "yuva444p10le", "options": {}}
    path = write_video(tmp_path / "clip.mov", [picture] * 3, **options)
    rgb = next(open_footage(path).frames()).rgb
    np.testing.assert_allclose(rgb[44:], 128, atol=3)
    assert number_in(rgb) == 3


@pytest.mark.parametrize(("curve", "white"), [(16, 0.5807), (18, 0.75)])
def test_hdr_becomes_ordinary(tmp_path: Path, curve: int, white: float) -> None:
    """Diffuse white (203 cd/m2: 58 % in PQ, 75 % in HLG) comes out as a light grey."""
    level = round(white * 255)
    pictures = [np.full((HEIGHT, WIDTH, 3), level, np.uint8)] * 2
    tags = {"color_trc": curve, "colorspace": 9, "color_primaries": 9, "color_range": 1}
    path = write_video(tmp_path / "clip.mkv", pictures, codec="libx265", pix_fmt="yuv420p10le",
                       options={"x265-params": "log-level=none"}, tags=tags)  # fmt: skip
    with open_footage(path) as footage:
        grey = next(footage.frames()).rgb
        assert grey.mean() == pytest.approx(242, abs=6)
        assert "HDR" in footage.info.notes[0]


def test_animated_pictures_are_videos(tmp_path: Path) -> None:
    from PIL import Image

    images = [Image.fromarray(frame_picture(number)) for number in range(6)]
    for ending in ("gif", "png", "webp"):
        path = tmp_path / f"moving.{ending}"
        images[0].save(path, save_all=True, append_images=images[1:], duration=50)
        still = tmp_path / f"still.{ending}"
        images[0].save(still)
        assert (kind_of(path), kind_of(still)) == ("video", "image")
        with open_footage(path) as footage:
            assert numbers(footage) == list(range(6))
            assert numbers(footage, 3, 5, 2) == [3, 5]
            assert footage.info.fps == pytest.approx(20)
            assert next(footage.frames(4)).time == pytest.approx(0.2)
            assert not footage.info.as_stored

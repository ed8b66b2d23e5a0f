# SPDX-License-Identifier: GPL-3.0-or-later
"""Image sequences: which files they are, their numbers, holes and pixels; and fingerprints."""

from __future__ import annotations

import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from nlf_blender.errors import UserError
from nlf_blender.worker.media import fingerprint as fingerprints
from nlf_blender.worker.media.fingerprint import fingerprint
from nlf_blender.worker.media.photo import EXIF_FOCAL_LENGTH_35MM, EXIF_ORIENTATION, EXIF_SUB_IFD
from nlf_blender.worker.media.source import Footage, kind_of, open_footage
from tests.footage_files import HEIGHT, WIDTH, frame_picture, number_in, write_sequence


def found(footage: Footage) -> list[tuple[int, int]]:
    """Index and number of every frame."""
    return [(frame.index, number_in(frame.rgb)) for frame in footage.frames()]


@pytest.mark.parametrize("chosen", ["", "shot_####.png", "shot_%04d.png", "shot_#.png"])
def test_a_folder_and_patterns(tmp_path: Path, chosen: str) -> None:
    write_sequence(tmp_path, range(8, 13))
    (tmp_path / "notes.txt").write_text("takes 1 to 5")
    path = tmp_path / chosen if chosen else tmp_path
    assert kind_of(path) == "sequence"
    with open_footage(path, fps=25) as footage:
        info = footage.info
        assert found(footage) == [(i, 8 + i) for i in range(5)]
        assert (info.kind, info.path.name, info.number) == ("sequence", "shot_0008.png", 8)
        assert (info.width, info.height, info.frame_count) == (WIDTH, HEIGHT, 5)
        assert info.fps == 25 and info.exact and info.as_stored and not info.notes
        assert [frame.time for frame in footage.frames(1, 4, 3)] == [1 / 25, 4 / 25]


def test_one_file_is_a_sequence_only_if_it_is_said(tmp_path: Path) -> None:
    paths = write_sequence(tmp_path, range(3))
    write_sequence(tmp_path, range(9, 11), "other_{:04d}.png")
    assert kind_of(paths[1]) == "image"
    with open_footage(paths[1]) as footage:
        assert found(footage) == [(0, 1)]
    with open_footage(paths[1], sequence=True) as footage:
        assert found(footage) == [(0, 0), (1, 1), (2, 2)]
        assert "24 frames a second were assumed" in footage.info.notes[0]


def test_numbers_are_ordered_as_numbers(tmp_path: Path) -> None:
    write_sequence(tmp_path, [8, 9, 10, 11], "take2 {} b.jpg", quality=95)
    with open_footage(tmp_path) as footage:
        assert found(footage) == [(i, 8 + i) for i in range(4)]


def test_several_sequences_are_named(tmp_path: Path) -> None:
    write_sequence(tmp_path, range(2), "a{}.png")
    write_sequence(tmp_path, range(3), "b{}.png")
    with pytest.raises(UserError, match=r"a0.png \(2 files\), b0.png \(3 files\)"):
        open_footage(tmp_path)
    with open_footage(tmp_path / "b#.png") as footage:
        assert footage.info.frame_count == 3


def test_folders_and_patterns_without_images(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No image sequence"):
        open_footage(tmp_path)
    with pytest.raises(UserError, match="No such sequence"):
        open_footage(tmp_path / "x_##.png")
    with pytest.raises(UserError, match="No such footage"):
        open_footage(tmp_path / "gone")
    write_sequence(tmp_path, [1], "a_{:02d}.png")
    write_sequence(tmp_path, [1], "a_{:03d}.png")
    with pytest.raises(UserError, match="Two images with one number"):
        open_footage(tmp_path)


def test_holes_damage_and_other_sizes(tmp_path: Path) -> None:
    paths = write_sequence(tmp_path, [1, 2, 4, 5, 6])
    paths[1].write_bytes(paths[1].read_bytes()[:150])
    Image.fromarray(frame_picture(5, 64, 48)).save(paths[3])
    with open_footage(tmp_path) as footage:
        assert footage.info.frame_count == 6
        assert "1 numbers are missing" in footage.info.notes[1]
        assert found(footage) == [(0, 1), (3, 4), (5, 6)]
        assert footage.missing == [1, 2, 4]
        assert "shot_0002.png" in footage.remarks[0]
        assert "64 x 48" in footage.remarks[1]
        assert not footage.broken
    paths[0].write_bytes(b"")
    with pytest.raises(UserError, match=r"shot_0001\.png"):
        open_footage(tmp_path)


def test_exif_is_heeded(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    exif.get_ifd(EXIF_SUB_IFD)[EXIF_FOCAL_LENGTH_35MM] = 50
    write_sequence(tmp_path, range(3), "{}.jpg", exif=exif, quality=95)
    with open_footage(tmp_path) as footage:
        assert (footage.info.width, footage.info.height) == (HEIGHT, WIDTH)
        assert not footage.info.as_stored
        assert footage.info.focal_px == pytest.approx(50 / 43.2666 * np.hypot(WIDTH, HEIGHT))
        turned = next(footage.frames(2)).rgb
        assert number_in(np.ascontiguousarray(np.rot90(turned))) == 2


@pytest.mark.parametrize("kind", ["half", "float"])
@pytest.mark.parametrize("alpha", [False, True])
def test_linear_images(tmp_path: Path, kind: str, alpha: bool) -> None:
    """OpenEXR holds linear light; what is transparent comes out grey."""
    seen = frame_picture(5)
    share = seen / 255.0
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    opaque = np.ones((HEIGHT, WIDTH))
    opaque[40:] = 0 if alpha else 1
    light[opaque == 0] = 0
    frame = av.VideoFrame(WIDTH, HEIGHT, "gbrapf32le" if alpha else "gbrpf32le")
    for plane, values in zip(
        frame.planes, (light[..., 1], light[..., 2], light[..., 0], opaque), strict=False
    ):
        row = np.zeros((HEIGHT, plane.line_size // 4), np.float32)
        row[:, :WIDTH] = values
        plane.update(row.tobytes())
    for number in (1, 2):
        with av.open(str(tmp_path / f"r.{number:02d}.exr"), "w", format="image2") as container:
            stream = container.add_stream("exr", rate=24, options={"format": kind})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, frame.format.name
            frame.pts = 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode())
    seen[opaque == 0] = 128
    assert kind_of(tmp_path / "r.01.exr") == "image"
    with open_footage(tmp_path) as footage:
        rgb = next(footage.frames(1)).rgb
        assert np.abs(rgb.astype(int) - seen).max() <= 1


def test_deep_images(tmp_path: Path) -> None:
    for number in (1, 2):
        deep = frame_picture(number)[..., 0].astype(np.uint16) * 257
        Image.fromarray(deep).save(tmp_path / f"{number}.png")
    with open_footage(tmp_path) as footage:
        assert found(footage) == [(0, 1), (1, 2)]


def test_fingerprints_follow_the_content(tmp_path: Path) -> None:
    paths = write_sequence(tmp_path / "a", range(4))
    write_sequence(tmp_path / "b", range(4))
    before = fingerprint(tmp_path / "a")
    assert len(before) == 64
    assert before == fingerprint(tmp_path / "b") == fingerprint(paths[2], sequence=True)
    assert fingerprint(paths[2]) == fingerprint(tmp_path / "b" / "shot_0002.png") != before
    Image.fromarray(frame_picture(9)).save(paths[2])
    assert fingerprint(tmp_path / "a") != before
    paths[3].rename(tmp_path / "b" / "shot_0004.png")
    assert fingerprint(tmp_path / "b") != before
    with pytest.raises(UserError, match="No such footage"):
        fingerprint(tmp_path / "gone.mp4")


def test_large_files_are_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "WHOLE_UP_TO", 1 << 20)
    path = tmp_path / "long.mov"
    with open(path, "wb") as file:  # a sparse file: nothing is written to the disk
        file.truncate(10 << 30)
    began = time.perf_counter()
    before = fingerprint(path)
    assert time.perf_counter() - began < 0.5
    for offset, data in ((0, b"x"), ((10 << 30) - 1, b"y"), (10 << 30, b"z")):
        with open(path, "r+b") as file:
            file.seek(offset)
            file.write(data)
        after = fingerprint(path)
        assert after != before
        before = after

# SPDX-License-Identifier: GPL-3.0-or-later
"""Photos in every form that people have, and files that are none."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nlf_blender.errors import UserError
from nlf_blender.worker.media.photo import (
    BACKDROP,
    EXIF_FOCAL_LENGTH_35MM,
    EXIF_ORIENTATION,
    EXIF_SUB_IFD,
    read_photo,
    write_display_copy,
)

WIDTH, HEIGHT = 48, 32


def picture() -> np.ndarray:
    """Four differently coloured quarters, smooth enough for JPEG."""
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    rgb[:16, :24] = (200, 30, 40)
    rgb[:16, 24:] = (30, 180, 60)
    rgb[16:, :24] = (40, 60, 210)
    rgb[16:, 24:] = (220, 210, 190)
    return rgb


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".bmp"])
def test_formats_and_paths(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "ordner mit ümlaut 写真"
    folder.mkdir()
    path = folder / f"foto eins{suffix}"
    Image.fromarray(picture()).save(path, **({"quality": 98} if suffix != ".tif" else {}))
    photo = read_photo(path)
    assert (photo.width, photo.height) == (WIDTH, HEIGHT)
    assert photo.rgb.dtype == np.uint8
    assert photo.as_stored
    inner = np.abs(photo.rgb.astype(int) - picture())[4:12, 4:20]
    assert inner.max() <= 12
    assert photo.focal_px is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_undone(tmp_path: Path, orientation: int) -> None:
    stored = Image.fromarray(picture())
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }.get(orientation)
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    path = tmp_path / "turned.png"
    (stored.transpose(undo) if undo is not None else stored).save(path, exif=exif)
    photo = read_photo(path)
    np.testing.assert_array_equal(photo.rgb, picture())
    assert photo.as_stored == (orientation == 1)
    write_display_copy(photo, tmp_path / "display.jpg")
    with Image.open(tmp_path / "display.jpg") as shown:
        assert shown.size == (WIDTH, HEIGHT)
        assert shown.getexif().get(EXIF_ORIENTATION) is None


def test_exif_focal_length_is_over_the_diagonal(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(EXIF_SUB_IFD)[EXIF_FOCAL_LENGTH_35MM] = 50
    path = tmp_path / "a.jpg"
    Image.fromarray(np.zeros((240, 360, 3), np.uint8)).save(path, exif=exif)
    # 36x24 mm and 360x240 pixels have the same shape, so a millimetre is ten pixels
    assert read_photo(path).focal_px == pytest.approx(500, rel=1e-4)


def test_grey_sixteen_bit_alpha_palette_and_cmyk(tmp_path: Path) -> None:
    grey = picture()[..., 0]
    cases = {
        "grey.png": (Image.fromarray(grey), np.repeat(grey[..., None], 3, 2)),
        "deep.png": (
            Image.fromarray(grey.astype(np.uint16) * 257),
            np.repeat(grey[..., None], 3, 2),
        ),
        "palette.png": (Image.fromarray(picture()).quantize(8), picture()),
        "cmyk.tif": (Image.fromarray(picture()).convert("CMYK"), picture()),
    }
    for name, (image, expected) in cases.items():
        image.save(tmp_path / name)
        read = read_photo(tmp_path / name).rgb.astype(int)
        assert np.abs(read - expected).max() <= 3, name
    alpha = np.dstack([picture(), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    alpha[:16, :24, 3] = 0
    Image.fromarray(alpha).save(tmp_path / "alpha.png")
    photo = read_photo(tmp_path / "alpha.png")
    assert tuple(photo.rgb[3, 3]) == BACKDROP
    np.testing.assert_array_equal(photo.rgb[20:], picture()[20:])
    assert not photo.as_stored


def test_one_pixel_is_a_photo(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "p.png")
    assert read_photo(tmp_path / "p.png").rgb.tolist() == [[[1, 2, 3]]]


def test_a_photo_of_108_megapixels_is_read(tmp_path: Path) -> None:
    Image.new("L", (12000, 9000), 128).save(tmp_path / "large.png", compress_level=1)
    photo = read_photo(tmp_path / "large.png")
    assert photo.rgb.shape == (9000, 12000, 3)


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("empty.jpg", b"", "Not a photo"),
        ("text.png", b"this is no picture at all", "Not a photo"),
        ("folder.jpg", None, "Not a photo"),
        ("missing.jpg", None, "No such photo"),
    ],
)
def test_what_is_no_photo_says_so(
    tmp_path: Path, name: str, content: bytes | None, title: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    elif name.startswith("folder"):
        path.mkdir()
    with pytest.raises(UserError) as caught:
        read_photo(path)
    assert caught.value.title == title
    assert name in caught.value.detail
    assert caught.value.fix


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_photo_cut_short_says_so(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"Damaged photo|Not a photo"):
        read_photo(path)


def test_an_unreadable_photo_says_so(tmp_path: Path) -> None:
    if os.name == "nt" or os.geteuid() == 0:
        pytest.skip("permissions do not bind this user")
    path = tmp_path / "locked.png"
    Image.fromarray(picture()).save(path)
    path.chmod(0)
    with pytest.raises(UserError, match="Photo not readable"):
        read_photo(path)

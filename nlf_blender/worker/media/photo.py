# SPDX-License-Identifier: GPL-3.0-or-later
"""One photo from disk as upright 8-bit RGB, whatever it was stored as."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ...errors import UserError
from ...protocol.files import file_sha256

BACKDROP = (128, 128, 128)  # behind transparent pixels

EXIF_SUB_IFD = 0x8769
EXIF_ORIENTATION = 0x0112
EXIF_FOCAL_LENGTH_35MM = 0xA405
FULL_FRAME_DIAGONAL_MM = 43.2666  # of the 36x24 mm frame that EXIF's 35 mm equivalent refers to


@dataclass(frozen=True)
class Photo:
    """A decoded photo.

    rgb: uint8 [H,W,3], upright, sRGB. focal_px: focal length in pixels from EXIF's 35 mm
    equivalent (CIPA DC-008, over the frame's diagonal), None if the file does not say.
    as_stored: whether a program that ignores EXIF and reads 8-bit RGB shows the same picture.
    """

    path: Path
    sha256: str
    rgb: NDArray[np.uint8]
    focal_px: float | None
    as_stored: bool

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.rgb.shape[1]

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.rgb.shape[0]


def read_photo(path: Path) -> Photo:
    """Read a photo. UserError if there is none, or if it cannot be read to its end."""
    try:
        digest = file_sha256(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path)
            image.load()
            exif = image.getexif()
            focal_35mm = exif.get_ifd(EXIF_SUB_IFD).get(EXIF_FOCAL_LENGTH_35MM)
            rotated = exif.get(EXIF_ORIENTATION, 1) not in (0, 1)
            as_stored = not rotated and image.mode in ("RGB", "L", "P", "1")
            rgb = _to_rgb(ImageOps.exif_transpose(image))
    except FileNotFoundError as error:
        raise UserError(
            "No such photo", f"{path} does not exist.", "Check the path, or choose the photo again."
        ) from error
    except IsADirectoryError as error:
        raise UserError(
            "Not a photo", f"{path} is a folder.", "Choose a photo inside it."
        ) from error
    except PermissionError as error:
        raise UserError(
            "Photo not readable",
            f"You have no permission to read {path}.",
            "Change the file's permissions, or copy it to a folder of yours.",
        ) from error
    except UnidentifiedImageError as error:
        raise UserError(
            "Not a photo",
            f"{path} is in no known image format.",
            "Choose a JPEG, PNG, TIFF, WebP or BMP file.",
        ) from error
    except Image.DecompressionBombError as error:
        raise UserError(
            "Photo too large", f"{path}: {error}", "Scale it below 170 megapixels."
        ) from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise UserError(
            "Damaged photo",
            f"{path} cannot be read to its end: {error}.",
            "Open it in an image editor and save it again, or get a fresh copy.",
        ) from error
    return Photo(path, digest, rgb, _focal_px(focal_35mm, rgb), as_stored)


def write_display_copy(photo: Photo, path: Path) -> None:
    """Save the upright picture as a high-quality JPEG. OSError from the disk."""
    buffer = io.BytesIO()
    Image.fromarray(photo.rgb).save(buffer, "JPEG", quality=95, subsampling=0)
    path.write_bytes(buffer.getvalue())


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    """Any mode to uint8 RGB; 16-bit and float greys by their full range, alpha over BACKDROP."""
    if image.mode.startswith(("I", "F")):
        return np.repeat(_grey_to_8_bit(image)[..., None], 3, axis=2)
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        with_alpha = image.convert("RGBA")
        backdrop = Image.new("RGBA", image.size, (*BACKDROP, 255))
        image = Image.alpha_composite(backdrop, with_alpha)
    return np.array(image.convert("RGB"), dtype=np.uint8)


def _grey_to_8_bit(image: Image.Image) -> NDArray[np.uint8]:
    grey = np.asarray(image).astype(np.float32)
    if image.mode == "F":
        top = 1.0 if grey.max(initial=0.0) <= 1.0 else 255.0
    else:
        top = 255.0 if grey.max(initial=0.0) <= 255.0 and image.mode == "I" else 65535.0
    return np.clip(np.nan_to_num(grey) * (255.0 / top) + 0.5, 0, 255).astype(np.uint8)


def _focal_px(focal_35mm: object, rgb: NDArray[np.uint8]) -> float | None:
    if not isinstance(focal_35mm, (int, float)) or not 1 <= focal_35mm <= 5000:
        return None
    diagonal = float(np.hypot(rgb.shape[0], rgb.shape[1]))
    return float(focal_35mm) * diagonal / FULL_FRAME_DIAGONAL_MM

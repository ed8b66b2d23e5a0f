# SPDX-License-Identifier: GPL-3.0-or-later
"""Which camera a source is seen through: what the user says, else EXIF, else the default."""

from __future__ import annotations

import numpy as np

from ..body.conventions import intrinsics_from_focal_px, intrinsics_from_fov
from ..errors import UserError
from ..protocol.settings import DEFAULT_FOV_DEGREES, LocalizeSettings
from ..protocol.take import CameraInfo


def choose_camera(
    size: tuple[int, int], exif_focal_px: float | None, settings: LocalizeSettings
) -> CameraInfo:
    """The camera of a source of this width and height in pixels. exif_focal_px: in pixels, None if
    the source does not say. UserError if the user's is of another picture."""
    check_size(size, settings)
    if settings.intrinsics:
        matrix, origin = np.array(settings.intrinsics), "lens"
    elif settings.focal_px is not None:
        matrix, origin = intrinsics_from_focal_px(settings.focal_px, *size), "focal length"
    elif settings.fov_degrees is not None:
        matrix, origin = intrinsics_from_fov(settings.fov_degrees, *size), "field of view"
    elif exif_focal_px is not None:
        matrix, origin = intrinsics_from_focal_px(exif_focal_px, *size), "EXIF"
    else:
        matrix, origin = intrinsics_from_fov(DEFAULT_FOV_DEGREES, *size), "default"
    return CameraInfo(tuple(float(x) for x in matrix.ravel()), settings.distortion, origin)


def check_size(size: tuple[int, int], settings: LocalizeSettings) -> None:
    """UserError if the camera that was handed over is not of pictures of this width and height, as
    where Blender does not turn footage that a phone wants to be turned."""
    if settings.camera_size and settings.camera_size != size:
        theirs = "x".join(map(str, settings.camera_size))
        raise UserError(
            "Other size",
            f"Turned upright and with square pixels, the source has {size[0]}x{size[1]} of them;"
            f" this Blender shows {theirs}, and the camera is of that.",
            "Write the source anew as it is meant to be seen, or choose another Camera.",
        )

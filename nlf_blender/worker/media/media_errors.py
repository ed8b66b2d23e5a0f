# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user is told of footage that gives no frames."""

from __future__ import annotations

from pathlib import Path

from ...errors import UserError

CONVERT = "Check that it plays in a media player; if it does, save it as MP4 or as images."


def not_opened(path: Path, error: OSError | ValueError | Exception) -> UserError:
    """A file that is not there, not allowed or in no known format."""
    if isinstance(error, FileNotFoundError):
        return missing_footage(path)
    if isinstance(error, PermissionError):
        return UserError(
            "Footage not readable",
            f"You have no permission to read {path}.",
            "Change the file's permissions, or copy it to a folder of yours.",
        )
    reason = getattr(error, "strerror", None) or error
    return UserError("Not a video", f"{path} cannot be opened as a video: {reason}.", CONVERT)


def missing_footage(path: Path) -> UserError:
    """Nothing is at this path."""
    return UserError(
        "No such footage",
        f"{path} does not exist.",
        "Check the path, or choose the footage again.",
    )


def no_picture(path: Path) -> UserError:
    """A file that has sound or a cover alone."""
    return UserError(
        "No pictures in this file",
        f"{path} has no video stream; it may be sound only.",
        "Choose a video file, an image or an image sequence.",
    )


def nothing_readable(path: Path) -> UserError:
    """A video of which not even the beginning can be decoded."""
    return UserError(
        "No readable frame", f"Not one frame of {path} can be decoded: it is damaged.", CONVERT
    )

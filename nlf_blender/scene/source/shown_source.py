# SPDX-License-Identifier: GPL-3.0-or-later
"""Datablocks that show footage: which file it is, and which of its frames the scene shows when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np

from ...errors import UserError
from ..footage.solved_camera import solved_clip
from .source_files import file_number, is_movie, same_source, sequence_numbers

FIRST_SHOWN = 1.0  # the scene frame of a source's first frame, where nothing else is said


@dataclass(frozen=True)
class Shown:
    """A file and how the scene shows it. path: a photo, a movie, or an image of a sequence.

    zero: the scene frame of index 0, the first file of a sequence; pace: indices in a scene frame;
    first, last: indices of what is shown, where that is only a part; placed: whether it lies there
    in the scene, and is not just taken to; clip: the movie clip that it is.
    """

    path: Path
    sequence: bool = False
    zero: float = FIRST_SHOWN
    pace: float = 1.0
    first: int | None = None
    last: int | None = None
    placed: bool = False
    clip: bpy.types.MovieClip | None = None


def shown_clip(clip: bpy.types.MovieClip | None) -> Shown:
    """A movie clip: Blender shows its frames one by one, whatever the rates. UserError."""
    if clip is None:
        raise UserError("No clip", "No movie clip is chosen.", "Choose one under Source.")
    path = Path(bpy.path.abspath(clip.filepath, library=clip.library))
    if clip.source == "MOVIE":
        return Shown(path, zero=clip.frame_start - clip.frame_offset, placed=True, clip=clip)
    if clip.frame_duration <= 1 or file_number(path.name) is None:
        return Shown(path, clip=clip)
    before = images_before(path)
    zero = clip.frame_start - clip.frame_offset - before
    return Shown(path, True, zero, first=before, placed=True, clip=clip)


def shown_file(scene: bpy.types.Scene, camera: bpy.types.Object | None, shown: Shown) -> Shown:
    """A file that a camera of the scene has seen: where a movie clip shows it, first the one that
    the camera was solved from; without any, it begins at the start of the scene's range."""
    if not shown.sequence and not is_movie(shown.path):
        return shown
    clips = [solved_clip(scene, camera) if camera else None, scene.active_clip]
    for clip in filter(None, [*clips, *bpy.data.movieclips]):
        found = shown_clip(clip)
        if found.placed and same_source(found.path.resolve(), shown.path.resolve()):
            return replace(found, path=shown.path, first=None)
    return replace(shown, zero=float(scene.frame_start), placed=True)


def images_before(path: Path) -> int:
    """How many images of the sequence come before this one, which Blender begins with."""
    if not path.is_file():
        return 0  # which is said where the file is asked for
    return (file_number(path.name) or 0) - sequence_numbers(path)[0]


def shown_image(image: bpy.types.Image | None, folder: Path) -> Shown:
    """An image datablock. One without a file of its own is written to this folder, which must
    exist, as a PNG. UserError."""
    if image is None:
        raise UserError("No image", "No image is chosen.", "Choose one under Source.")
    path = Path(bpy.path.abspath(image.filepath, library=image.library))
    if image.source == "MOVIE":
        return Shown(path)
    if image.source == "SEQUENCE":
        before = images_before(path)
        return Shown(path, True, FIRST_SHOWN - before, first=before)
    if image.source == "FILE" and image.filepath and path.is_file() and not image.is_dirty:
        return Shown(path)
    return Shown(_written(image, folder))


def _written(image: bpy.types.Image, folder: Path) -> Path:
    """A file of an image that only this .blend has, beside the takes: they refer to it. UserError
    if it has no pixels."""
    if not len(image.pixels):
        raise UserError(
            "Empty image", f"{image.name} has no pixels.", "Choose another image under Source."
        )
    path = folder / f"{bpy.path.clean_name(Path(image.name).stem)}.png"
    pixels = np.empty(len(image.pixels), dtype=np.float32)
    image.pixels.foreach_get(pixels)
    copy = bpy.data.images.new("NLF source", *image.size, float_buffer=image.is_float)
    try:
        copy.colorspace_settings.name = image.colorspace_settings.name
        copy.pixels.foreach_set(pixels)
        copy.file_format = "PNG"
        copy.save(filepath=str(path))
    except RuntimeError as error:
        raise UserError(
            "Image not written",
            f"{image.name} cannot be written to {path}: {error}.",
            "Save it from the Image Editor, and choose that file under Source.",
        ) from error
    finally:
        bpy.data.images.remove(copy)
    return path


def editor_strips(scene: bpy.types.Scene) -> Mapping[str, bpy.types.ID]:
    """All strips of a scene's sequencer, by name; Blender renamed them in 5.0."""
    editor = scene.sequence_editor
    if editor is None:
        return {}
    return editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all


def strips_property(scene: bpy.types.Scene) -> str:
    """The name of the sequencer's property that has them."""
    return "strips_all" if hasattr(scene.sequence_editor, "strips_all") else "sequences_all"


def shown_strip(scene: bpy.types.Scene, name: str) -> Shown:
    """A movie or image strip of the sequencer: what lies between its handles. UserError."""
    strip = editor_strips(scene).get(name)
    if strip is None or strip.type not in ("MOVIE", "IMAGE"):
        raise UserError(
            "No strip",
            f"{name or 'Nothing'} is no movie or image strip of this scene.",
            "Choose one under Source.",
        )
    if strip.use_reverse_frames:
        raise _other_strip(name, "is played backwards")
    return _movie_strip(strip) if strip.type == "MOVIE" else _image_strip(strip)


def _movie_strip(strip: bpy.types.ID) -> Shown:
    if len(getattr(strip, "retiming_keys", ())) > 2:
        raise _other_strip(strip.name, "changes its speed")
    path = Path(bpy.path.abspath(strip.filepath))
    start, end = _handles(strip)
    # a strip that keeps its own rate in a scene of another is longer or shorter than its content
    length = end - start + sum(_offsets(strip))
    pace = _content_duration(strip) / length if length > 0 else 1.0
    zero = _content_start(strip) - _trimmed(strip)[0] / pace
    return _between_handles(strip, Shown(path, zero=zero, pace=pace, placed=True))


def _image_strip(strip: bpy.types.ID) -> Shown:
    path = Path(bpy.path.abspath(strip.directory)) / strip.elements[0].filename
    if len(strip.elements) == 1:
        return Shown(path)
    numbers = [file_number(element.filename) for element in strip.elements]
    start = numbers[0]
    if start is None or numbers != list(range(start, start + len(numbers))):
        raise _other_strip(strip.name, "is not of images with consecutive numbers")
    zero = _content_start(strip) - _trimmed(strip)[0] - images_before(path)
    return _between_handles(strip, Shown(path, True, zero, placed=True))


def _between_handles(strip: bpy.types.ID, shown: Shown) -> Shown:
    """With the indices that the strip shows; where it stands still at its ends, they do not go
    past its content."""
    start, end = _handles(strip)
    start = max(start, _content_start(strip))
    end = min(end, _content_start(strip) + _content_duration(strip) / shown.pace)
    first = int(np.ceil((start - shown.zero) * shown.pace - 1e-6))
    last = int(np.ceil((end - shown.zero) * shown.pace - 1e-6)) - 1
    return replace(shown, first=max(first, 0), last=max(last, first, 0))


# Blender gave these new names in 5.2, and warns of the old ones.
def _trimmed(strip: bpy.types.ID) -> tuple[int, int]:
    """How many frames of the file a strip leaves out, at its start and at its end."""
    if hasattr(strip, "content_trim_start"):
        return strip.content_trim_start, strip.content_trim_end
    return strip.animation_offset_start, strip.animation_offset_end


def _content_start(strip: bpy.types.ID) -> float:
    return strip.content_start if hasattr(strip, "content_start") else strip.frame_start


def _content_duration(strip: bpy.types.ID) -> int:
    new = hasattr(strip, "content_duration")
    return strip.content_duration if new else strip.frame_duration


def _offsets(strip: bpy.types.ID) -> tuple[float, float]:
    """By how many scene frames the handles hide its content; below 0, it stands still there."""
    if hasattr(strip, "left_handle_offset"):
        return strip.left_handle_offset, strip.right_handle_offset
    return strip.frame_offset_start, strip.frame_offset_end


def _handles(strip: bpy.types.ID) -> tuple[int, int]:
    """The first scene frame that a strip shows, and the first after it."""
    if hasattr(strip, "left_handle"):
        return strip.left_handle, strip.right_handle
    return strip.frame_final_start, strip.frame_final_end


def _other_strip(name: str, why: str) -> UserError:
    return UserError(
        "Strip not supported", f"The strip {name} {why}.", "Choose its file under Source instead."
    )

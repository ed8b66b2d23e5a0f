# SPDX-License-Identifier: GPL-3.0-or-later
"""The clip behind the scene, each scene frame showing the frame that was localized there."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ...protocol.take import SEQUENCE
from ..actions import Channel, new_action, write_channels
from ..camera import set_background
from ..datablocks import IMPORT_TAG, NewDatablocks
from .take import FootageTake
from .time_map import TimeMap

OFFSET_PATH = "background_images[0].image_user.frame_offset"


def add_clip(
    new: NewDatablocks,
    camera: bpy.types.Object,
    take: FootageTake,
    times: TimeMap,
    notes: list[str],
) -> None:
    """Show the clip behind the scene; a note instead if it is gone or Blender cannot read it."""
    source = take.info.source
    path = take.folder / source.display if source.display else Path(source.path)
    if not path.is_file():
        notes.append(f"The clip {path} is not there any more: the camera has no background.")
        return
    image = new.add(bpy.data.images.load(str(path), check_existing=False))
    found = tuple(image.size)
    if found != (source.width, source.height):
        new.discard(image)
        notes.append(
            f"Blender reads {path} as {found[0]}x{found[1]} pixels, not"
            f" {source.width}x{source.height}: the camera has no background."
        )
        return
    if source.kind == SEQUENCE and not source.display:
        image.source = "SEQUENCE"
    _set_frames(new, camera, set_background(camera, image), take, times)


def renew_clip(
    new: NewDatablocks, camera: bpy.types.Object, take: FootageTake, times: TimeMap
) -> None:
    """Let the clip of `add_clip` follow a take that has grown."""
    for background in camera.data.background_images:
        image = background.image
        if image is not None and image.get(IMPORT_TAG) == new.tag:
            _set_frames(new, camera, background, take, times)
            return


def _set_frames(
    new: NewDatablocks,
    camera: bpy.types.Object,
    background: bpy.types.CameraBackgroundImage,
    take: FootageTake,
    times: TimeMap,
) -> None:
    user, image = background.image_user, background.image
    path = Path(bpy.path.abspath(image.filepath))
    rate = clip_fps(path) if image.source == "MOVIE" and path.is_file() else None
    frames, shown = shown_frames(take, times, rate)
    user.frame_start = int(frames[0])
    user.frame_duration = len(frames)
    user.use_auto_refresh = True
    user.use_cyclic = False
    _set_offsets(new, camera, user, shown - (frames - frames[0]))


def clip_fps(path: Path) -> float:
    """The rate by which Blender counts a video's frames."""
    clip = bpy.data.movieclips.load(str(path))
    try:
        return float(clip.fps)
    finally:
        bpy.data.movieclips.remove(clip)


def shown_frames(
    take: FootageTake, times: TimeMap, rate: float | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Scene frames [K] and what Blender must show in them [K], where 0 is the clip's first frame;
    of a sequence, the number in the file's name less one.

    rate: of a video, whose frames Blender counts by time; a display copy has the localized frames
    only, one after the other.
    """
    ends = times.frames(take.times[[0, -1]]) if len(take.times) > 1 else times.frames(take.times)
    frames = np.arange(int(np.floor(ends[0])), int(np.ceil(ends[-1])) + 1)
    moments = times.times(frames)
    if take.info.source.display:
        nearest = np.interp(moments, take.times, np.arange(len(take.times)))
        return frames, np.round(nearest).astype(np.int64)
    if rate is not None:
        return frames, np.maximum(np.round(moments * rate), 0).astype(np.int64)
    indices = np.round(np.interp(moments, take.times, take.frames)).astype(np.int64)
    return frames, indices + take.info.source.number - 1


def _set_offsets(
    new: NewDatablocks,
    camera: bpy.types.Object,
    user: bpy.types.ImageUser,
    offsets: NDArray[np.int64],
) -> None:
    """One offset where it stays the same; else keys wherever it changes."""
    user.frame_offset = int(offsets[0])
    changes = np.flatnonzero(np.diff(offsets, prepend=offsets[0] - 1))
    if len(changes) < 2:
        return
    channel = Channel(
        OFFSET_PATH,
        (user.frame_start + changes).astype(np.float64),
        offsets[changes, None].astype(np.float64),
        constant=True,
    )
    data = camera.data
    if data.animation_data is not None and data.animation_data.action is not None:
        write_channels(data.animation_data.action, data.id_type, [channel])
    else:
        new_action(new, data.name, data, [channel])

# SPDX-License-Identifier: GPL-3.0-or-later
"""How a take of footage begins, and how a job knows the one that it can go on with."""

from __future__ import annotations

import datetime
import re
import shutil
from pathlib import Path

from ...protocol.files import write_whole
from ...protocol.json_fields import Json
from ...protocol.left_to_do import lacks_something
from ...protocol.settings import LocalizeSettings
from ...protocol.take import (
    BODY_FILE,
    SEQUENCE,
    UNFINISHED,
    SourceInfo,
    TakeInfo,
    write_info,
)
from ...protocol.take_sets import SETS_FOLDER, take_sets
from ..engine import Models
from ..markers.sets import JobSets
from ..media.footage import FootageInfo
from ..pipeline import body_info
from ..version import software
from .cameras import FrameCameras
from .plan import FramePlan

# Settings that change nothing of what is localized, or whose outcome is compared instead
INDIFFERENT = {"device", "batch_size", "trusted", "solve", "boxes", "placing", "camera_size"}
COMPARED = {"cameras", "distortion", "fov_degrees", "focal_px", "intrinsics", "sequence", "sets"}


def new_info(
    footage: FootageInfo,
    plan: FramePlan,
    cameras: FrameCameras,
    sha256: str,
    models: Models,
    settings: LocalizeSettings,
) -> TakeInfo:
    """What take.json says of a take that begins now."""
    return TakeInfo(
        source=SourceInfo(
            kind=footage.kind,
            path=str(footage.path.resolve()),
            sha256=sha256,
            width=footage.width,
            height=footage.height,
            frame_count=plan.count,
            fps=footage.fps,
            first_frame=plan.first,
            step=plan.step,
            number=footage.number,
        ),
        camera=cameras.info,
        model=models.localizer.info,
        body=body_info(models),
        settings=settings.to_json(),
        software=software(),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        notes=(*footage.notes, *models.notes),
        state=UNFINISHED,
    )


def take_name(footage: FootageInfo) -> str:
    """What its take is called: as the file; of a sequence, without the number, or as the folder."""
    if footage.kind != SEQUENCE:
        return footage.path.stem
    plain = re.sub(r"[\s._-]*\d+$", "", footage.path.stem)
    return plain or footage.path.resolve().parent.name or "sequence"


def goes_on(
    folder: Path, info: TakeInfo, fresh: TakeInfo, cameras: FrameCameras, sets: JobSets
) -> bool:
    """Whether an existing take is the one that would begin now, and lacks something."""
    return (
        lacks_something(folder, info)
        and _asked(info) == _asked(fresh)
        and FrameCameras.of_take(folder, info).equals(cameras)
        and {n: item.points_sha256 for n, item in take_sets(folder).items()} == sets.contents
    )


def _asked(info: TakeInfo) -> tuple[object, ...]:
    """What a take's rows follow from."""
    source = info.source
    what = (source.kind, source.sha256, source.width, source.height, source.first_frame, source.fps)
    told = _all_settings(info)
    settings = {name: told[name] for name in sorted(set(told) - INDIFFERENT - COMPARED)}
    return (*what, source.step, settings, info.model, info.body)


def _all_settings(info: TakeInfo) -> Json:
    """A take's settings; what the version that began it did not know yet is as it is by itself."""
    try:
        return LocalizeSettings.from_json(info.settings).to_json()
    except ValueError:
        return info.settings  # of a newer version


def begin_take(
    take: Path, info: TakeInfo, cameras: FrameCameras, models: Models, sets: JobSets
) -> TakeInfo:
    """Write what a take begins with, take.json last. OSError from the disk."""
    shutil.rmtree(take / SETS_FOLDER, ignore_errors=True)  # of a program that was killed here
    for item in sets.sets:
        item.begin(take / SETS_FOLDER / item.slug)
    write_whole(take / BODY_FILE, models.body_file)
    cameras.write(take)
    write_info(take, info)
    return info

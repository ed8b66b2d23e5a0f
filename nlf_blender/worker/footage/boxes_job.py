# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes that the artist drew where the detector failed: the people in them are followed through
the frames about, localized, and added to the take as one more chunk."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from ...protocol.edits import MERGE, Edit, write_edits
from ...protocol.json_fields import Json, as_floats, as_int
from ...protocol.messages import STARTING
from ...protocol.motion_files import read_motion
from ...protocol.rows import read_chunk
from ...protocol.settings import Box
from ...protocol.solution import SOLUTION_FOLDER, read_solution
from ...protocol.solve_settings import SolveSettings
from ...protocol.take import WHOLE, SourceInfo, TakeInfo
from ..engine import Engine
from ..markers.sets import JobSets, sets_of_take
from ..media.footage import SourceFrame
from ..people.appearance import appearance
from ..people.drawn import follow_from_box
from ..people.follow import Followed
from ..progress import Progress
from ..take_writer import disk_errors
from .cameras import FrameCameras
from .chunks import SeenFrame, Sighting, beside, fitted_rows, localize_frames, located_rows
from .claim import held_take
from .finish import clean_up
from .resume import opened_source, require_same_models, settings_of
from .run import FootageRun, thumbnails_of
from .writer import add_chunk

LOCALIZING = "Localizing"
SOMEBODY_NEW = -1
FURTHEST = 64  # frames to either side of the one with the box
MOST_BYTES = 1 << 30  # of frames in memory


@dataclass(frozen=True)
class HandBox:
    """A box in pixels (x0, y0, x1, y1) in a frame (index into the source), and the id of the person
    in it, or SOMEBODY_NEW."""

    frame: int
    box: Box
    person: int = SOMEBODY_NEW

    @classmethod
    def from_json(cls, data: Json) -> HandBox:
        """A box as the command has it; ValueError naming what is wrong."""
        box = as_floats(data.get("box"), "box")
        if len(box) != 4 or box[2] <= box[0] or box[3] <= box[1]:
            raise ValueError(f"a box is x0, y0, x1, y1 with x1 > x0 and y1 > y0, not {list(box)}")
        person = as_int(data.get("person", SOMEBODY_NEW), "person")
        return cls(as_int(data.get("frame"), "frame"), (box[0], box[1], box[2], box[3]), person)


def localize_boxes(
    take: Path,
    boxes: Sequence[HandBox],
    edits: Sequence[Edit],
    settings: SolveSettings,
    engine: Engine,
    progress: Progress,
) -> Path:
    """Add the people in boxes to a take, clean its motion up, and return its folder.

    edits: all of them; for a person who is known already, one is added that makes the new
    sightings theirs. UserError if the take is not whole, or as `resume_take`; Cancelled.
    """
    progress.step(STARTING)
    with ExitStack() as stack:
        with disk_errors(take):
            info = stack.enter_context(held_take(take))
        run = opened_run(take, info, engine, progress)
        stack.enter_context(run.footage)
        timeline = Timeline.read(take, info)
        sightings: list[Sighting] = []
        merges: list[Edit] = []
        for number, box in enumerate(boxes):
            tracklet = timeline.next_tracklet + number
            progress.step(LOCALIZING)
            sightings += localize_box(run, box, tracklet, timeline)
            if box.person != SOMEBODY_NEW:
                merges.append(Edit(MERGE, box.person, other=tracklet))
        edits = (*edits, *merges)
        with disk_errors(take):
            fitted = fitted_rows([item.localized for item in sightings], run.models)
            rows = {**located_rows(sightings, run.models), **fitted}
            more = beside(sightings, run.sets, run.settings)
            add_chunk(take, run.info, rows, thumbnails_of(sightings), more)
            write_edits(take, edits)
        clean_up(take, settings, edits, engine, progress)
    return take


def opened_run(take: Path, info: TakeInfo, engine: Engine, progress: Progress) -> FootageRun:
    """A whole take with its footage and the models that it was localized with. UserError."""
    if info.state != WHOLE:
        raise UserError(
            "Take not finished", f"{take} lacks frames.", "Resume its job, then draw boxes."
        )
    footage, info = opened_source(info, None, False)
    settings = settings_of(take, info)
    models = engine.models(settings)
    require_same_models(take, info, models)
    cameras = FrameCameras.of_take(take, info)
    sets = JobSets.of(sets_of_take(take, models.bodies), models.localizer)
    return FootageRun(take, info, footage, cameras, models, settings, progress, sets)


@dataclass(frozen=True, eq=False)
class Timeline:
    """The frames [F] of a take, the shot [F] of each, and the number of the next tracklet."""

    frames: NDArray[np.int64]
    shots: NDArray[np.int64]
    next_tracklet: int

    @classmethod
    def read(cls, take: Path, info: TakeInfo) -> Timeline:
        """Those of a take. UserError if it is damaged."""
        parts = [
            read_chunk(take, chunk, ("frames", "cuts"), verify=False)
            for chunk in info.chunks
            if chunk.frames
        ]
        tracks = [read_chunk(take, chunk, ("track",), verify=False) for chunk in info.chunks]
        return cls(
            np.concatenate([part["frames"] for part in parts]),
            np.cumsum(np.concatenate([part["cuts"] for part in parts])),
            max(int(rows["track"].max(initial=-1)) for rows in tracks) + 1,
        )

    def about(self, frame: int, furthest: int) -> NDArray[np.int64]:
        """The frames of the same shot about one of them, so many to either side at most. UserError
        if it was not localized."""
        at = int(np.searchsorted(self.frames, frame).clip(0, len(self.frames) - 1))
        if self.frames[at] != frame:
            raise UserError(
                "No such frame",
                f"Frame {frame} of the source is not one that was localized.",
                "Draw the box in another frame.",
            )
        near = slice(max(0, at - furthest), at + furthest + 1)
        return self.frames[near][self.shots[near] == self.shots[at]]


def localize_box(
    run: FootageRun, box: HandBox, tracklet: int, timeline: Timeline
) -> list[Sighting]:
    """The person in a box, in all frames about it in which they are recognised and were not yet
    seen."""
    source = run.info.source
    require_inside(box, source)
    furthest = min(FURTHEST, MOST_BYTES // (6 * source.width * source.height))
    about = timeline.about(box.frame, furthest)
    wanted = set(about.tolist())
    frames: dict[int, SourceFrame] = {}
    for frame in run.footage.frames(int(about[0]), int(about[-1]), source.step):
        run.progress.step(LOCALIZING)  # a cancel is heard here
        if frame.index in wanted:
            frames[frame.index] = frame
    if box.frame not in frames:
        raise UserError(
            "Frame not readable",
            f"Frame {box.frame} of {source.path} cannot be read.",
            "Draw the box in another frame.",
        )
    images = [(index, frame.rgb) for index, frame in sorted(frames.items())]
    look = partial(run.progress.step, LOCALIZING)
    people = follow_from_box(run.models.finder, images, box.frame, box.box, look)
    known = seen_in(run.take, box.person)
    seen = []
    for index, person in sorted(people.items()):
        if index not in known or index == box.frame:
            person = replace(person, score=1.0) if index == box.frame else person
            look = appearance(frames[index].rgb, person)
            seen.append(SeenFrame(frames[index], [Followed(tracklet, person, look)]))
    return localized(run, seen)


def require_inside(box: HandBox, source: SourceInfo) -> None:
    """UserError if a box shows nothing of the picture."""
    x0, y0, x1, y1 = box.box
    if x1 <= 0 or y1 <= 0 or x0 >= source.width or y0 >= source.height:
        raise UserError(
            "Box outside of the picture",
            f"The box {x0:g}, {y0:g} to {x1:g}, {y1:g} in frame {box.frame} holds none of the"
            f" {source.width} x {source.height} pixels of {source.path}.",
            "Draw the box over a person.",
        )


def localized(run: FootageRun, seen: list[SeenFrame]) -> list[Sighting]:
    """Sightings of the people in some frames."""
    cameras = run.cameras.at(np.array([item.frame.index for item in seen], dtype=np.int64))

    def tell(crops_done: int, crops: int) -> None:
        run.progress.step(LOCALIZING, crops_done, crops)

    return localize_frames(
        seen, cameras, run.models, run.settings, tell, sets=run.sets, by_hand=True
    )


def seen_in(take: Path, person: int) -> set[int]:
    """The frames in which a person of the take's solution was seen; none of somebody who is not
    kept, of whom the solution does not say."""
    if person == SOMEBODY_NEW:
        return set()
    for known in read_solution(take).people:
        if known.id == person:
            if not known.kept:
                return set()
            motion = read_motion(take / SOLUTION_FOLDER / known.file)
            return set(motion["frame"][motion["evidence"]].tolist())
    raise UserError(
        "No such person", f"{take} has nobody with the id {person}.", "Choose somebody else."
    )

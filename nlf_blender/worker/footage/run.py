# SPDX-License-Identifier: GPL-3.0-or-later
"""Localizes the frames that a take still lacks, chunk by chunk.

A chunk depends on its frames, on the rows of the frame before, and on nothing else that a killed
program would have forgotten: so a job that was resumed ends with the same files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from ...errors import UserError
from ...protocol.messages import FOOTAGE
from ...protocol.rows import Rows, read_chunk
from ...protocol.settings import LocalizeSettings
from ...protocol.take import TakeInfo
from ..engine import Models
from ..markers.sets import JobSets
from ..media.cuts import CutDetector
from ..media.display import DisplayCopy
from ..media.footage import MOST_REMARKS, Footage, SourceFrame
from ..media.read_ahead import ReadAhead
from ..people.appearance import SIZE
from ..people.follow import SEARCH_EVERY, Follower, FollowerState
from ..people.thumbnail import thumbnail
from ..progress import WAITING, Progress
from ..take_writer import disk_errors
from .cameras import FrameCameras
from .chunks import SeenFrame, Sighting, beside, chunk_rows, fitted_rows, localize_frames
from .plan import FramePlan
from .preview import FIELDS, Preview
from .writer import Chunk, ChunkWriter

MOST_READ_AHEAD = 1 << 28  # bytes
CHANGED_NOTE = "The source was changed while it was localized."
LAST_ROWS = ("frame", "frames", "track", "crop", "appearance")


@dataclass(frozen=True, eq=False)
class FootageRun:
    """A take at work, all that belongs to it, how it tells how far it is, and the point sets that
    the take has."""

    take: Path
    info: TakeInfo
    footage: Footage
    cameras: FrameCameras
    models: Models
    settings: LocalizeSettings
    progress: Progress
    sets: JobSets = field(default_factory=JobSets)

    @property
    def plan(self) -> FramePlan:
        """Which frames are localized."""
        return FramePlan.of_take(self.info.source)


def localize_missing(run: FootageRun, copy: DisplayCopy | None) -> TakeInfo:
    """Localize the frames that are in no chunk yet, and return what take.json says then. copy: what
    all frames are added to, those that were localized before as well. UserError if the device or
    the disk is not usable; Cancelled if the job was."""
    done = Done.read(run)
    source = run.info.source
    preview = Preview(
        run.take, run.models.body, run.cameras.motion, run.settings.solve, source.step
    )
    for chunk in run.info.chunks:
        preview.add(read_chunk(run.take, chunk, FIELDS, verify=False))
    with disk_errors(run.take, "resume the job"):
        if preview.renew():
            run.progress.preview(run.take, done.count)
    two_chunks = 2 * run.plan.chunk_frames * 3 * source.width * source.height
    frames = _frames(run, done, copy)
    with (
        ReadAhead(frames, min(two_chunks, MOST_READ_AHEAD)) as ahead,
        ChunkWriter(run.take, run.info, preview, run.progress) as writer,
    ):
        for chunk in _chunks(run, done, ahead):
            writer.write(chunk, notes_so_far(run))
        info = writer.finish()
    run.progress.add_seconds(WAITING, ahead.waited)
    return replace(info, notes=notes_so_far(run))


def notes_so_far(run: FootageRun) -> tuple[str, ...]:
    """The take's notes, with what was remarked since about frames that are missing: as many remarks
    as a job that runs through would have."""
    remarks = list(run.footage.remarks)  # it grows in another thread
    general = (*run.footage.info.notes, *run.models.notes, CHANGED_NOTE)
    earlier = [note for note in run.info.notes if note not in general]
    kept = [note for note in run.info.notes if note in general]
    return (*kept, *list(dict.fromkeys([*earlier, *remarks]))[:MOST_REMARKS])


@dataclass(frozen=True, eq=False)
class Done:
    """What of a take is there: the number of frames and the last one's index (None at first); the
    index of the frame with which the search for cuts begins again; who was seen in the last."""

    count: int
    last: int | None
    context: int
    state: FollowerState

    @classmethod
    def read(cls, run: FootageRun) -> Done:
        """What the take's chunks tell. UserError if one is damaged."""
        chunks = run.info.chunks
        if not chunks:
            return cls(0, None, run.plan.first, FollowerState.of([], 0))
        tracks = [read_chunk(run.take, chunk, ("track",), verify=False) for chunk in chunks]
        begun = max((int(rows["track"].max(initial=-1)) for rows in tracks), default=-1) + 1
        rows = read_chunk(run.take, chunks[-1], LAST_ROWS, verify=False)
        count = sum(chunk.frames for chunk in chunks)
        if rows["appearance"].shape[1] != SIZE:
            raise UserError(
                "Take of another version",
                f"{run.take} was begun by {run.info.software}, which told people apart otherwise.",
                "Go on with it in that version, or localize the footage anew.",
            )
        frames = rows["frames"]
        context = int(frames[-CutDetector.CONTEXT :][0])
        return cls(count, int(frames[-1]), context, _state(rows, begun))


def _state(rows: Rows, next_tracklet: int) -> FollowerState:
    """Who was seen in the last frame of a chunk, from its rows alone."""
    last = rows["frame"] == rows["frames"][-1]
    fields = (rows[name][last] for name in ("track", "crop", "appearance"))
    return FollowerState(*fields, next_tracklet)


def _frames(run: FootageRun, done: Done, copy: DisplayCopy | None) -> Iterator[SourceFrame]:
    """The frames that are missing. Cuts are searched for as they are read, in the same thread, from
    a few frames before them on."""
    plan, cuts = run.plan, CutDetector()
    if done.last is not None and done.last + plan.step > plan.last and copy is None:
        return
    start = done.context if copy is None else plan.first
    for frame in run.footage.frames(start, plan.last, plan.step):
        if copy is not None:
            copy.add(frame)
        if frame.index >= done.context:
            cut = cuts.is_cut(frame.rgb)
            if done.last is None or frame.index > done.last:
                yield replace(frame, cut=cut)


def _chunks(run: FootageRun, done: Done, frames: ReadAhead) -> Iterator[Chunk]:
    """One chunk after the other."""
    count = done.count
    follower = Follower(run.models.finder, run.settings.max_people, done.state)
    begun = done.state.next_tracklet
    seen: list[SeenFrame] = []
    run.progress.step(FOOTAGE, count, run.plan.count)
    for frame in frames:
        search = (count + len(seen)) % SEARCH_EVERY == 0
        people = follower.step(frame.rgb, cut=frame.cut, search=search)
        seen.append(SeenFrame(frame, people))
        run.progress.people = len(people)
        run.progress.step(FOOTAGE, count + len(seen) // 2, run.plan.count)  # found is half the work
        if len(seen) == run.plan.chunk_frames:
            yield _chunk(run, follower, seen, count, begun)
            count, begun, seen = count + len(seen), follower.state.next_tracklet, []
    if seen:
        yield _chunk(run, follower, seen, count, begun)


def _chunk(
    run: FootageRun, follower: Follower, seen: list[SeenFrame], count: int, begun: int
) -> Chunk:
    """One chunk; count and begun: frames and tracklets before it. The follower goes on with what
    the rows say, as in a job that is resumed here."""
    total, found = run.plan.count, len(seen) // 2

    def tell(crops_done: int, crops: int) -> None:
        localized = (len(seen) - found) * crops_done // crops
        run.progress.step(FOOTAGE, count + found + localized, total)

    cameras = run.cameras.at(np.array([item.frame.index for item in seen], dtype=np.int64))
    sightings = localize_frames(seen, cameras, run.models, run.settings, tell, sets=run.sets)
    rows = chunk_rows(seen, sightings, run.models)
    follower.state = _state(rows, max(begun, int(rows["track"].max(initial=-1)) + 1))
    new = [s for s in sightings if s.followed.tracklet >= begun]
    fit = partial(fitted_rows, [s.localized for s in sightings], run.models)
    return Chunk(rows, fit, thumbnails_of(new), beside(sightings, run.sets, run.settings))


def thumbnails_of(sightings: list[Sighting]) -> dict[int, bytes]:
    """A JPEG of each tracklet, of the sighting that shows most of it."""
    best: dict[int, Sighting] = {}
    for sighting in sightings:
        tracklet = sighting.followed.tracklet
        if _shown(sighting) > _shown(best.get(tracklet)):
            best[tracklet] = sighting
    return {
        tracklet: thumbnail(sighting.frame.rgb, sighting.followed.person.box)
        for tracklet, sighting in best.items()
    }


def _shown(sighting: Sighting | None) -> float:
    """How much there is to see: square pixels times the score."""
    if sighting is None:
        return 0.0
    return sighting.followed.person.area * sighting.followed.person.score

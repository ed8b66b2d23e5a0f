# SPDX-License-Identifier: GPL-3.0-or-later
"""While footage is localized, its people appear as stick figures over the 3D Views of the scene
that will get them. Nothing of it is in the scene, and nothing stays when the job is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ...bridge.job import Job
from ...errors import UserError
from ...scene import FootageOptions, new_time_map
from ...scene.materials import PERSON_COLORS
from ..jobs.runtime import RUNTIME
from .overlay import Color, Overlay, draw_lines, tag_views
from .stick_figures import Figures, read_figures

LINE_WIDTH = 3.0


class Preview:
    """The stick figures of the job under way."""

    def __init__(self) -> None:
        self.overlay = Overlay("POST_VIEW", self._draw)
        self.figures: Figures | None = None
        self._options = FootageOptions()
        self._scene: int | None = None  # session_uid
        self._take: Path | None = None
        self._seen: tuple[Path, int] | None = None  # the last state that was read, or is being read
        self._reading: Iterator[Figures | None] | None = None

    def tick(self) -> None:
        """Follow the job; a file at most is read."""
        job = RUNTIME.job
        if job is None or not job.active or job.preview is None or RUNTIME.scene_uid is None:
            self.end()
            return
        if self._reading is None and job.preview != self._seen:
            self._begin(job)
        if self._reading is not None:
            self._read(self._reading)

    def _begin(self, job: Job) -> None:
        self._seen = job.preview
        if job.preview is None:
            return
        take = job.preview[0]
        if take != self._take or self._scene != RUNTIME.scene_uid:
            self.end()
            self._seen, self._take, self._scene = job.preview, take, RUNTIME.scene_uid
            self._options = RUNTIME.footage_options
        self._reading = read_figures(take, self.figures)

    def _read(self, reading: Iterator[Figures | None]) -> None:
        try:
            figures = next(reading)
        except UserError:  # the worker was faster and has replaced the files: more will come
            self._reading = None
            return
        if figures is not None:
            self.figures, self._reading = figures, None
            self.overlay.show()
            tag_views()

    def end(self) -> None:
        """Draw nothing any more, and forget all."""
        if self.overlay.shown:
            self.overlay.hide()
            tag_views()
        self.figures = self._reading = self._take = self._seen = self._scene = None

    def lines(self, scene: bpy.types.Scene) -> list[tuple[int, Float64Array]]:
        """Who is seen at the scene's current frame: ids and bones [2(J-1),3], each two points one.
        Empty in other scenes than that which gets the people."""
        if self.figures is None or scene.session_uid != self._scene:
            return []
        times = new_time_map(scene, self._options, self.figures.rate, self.figures.time0)
        return self.figures.at(float(times.times(np.array([scene.frame_current]))[0]))

    def _draw(self) -> None:
        for person, bones in self.lines(bpy.context.scene):
            draw_lines((bones / self._options.unit).astype(np.float32), _color(person), LINE_WIDTH)


def _color(person: int) -> Color:
    """sRGB, as views are drawn in."""
    text = PERSON_COLORS[person % len(PERSON_COLORS)]
    red, green, blue = (int(text[i : i + 2], 16) / 255.0 for i in (1, 3, 5))
    return red, green, blue, 1.0


PREVIEW = Preview()


def tick() -> None:
    """Follow the job under way; called by the pump."""
    PREVIEW.tick()


@bpy.app.handlers.persistent
def _before_another_file(*_: object) -> None:
    PREVIEW.end()


def register() -> None:
    """Notice when another file is opened."""
    bpy.app.handlers.load_pre.append(_before_another_file)


def unregister() -> None:
    """Draw nothing any more."""
    bpy.app.handlers.load_pre.remove(_before_another_file)
    PREVIEW.end()

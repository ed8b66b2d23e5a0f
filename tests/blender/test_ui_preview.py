# SPDX-License-Identifier: GPL-3.0-or-later
"""Stick figures of a running job: where the people are, and gone with the job."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import footage_fixtures as footage
import numpy as np
import pytest
import scene_fixtures
from take_play import add_chunk

import nlf_blender
from nlf_blender.protocol.solution import PREVIEW_FOLDER, SOLUTION_FOLDER
from nlf_blender.scene import FootageOptions
from nlf_blender.ui.jobs.runtime import Runtime
from nlf_blender.ui.take import preview
from nlf_blender.ui.take.preview import PREVIEW

FRAMES = np.arange(10, 40)
MOST_SECONDS_A_TICK = 0.05


class Job:
    """A running job with a preview, as the runtime shows it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.body = scene_fixtures.make_body()
        self.people = {n: footage.walk(self.body, n, FRAMES) for n in (1, 2)}
        self.take = footage.write_footage(folder, self.body, self.people, points=False)
        (self.take / SOLUTION_FOLDER).rename(self.take / PREVIEW_FOLDER)
        add_chunk(self.take)
        self.now = SimpleNamespace(active=True, preview=(self.take, 40))
        self.slowest = 0.0
        monkeypatch.setattr(Runtime, "job", property(lambda _: self.now))
        options, scene = FootageOptions(start_frame=101), bpy.context.scene.session_uid
        monkeypatch.setattr(Runtime, "footage_options", property(lambda _: options))
        monkeypatch.setattr(Runtime, "scene_uid", property(lambda _: scene))

    def tick(self, times: int = 8) -> None:
        """Let the pump look at the job some times."""
        for _ in range(times):
            began = time.thread_time()
            preview.tick()
            self.slowest = max(self.slowest, time.thread_time() - began)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    nlf_blender.register()
    running = Job(tmp_path / "walk.take", monkeypatch)
    yield running
    nlf_blender.unregister()
    assert not PREVIEW.overlay.shown
    assert running.slowest < MOST_SECONDS_A_TICK


def handle_is_gone(handle: object) -> bool:
    """Whether Blender does not know a draw handler any more."""
    try:
        bpy.types.SpaceView3D.draw_handler_remove(handle, "WINDOW")
    except ValueError:
        return True
    return False


def test_figures_stand_where_the_people_are(job: Job) -> None:
    job.tick()
    assert PREVIEW.overlay.shown
    scene = bpy.context.scene
    scene.frame_set(101 + 25)
    figures = dict(PREVIEW.lines(scene))
    assert set(figures) == {1, 2}
    parents = job.body.skeleton.parents
    joints = {n: footage.world_joints(job.body, p)[..., :3, 3] for n, p in job.people.items()}
    ends = (0, len(FRAMES) // 2, -1)
    floor = min(places[row, 1:, 2].min() for places in joints.values() for row in ends)
    for number, bones in figures.items():
        row = int(np.flatnonzero(FRAMES == 25)[0])
        truth = joints[number][row] - (0.0, 0.0, floor)
        children = [j for j, parent in enumerate(parents) if parent >= 0]
        assert np.allclose(bones[1::2], truth[children], atol=1e-6)
        assert np.allclose(bones[0::2], truth[[parents[j] for j in children]], atol=1e-6)


def test_nobody_is_drawn_where_nobody_was_seen(job: Job) -> None:
    job.tick()
    scene = bpy.context.scene
    scene.frame_set(101 + 5)
    assert PREVIEW.lines(scene) == []
    assert PREVIEW.lines(bpy.data.scenes.new("another")) == []


def test_a_file_at_most_is_read_at_a_time(job: Job) -> None:
    for _ in range(4):  # the skeleton, the take, the preview and two people
        job.tick(1)
        assert not PREVIEW.overlay.shown
    job.tick()
    assert PREVIEW.overlay.shown


def test_a_newer_preview_is_read(job: Job) -> None:
    job.tick()
    before = PREVIEW.figures
    job.tick()
    assert PREVIEW.figures is before
    job.now.preview = (job.take, 60)
    job.tick()
    assert PREVIEW.figures is not before


def test_files_that_go_while_they_are_read_do_no_harm(job: Job) -> None:
    shutil.rmtree(job.take / PREVIEW_FOLDER)
    job.tick()
    assert not PREVIEW.overlay.shown
    shutil.rmtree(job.take)
    job.now.preview = (job.take, 60)
    job.tick()
    assert not PREVIEW.overlay.shown


@pytest.mark.parametrize("end", ["done", "gone", "file", "unregister"])
def test_no_handler_is_left(job: Job, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    job.tick()
    handle = PREVIEW.overlay._handle
    assert PREVIEW.overlay.shown
    if end == "done":
        job.now.active = False
        job.tick(1)
    elif end == "gone":
        monkeypatch.setattr(Runtime, "job", property(lambda _: None))
        job.tick(1)
    elif end == "file":
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    else:
        nlf_blender.unregister()
        nlf_blender.register()
    assert not PREVIEW.overlay.shown
    assert PREVIEW.figures is None
    assert handle_is_gone(handle)

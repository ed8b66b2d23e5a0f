# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the installed extension as a user would, in Blender as a module: for the demo, the
benchmark and the tests.

Timers do not tick without a window, so the loop here calls the extension's timer function itself.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy

MODULE = "bl_ext.user_default.nlf_blender"


def install(package: Path) -> float:
    """Install and enable the extension's zip in this profile. Returns seconds."""
    began = time.perf_counter()
    bpy.ops.extensions.package_install_files(
        filepath=str(package), repo="user_default", enable_on_install=True, overwrite=True
    )
    if MODULE not in bpy.context.preferences.addons:
        raise RuntimeError(f"{package} was not enabled: see above")
    return time.perf_counter() - began


def part(name: str) -> ModuleType:
    """A module of the installed extension."""
    return importlib.import_module(f"{MODULE}.{name}")


def use_interpreter(worker_python: Path) -> None:
    """Name the worker's interpreter in the preferences."""
    preferences = bpy.context.preferences.addons[MODULE].preferences
    preferences.interpreter = "NAMED"
    preferences.interpreter_path = str(worker_python)


@dataclass
class Run:
    """One run of the operator, from the click to the imported people; times in seconds.

    ticks: how long the main thread was held by each call of the timer; longest_work: the most that
    one of them computed itself, which a busy machine does not stretch.
    """

    total: float = 0.0
    ticks: list[float] = field(default_factory=list)
    longest_work: float = 0.0
    importing: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def longest_tick(self) -> float:
        """The longest that the main thread was held."""
        return max(self.ticks, default=0.0)

    def holds_back(self, limit: float) -> bool:
        """Whether a tick computed for longer than this, or more than one in twenty took longer."""
        late = sum(tick > limit for tick in self.ticks)
        return self.longest_work > limit or 20 * late > len(self.ticks)


def localize(photo: Path, out: Path, show: bool = False, limit: float = 300.0) -> Run:
    """Localize a photo through the operator and wait for the import. RuntimeError if it fails."""
    bpy.context.scene.nlf.source = str(photo)
    bpy.context.scene.nlf.takes = str(out)
    return run_job(bpy.ops.nlf.localize, show, limit)


def register_scan(out: Path, limit: float = 300.0) -> Run:
    """Register the body to the selected objects. RuntimeError if it fails."""
    bpy.context.scene.nlf.takes = str(out)
    return run_job(bpy.ops.nlf.register_scan, False, limit)


def run_job(start: Callable[[], object], show: bool, limit: float) -> Run:
    """Start a job through an operator and wait for the import. RuntimeError if it fails."""
    runtime, pump = part("ui.jobs.runtime").RUNTIME, part("ui.jobs.job_pump").pump
    began = time.perf_counter()
    start()
    run, shown = Run(), ""
    while runtime.busy:
        if time.perf_counter() - began > limit:
            raise RuntimeError(f"not done after {limit:.0f} s")
        waiting = bool(runtime.to_import)
        tick, work = time.perf_counter(), time.thread_time()
        pump()
        spent, worked = time.perf_counter() - tick, time.thread_time() - work
        if waiting or (not runtime.busy and not runtime.problem):
            run.importing = max(run.importing, spent)
        else:
            run.ticks.append(spent)
            run.longest_work = max(run.longest_work, worked)
        if show and runtime.job is not None and runtime.job.active:
            shown = _show_progress(runtime.job, shown)
        time.sleep(0.02)
    if runtime.problem is not None:
        raise RuntimeError(str(runtime.problem.error))
    run.total = time.perf_counter() - began
    run.stages = dict(runtime.job.spent) if runtime.job is not None else {}
    return run


def _show_progress(job: Any, shown: str) -> str:
    text = f"{job.fraction:4.0%} {job.stage}"
    if text != shown:
        print(text, file=sys.stderr, flush=True)
    return text


def last_import(scene: bpy.types.Scene) -> Any:
    """The ImportResult of the collection that was imported last."""
    scene_part = part("scene")
    collection = [c for c in scene.collection.children if c.get("nlf_import")][-1]
    people = []
    for child in collection.children:
        rig = next(obj for obj in child.objects if obj.type == "ARMATURE")
        body = next(
            obj for obj in child.objects if any(m.type == "ARMATURE" for m in obj.modifiers)
        )
        points = next(obj for obj in child.objects if obj not in (rig, body))
        people.append(scene_part.PersonObjects(len(people), child, rig, body, points))
    camera = next(obj for obj in collection.objects if obj.type == "CAMERA")
    return scene_part.ImportResult(collection, camera, people)


def stop_worker() -> None:
    """End the worker, as disabling the extension does."""
    part("ui.jobs.runtime").RUNTIME.close()


def exit_after(main: Callable[[], None]) -> None:
    """Run a script's main function and leave, with 1 if it failed: Blender as a module may hang in
    its own exit."""
    status = 0
    try:
        main()
    except Exception as error:  # noqa: BLE001  # the script's boundary
        traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)

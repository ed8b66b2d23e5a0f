# SPDX-License-Identifier: GPL-3.0-or-later
"""The registered extension with a fake worker behind it, its timer called by hand."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bpy
import scene_fixtures

import nlf_blender
from nlf_blender.bridge.job import Job
from nlf_blender.ui.jobs import job_pump
from nlf_blender.ui.jobs.runtime import RUNTIME
from nlf_blender.ui.setup.preferences import NLF_Preferences

FAKE = Path(__file__).parents[1] / "fake_worker.py"
ADDON = "nlf_blender"


class Extension:
    """The extension, registered; `fake_python` in the preferences plays the worker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.photo = folder / "müde skier.jpg"
        self.photo.write_bytes(b"not looked at by the fake worker")
        self.take = self.write_take("given", people=2)
        shutil.copy(FAKE, folder / "fake_worker.py")
        self.slowest = 0.0
        self.mode("good", take=str(self.take))
        entry = bpy.context.preferences.addons.new()
        entry.module = ADDON
        nlf_blender.register()
        self.preferences.interpreter = "NAMED"
        self.preferences.interpreter_path = str(self.fake_python())
        properties = bpy.context.scene.nlf
        properties.source, properties.takes = str(self.photo), str(folder / "takes")

    def close(self) -> None:
        """Take everything back."""
        nlf_blender.unregister()
        addons = bpy.context.preferences.addons
        if ADDON in addons:
            addons.remove(addons[ADDON])

    @property
    def preferences(self) -> NLF_Preferences:
        """The extension's preferences."""
        return bpy.context.preferences.addons[ADDON].preferences

    @property
    def job(self) -> Job:
        """The last job."""
        assert RUNTIME.job is not None
        return RUNTIME.job

    def write_take(self, name: str, people: int) -> Path:
        """A take with synthetic people."""
        body = scene_fixtures.make_body()
        fits = [scene_fixtures.random_fit(body, seed) for seed in range(people)]
        return scene_fixtures.write_take(self.folder / f"{name}.take", body, fits)

    def mode(self, mode: str, **config: object) -> None:
        """Choose how the next worker behaves."""
        (self.folder / "fake_worker.json").write_text(json.dumps({"mode": mode, **config}))

    def fake_python(self) -> Path:
        """A program that takes an interpreter's arguments and runs the fake worker instead."""
        path = self.folder / "python"
        fake = shlex.join([sys.executable, "-I", "-B", str(self.folder / "fake_worker.py")])
        path.write_text(f'#!/bin/sh\n# -I -B -X utf8 SCRIPT\nshift 5\nexec {fake} "$@"\n')
        path.chmod(0o755)
        return path

    def pump_until(self, holds: Callable[[], bool], seconds: float = 20.0) -> None:
        """Call the timer's function as the timer would, until something holds."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, "it took too long"
            worker_runs = RUNTIME.job_active
            began = time.thread_time()  # what it computes, however busy the machine is
            job_pump.pump()
            if worker_runs and RUNTIME.job_active:
                self.slowest = max(self.slowest, time.thread_time() - began)
            time.sleep(0.01)

    def pump_to_end(self) -> None:
        """Call the timer's function until nothing is under way."""
        self.pump_until(lambda: not RUNTIME.busy)

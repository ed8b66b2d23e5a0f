# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs through the real operators: good ones, failed ones, cancelled ones, in every mode."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from ui_play import Extension

import nlf_blender
from nlf_blender.bridge.job import State
from nlf_blender.ui.destination import Waiting
from nlf_blender.ui.jobs import import_context, job_pump
from nlf_blender.ui.jobs.runtime import RUNTIME

MOST_SECONDS_A_TICK = 0.05


@pytest.fixture
def extension(tmp_path: Path) -> Iterator[Extension]:
    played = Extension(tmp_path)
    yield played
    pid = worker_pid(played)
    played.close()
    assert not bpy.app.timers.is_registered(job_pump.pump)
    assert pid is None or not Path(f"/proc/{pid}").exists()
    assert played.slowest < MOST_SECONDS_A_TICK


def worker_pid(extension: Extension) -> int | None:
    session = RUNTIME.session
    worker = session._worker if session else None  # the test looks inside to see what leaks
    return worker.pid if worker else None


def rigs() -> list[bpy.types.Object]:
    return [obj for obj in bpy.data.objects if obj.type == "ARMATURE"]


def undo() -> None:
    bpy.ops.ed.undo()


def test_a_job_ends_with_people_in_the_scene_as_one_undo_step(extension: Extension) -> None:
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.nlf.localize() == {"FINISHED"}
    assert bpy.app.timers.is_registered(job_pump.pump)
    extension.pump_to_end()
    assert extension.job.state is State.DONE
    assert RUNTIME.problem is None
    assert len(rigs()) == 2
    assert "2 people imported" in RUNTIME.notes[0]
    assert RUNTIME.session is not None
    assert RUNTIME.session.is_warm("localize")
    undo()
    assert not rigs()
    assert [obj.type for obj in bpy.data.objects] == ["MESH"]


def test_the_second_job_uses_the_warm_worker(extension: Extension) -> None:
    bpy.ops.nlf.localize()
    extension.pump_to_end()
    pid = worker_pid(extension)
    bpy.ops.nlf.localize()
    extension.pump_to_end()
    assert worker_pid(extension) == pid
    assert len(rigs()) == 4


def test_progress_reaches_the_runtime(extension: Extension) -> None:
    extension.mode("good", take=str(extension.take), steps=5)
    bpy.ops.nlf.localize()
    extension.pump_until(lambda: extension.job.stage == "Localizing")
    assert extension.job.people == 2
    assert extension.job.total == 5
    assert 0.0 < extension.job.fraction < 1.0
    assert extension.job.seconds_left is not None


@pytest.mark.parametrize(
    ("mode", "title"),
    [
        ("dies_at_start", "The worker died"),
        ("dies_midway", "The worker died"),
        ("rubbish_events", "The worker is not understood"),
        ("fails", "Nobody found"),
    ],
)
def test_a_bad_worker_shows_an_error_and_the_next_job_works(
    extension: Extension, mode: str, title: str
) -> None:
    extension.mode(mode)
    bpy.ops.nlf.localize()
    extension.pump_to_end()
    assert RUNTIME.problem is not None
    assert RUNTIME.problem.error.title == title
    assert RUNTIME.problem.log is not None
    assert RUNTIME.problem.log.is_file()
    assert title in RUNTIME.details()
    assert not rigs()
    assert not list((extension.folder / "takes").glob("*"))
    extension.mode("good", take=str(extension.take))
    bpy.ops.nlf.free_memory() if RUNTIME.worker_alive else None
    bpy.ops.nlf.localize()
    assert RUNTIME.problem is None
    extension.pump_to_end()
    assert len(rigs()) == 2


def test_a_damaged_take_is_an_error_and_leaves_nothing(extension: Extension) -> None:
    extension.mode("damaged_take", take=str(extension.take))
    objects = len(bpy.data.objects)
    bpy.ops.nlf.localize()
    extension.pump_to_end()
    assert RUNTIME.problem is not None
    assert RUNTIME.problem.error.title == "Damaged take"
    assert len(bpy.data.objects) == objects


def test_cancel_is_at_once_and_no_half_made_take_stays(extension: Extension) -> None:
    extension.mode("good", steps=100)
    bpy.ops.nlf.localize()
    extension.pump_until(lambda: (extension.folder / "takes").is_dir() and extension.job.done > 1)
    began = time.perf_counter()
    assert bpy.ops.nlf.cancel() == {"FINISHED"}
    assert not RUNTIME.job_active
    assert time.perf_counter() - began < 0.2
    extension.pump_to_end()
    assert RUNTIME.problem is None
    assert not list((extension.folder / "takes").glob("*"))
    assert not rigs()


def test_the_import_comes_in_edit_mode_too_and_leaves_the_mode_alone(extension: Extension) -> None:
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.nlf.localize()
    extension.pump_to_end()
    assert RUNTIME.problem is None
    assert len(rigs()) == 2
    assert bpy.context.mode == "EDIT_MESH"
    assert bpy.context.object == cube
    undo()
    assert not rigs()
    assert bpy.context.mode == "EDIT_MESH"
    bpy.ops.ed.redo()
    assert len(rigs()) == 2


def test_the_import_waits_while_something_modal_runs(
    extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_pump, "hindrance", lambda: "what you are doing")
    bpy.ops.nlf.localize()
    extension.pump_until(lambda: RUNTIME.to_import is not None)
    job_pump.pump()
    assert not rigs()
    monkeypatch.setattr(job_pump, "hindrance", import_context.hindrance)
    extension.pump_to_end()
    assert len(rigs()) == 2


def test_the_import_goes_to_the_scene_that_asked(extension: Extension) -> None:
    asked = bpy.context.scene
    bpy.ops.nlf.localize()
    other = bpy.data.scenes.new("Other")
    bpy.context.window.scene = other
    extension.pump_to_end()
    assert len(rigs()) == 2
    assert all(rig.users_scene == (asked,) for rig in rigs())


def test_opening_another_file_keeps_the_take_on_disk_and_says_so(
    extension: Extension, tmp_path: Path
) -> None:
    other = tmp_path / "other.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(other), copy=True)
    extension.mode("good", take=str(extension.take), steps=10)
    bpy.ops.nlf.localize()
    extension.pump_until(lambda: extension.job.state is State.RUNNING)
    bpy.ops.wm.open_mainfile(filepath=str(other))
    assert bpy.app.timers.is_registered(job_pump.pump)
    extension.pump_to_end()
    assert extension.job.state is State.DONE
    assert not rigs()
    assert str(extension.job.results[0]) in RUNTIME.notes[0]
    assert extension.job.results[0].is_dir()


def test_import_take_needs_no_worker_and_is_one_undo_step(extension: Extension) -> None:
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.nlf.import_take("EXEC_DEFAULT", True, directory=str(extension.take)) == {
        "FINISHED"
    }
    assert len(rigs()) == 2
    assert RUNTIME.session is None
    undo()
    assert not rigs()


def test_import_take_of_a_selected_folder(extension: Extension) -> None:
    folder, name = extension.take.parent, extension.take.name
    bpy.ops.nlf.import_take(directory=f"{folder}/", filename=name)
    assert len(rigs()) == 2


def test_import_of_no_take_says_what_to_choose(extension: Extension) -> None:
    with pytest.raises(RuntimeError, match=r"Choose a folder that ends in \.take"):
        bpy.ops.nlf.import_take(directory=str(extension.folder))
    assert RUNTIME.problem is not None
    bpy.ops.nlf.dismiss()
    assert RUNTIME.problem is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("source", "", "Choose one under Source"),
        ("source", "/nowhere/photo.jpg", "is not a file"),
        ("takes", "/proc/nlf", "Choose another folder"),
    ],
)
def test_wrong_settings_are_said_before_anything_starts(
    extension: Extension, name: str, value: str, message: str
) -> None:
    setattr(bpy.context.scene.nlf, name, value)
    with pytest.raises(RuntimeError, match=message):
        bpy.ops.nlf.localize()
    assert RUNTIME.problem is not None
    assert not RUNTIME.worker_alive


def test_free_memory_ends_the_worker(extension: Extension) -> None:
    bpy.ops.nlf.localize()
    extension.pump_to_end()
    pid = worker_pid(extension)
    assert pid is not None
    assert bpy.ops.nlf.free_memory() == {"FINISHED"}
    extension.pump_to_end()
    assert not RUNTIME.worker_alive
    assert not Path(f"/proc/{pid}").exists()
    assert job_pump.pump() is None


def test_unregister_in_the_middle_of_a_job_ends_the_worker(extension: Extension) -> None:
    extension.mode("ignores_cancel", steps=1000)
    bpy.ops.nlf.localize()
    extension.pump_until(lambda: extension.job.state is State.RUNNING)
    pid = worker_pid(extension)
    assert pid is not None
    began = time.monotonic()
    nlf_blender.unregister()
    assert time.monotonic() - began < 2.5
    assert not Path(f"/proc/{pid}").exists()
    assert not hasattr(bpy.types.Scene, "nlf")
    assert not hasattr(bpy.types, "NLF_PT_source")
    nlf_blender.register()
    assert bpy.context.scene.nlf.max_people > 0


def test_a_failure_nobody_foresaw_is_shown_and_the_timer_goes_on(
    extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(entry: Waiting) -> None:
        raise KeyError("an unforeseen thing")

    monkeypatch.setattr(job_pump, "import_finished", break_down)
    bpy.ops.nlf.localize()
    extension.pump_to_end()
    assert RUNTIME.problem is not None
    assert "an unforeseen thing" in RUNTIME.problem.error.detail


def test_enabling_imports_nothing_heavy(tmp_path: Path) -> None:
    import subprocess

    root = Path(nlf_blender.__file__).parents[1]
    code = (
        "import bpy, sys, time, os, numpy\n"
        f"sys.path.insert(0, {str(root)!r})\n"
        "entry = bpy.context.preferences.addons.new(); entry.module = 'nlf_blender'\n"
        "began = time.process_time()\n"  # what it computes, however busy the machine is
        "import nlf_blender; nlf_blender.register()\n"
        "took = time.process_time() - began\n"
        "heavy = {'torch', 'cv2', 'av', 'scipy', 'PIL', 'safetensors'} & set(sys.modules)\n"
        "workers = [name for name in sys.modules if name.startswith('nlf_blender.worker')]\n"
        "print('RESULT', took, sorted(heavy), workers, flush=True)\n"
        "os._exit(0)\n"
    )
    # Python compiles all files at the first start, and keeps that
    cached = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path)}
    cached.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", code]
    for _ in range(2):
        answer = subprocess.run(command, capture_output=True, text=True, timeout=120, env=cached)
    took, _, rest = answer.stdout.split("RESULT ")[1].partition(" ")
    assert rest.strip() == "[] []"
    assert float(took) < 0.5

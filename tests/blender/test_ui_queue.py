# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage through the real operators: queued, paused, freed, resumed, imported, deleted."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import footage_fixtures as footage
import numpy as np
import pytest
import scene_fixtures
from panel_drawing import drawn
from ui_play import Extension

from nlf_blender.bridge.job import State
from nlf_blender.bridge.queue import Stand
from nlf_blender.bridge.task import SOLVE
from nlf_blender.protocol.solution import SOLUTION_FOLDER, SolutionInfo, write_solution
from nlf_blender.protocol.take import UNFINISHED, WHOLE, read_info, write_info
from nlf_blender.protocol.take_sets import SETS_FOLDER, TakeSet, set_contents, write_take_set
from nlf_blender.scene import takes_in
from nlf_blender.ui import panels
from nlf_blender.ui.jobs import job_pump, queue_unfinished
from nlf_blender.ui.jobs.queue_unfinished import TAKES
from nlf_blender.ui.jobs.runtime import RUNTIME

MOST_SECONDS_A_TICK = 0.05
FRAMES = np.arange(0, 30)


@pytest.fixture
def extension(tmp_path: Path) -> Iterator[Extension]:
    played = Extension(tmp_path)
    played.movie = tmp_path / "walk.mp4"
    played.movie.write_bytes(b"not looked at by the fake worker")
    body = scene_fixtures.make_body()
    people = {3: footage.walk(body, 1, FRAMES)}
    played.solved = footage.write_footage(tmp_path / "solved" / "walk.take", body, people)
    play_footage(played)
    bpy.context.scene.nlf.source = str(played.movie)
    TAKES.look_again()
    yield played
    played.close()
    assert not bpy.app.timers.is_registered(job_pump.pump)
    assert played.slowest < MOST_SECONDS_A_TICK


def play_footage(extension: Extension, mode: str = "good", **config: object) -> None:
    extension.mode(
        mode, take=str(extension.take), footage_take=str(extension.solved), frames=20, **config
    )


def take(extension: Extension) -> Path:
    return extension.folder / "takes" / "walk.take"


def rigs() -> list[bpy.types.Object]:
    return [obj for obj in bpy.data.objects if obj.type == "ARMATURE"]


def stop_in_the_middle(extension: Extension) -> None:
    play_footage(extension, pause=0.02)
    bpy.ops.nlf.localize()
    extension.pump_until(lambda: extension.job.done > 5)
    assert bpy.ops.nlf.free_memory() == {"FINISHED"}
    extension.pump_to_end()
    assert extension.job.state is State.CANCELLED
    assert not RUNTIME.worker_alive
    assert read_info(take(extension)).state == UNFINISHED
    play_footage(extension)
    TAKES.look_again()


def test_footage_ends_with_a_moving_rig_as_one_undo_step(extension: Extension) -> None:
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.nlf.localize() == {"FINISHED"}
    extension.pump_to_end()
    assert RUNTIME.problem is None
    [rig] = rigs()
    assert rig.animation_data.action is not None
    assert takes_in(bpy.context.scene) == [take(extension)]
    assert "1 person imported" in RUNTIME.notes[0]
    bpy.ops.ed.undo()
    assert not rigs()


def test_import_options_reach_the_import(extension: Extension) -> None:
    scene = bpy.context.scene
    scene.render.fps = 60
    scene.nlf.time_mode = "RESAMPLE"
    bpy.ops.nlf.localize()
    extension.pump_to_end()
    assert RUNTIME.problem is None
    assert scene.render.fps == 60
    last = rigs()[0].animation_data.action.frame_range[1]
    assert last == pytest.approx(1 + 29 / footage.NTSC_RATE * 60, abs=1.0)


def test_jobs_wait_in_line_and_each_is_imported(extension: Extension) -> None:
    for _ in range(2):
        bpy.ops.nlf.localize()
    bpy.context.scene.nlf.source = str(extension.photo)
    bpy.ops.nlf.localize()
    shown = drawn(panels.NLF_PT_localize)
    assert "Queue: 0 of 3 finished" in shown
    assert "nlf.move_job" in shown
    extension.pump_to_end()
    assert [entry.stand for entry in RUNTIME.queue.entries] == [Stand.DONE] * 3
    assert len(rigs()) == 4
    assert "Queue: 3 of 3 finished" in drawn(panels.NLF_PT_localize)
    bpy.ops.nlf.localize()
    assert len(RUNTIME.queue.entries) == 1
    extension.pump_to_end()


def test_one_that_fails_is_named_and_the_others_go_on(extension: Extension) -> None:
    extension.mode("fails", take=str(extension.take), footage_take=str(extension.solved))
    bpy.context.scene.nlf.source = str(extension.photo)
    bpy.ops.nlf.localize()
    bpy.context.scene.nlf.source = str(extension.movie)
    bpy.ops.nlf.localize()
    extension.pump_to_end()
    stands = [entry.stand for entry in RUNTIME.queue.entries]
    assert stands == [Stand.FAILED, Stand.DONE]
    assert "Nobody found: No one." in drawn(panels.NLF_PT_localize)
    assert len(rigs()) == 1


def test_reordering_and_removing(extension: Extension) -> None:
    play_footage(extension, pause=0.02)
    for name in ("walk", "run", "jump"):
        path = extension.folder / f"{name}.mp4"
        path.touch()
        bpy.context.scene.nlf.source = str(path)
        bpy.ops.nlf.localize()
    bpy.ops.nlf.move_job(index=2, steps=-1)
    titles = [entry.task.title for entry in RUNTIME.queue.entries]
    assert titles == ["walk.mp4", "jump.mp4", "run.mp4"]
    assert bpy.ops.nlf.move_job(index=0, steps=1) == {"CANCELLED"}  # it runs
    bpy.ops.nlf.remove_job(index=2)
    extension.pump_until(lambda: extension.job.done > 1)
    bpy.ops.nlf.remove_job(index=0)
    extension.pump_to_end()
    stands = [entry.stand for entry in RUNTIME.queue.entries]
    assert stands == [Stand.CANCELLED, Stand.DONE]
    assert read_info(take(extension)).state == UNFINISHED


def test_pause_and_go_on(extension: Extension) -> None:
    play_footage(extension, pause=0.02)
    bpy.ops.nlf.localize()
    extension.pump_until(lambda: extension.job.done > 3)
    running = drawn(panels.NLF_PT_localize)
    assert "nlf.pause" in running
    assert f"Localizing footage {extension.job.done}/20" in running
    assert "2 people found" in running
    bpy.ops.nlf.pause()
    until = time.monotonic() + 0.1
    extension.pump_until(lambda: time.monotonic() > until)
    done = extension.job.done
    until = time.monotonic() + 0.3
    extension.pump_until(lambda: time.monotonic() > until)
    assert extension.job.done == done
    paused = drawn(panels.NLF_PT_localize)
    assert "Paused: Localizing footage" in paused
    assert "nlf.go_on" in paused
    bpy.ops.nlf.go_on()
    extension.pump_to_end()
    assert extension.job.state is State.DONE
    assert len(rigs()) == 1


def test_cancel_all_empties_the_line(extension: Extension) -> None:
    play_footage(extension, pause=0.02)
    for _ in range(3):
        bpy.ops.nlf.localize()
    extension.pump_until(lambda: extension.job.done > 1)
    bpy.ops.nlf.cancel_all("EXEC_DEFAULT")
    extension.pump_to_end()
    assert [entry.stand for entry in RUNTIME.queue.entries] == [Stand.CANCELLED]
    assert RUNTIME.worker_alive
    assert not rigs()


def test_freed_memory_holds_the_line_until_it_is_told_to_go_on(extension: Extension) -> None:
    play_footage(extension, pause=0.02)
    bpy.ops.nlf.localize()
    bpy.context.scene.nlf.source = str(extension.photo)
    bpy.ops.nlf.localize()
    extension.pump_until(lambda: extension.job.done > 3)
    bpy.ops.nlf.pause()
    bpy.ops.nlf.free_memory()
    extension.pump_to_end()
    assert not RUNTIME.worker_alive
    assert [e.stand for e in RUNTIME.queue.entries] == [Stand.CANCELLED, Stand.WAITING]
    assert "nlf.go_on" in drawn(panels.NLF_PT_localize)
    bpy.ops.nlf.go_on()
    extension.pump_to_end()
    assert RUNTIME.queue.entries[1].stand is Stand.DONE


def test_a_stopped_take_is_resumed_from_the_panel(extension: Extension) -> None:
    stop_in_the_middle(extension)
    shown = drawn(panels.NLF_PT_localize)
    assert "Unfinished Takes" in shown
    assert "of 20 frames" in shown
    bpy.ops.nlf.resume("EXEC_DEFAULT", take=str(take(extension)))
    assert "Unfinished Takes" not in drawn(panels.NLF_PT_localize)
    first: list[int] = []
    extension.pump_until(lambda: (first.append(extension.job.done), not RUNTIME.busy)[1])
    assert next(done for done in first if done) > 5
    assert read_info(take(extension)).state == WHOLE
    assert len(rigs()) == 1
    TAKES.look_again()
    assert "Unfinished Takes" not in drawn(panels.NLF_PT_localize)


def test_a_stopped_take_is_found_after_another_file_was_opened(
    extension: Extension, tmp_path: Path
) -> None:
    stop_in_the_middle(extension)
    file = tmp_path / "other.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    bpy.ops.wm.open_mainfile(filepath=str(file))
    assert "Unfinished Takes" in drawn(panels.NLF_PT_localize)


def test_the_queue_goes_on_when_another_file_is_opened(
    extension: Extension, tmp_path: Path
) -> None:
    file = tmp_path / "other.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file), copy=True)
    bpy.ops.nlf.localize()
    bpy.context.scene.nlf.source = str(extension.photo)
    bpy.ops.nlf.localize()
    bpy.ops.wm.open_mainfile(filepath=str(file))
    extension.pump_to_end()
    assert [entry.stand for entry in RUNTIME.queue.entries] == [Stand.DONE] * 2
    assert not rigs()
    assert str(take(extension)) in RUNTIME.notes[0]
    assert len(RUNTIME.notes) == 2


def test_a_changed_source_is_gone_on_with_only_after_a_click(extension: Extension) -> None:
    stop_in_the_middle(extension)
    play_footage(extension, "source_changed")
    bpy.ops.nlf.resume("EXEC_DEFAULT", take=str(take(extension)))
    extension.pump_to_end()
    assert RUNTIME.problem is not None
    shown = drawn(panels.NLF_PT_localize)
    assert "Source changed" in shown
    assert "nlf.resume_changed" in shown
    assert bpy.ops.nlf.resume_changed("EXEC_DEFAULT") == {"FINISHED"}
    extension.pump_to_end()
    assert RUNTIME.problem is None
    assert read_info(take(extension)).state == WHOLE


def test_what_there_is_can_be_imported_and_the_rest_resumed(extension: Extension) -> None:
    stop_in_the_middle(extension)
    bpy.ops.nlf.import_unfinished(take=str(take(extension)))
    assert extension.job.task.command == SOLVE
    assert "nlf.cancel" in drawn(panels.NLF_PT_localize)  # the take has no panels of its own yet
    extension.pump_to_end()
    assert RUNTIME.problem is None
    assert len(rigs()) == 1
    # the fake hands out whole takes: what matters is that the scene's rigs are renewed in place
    bpy.ops.nlf.resume("EXEC_DEFAULT", take=str(take(extension)))
    extension.pump_to_end()
    assert RUNTIME.problem is None
    assert len(rigs()) == 1


def test_a_stopped_take_is_deleted(extension: Extension) -> None:
    stop_in_the_middle(extension)
    with pytest.raises(RuntimeError, match="is no take"):
        bpy.ops.nlf.delete_unfinished("EXEC_DEFAULT", take=str(extension.folder))
    bpy.ops.nlf.delete_unfinished("EXEC_DEFAULT", take=str(take(extension)))
    assert not take(extension).exists()
    RUNTIME.problem = None
    assert "Unfinished Takes" not in drawn(panels.NLF_PT_localize)


def test_a_take_at_work_is_neither_resumed_nor_deleted(extension: Extension) -> None:
    play_footage(extension, pause=0.02)
    bpy.ops.nlf.localize()
    extension.pump_until(lambda: extension.job.done > 3)
    for operator in (bpy.ops.nlf.resume, bpy.ops.nlf.delete_unfinished):
        with pytest.raises(RuntimeError, match="works on walk"):
            operator("EXEC_DEFAULT", take=str(take(extension)))
    bpy.ops.nlf.cancel()
    extension.pump_to_end()


def test_a_take_that_was_not_cleaned_up_is_unfinished(extension: Extension) -> None:
    stop_in_the_middle(extension)
    folder = take(extension)
    write_info(folder, replace(read_info(folder), state=WHOLE))
    shutil.rmtree(folder / SOLUTION_FOLDER, ignore_errors=True)
    TAKES.look_again()
    assert "Unfinished Takes" in drawn(panels.NLF_PT_localize)
    (folder / SOLUTION_FOLDER).mkdir()
    write_solution(folder / SOLUTION_FOLDER, SolutionInfo({}, (), (), "", ()))
    TAKES.look_again()
    assert "Unfinished Takes" not in drawn(panels.NLF_PT_localize)


def test_a_set_that_the_motion_lacks_leaves_a_take_unfinished(extension: Extension) -> None:
    stop_in_the_middle(extension)
    folder = take(extension)
    write_info(folder, replace(read_info(folder), state=WHOLE))
    (folder / SOLUTION_FOLDER).mkdir(exist_ok=True)
    write_solution(folder / SOLUTION_FOLDER, SolutionInfo({}, (), (), "", ()))
    TAKES.look_again()
    assert "Unfinished Takes" not in drawn(panels.NLF_PT_localize)
    (folder / SETS_FOLDER / "Mine").mkdir(parents=True)
    write_take_set(folder / SETS_FOLDER / "Mine", TakeSet("Mine", "markers", "open", 1, ""))
    TAKES.look_again()
    assert "Unfinished Takes" in drawn(panels.NLF_PT_localize)
    solved = SolutionInfo({}, (), (), "", (), sets=set_contents(folder))
    write_solution(folder / SOLUTION_FOLDER, solved)
    TAKES.look_again()
    assert "Unfinished Takes" not in drawn(panels.NLF_PT_localize)


def test_the_takes_folder_is_looked_at_now_and_then(
    extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_in_the_middle(extension)
    for number in range(40):
        shutil.copytree(take(extension), take(extension).with_name(f"walk-{number + 2}.take"))
    looks: list[Path] = []
    stamps = queue_unfinished._stamps
    monkeypatch.setattr(
        queue_unfinished, "_stamps", lambda folder: (looks.append(folder), stamps(folder))[1]
    )
    reads: list[Path] = []
    unfinished = queue_unfinished._unfinished
    monkeypatch.setattr(
        queue_unfinished, "_unfinished", lambda path: (reads.append(path), unfinished(path))[1]
    )
    TAKES.look_again()
    for _ in range(20):
        shown = drawn(panels.NLF_PT_localize)
    assert "29 more" in shown
    assert len(looks) == 1
    read = len(reads)
    TAKES.look_again()
    drawn(panels.NLF_PT_localize)
    assert len(looks) == 2
    assert len(reads) == read


def test_a_solve_renews_what_is_in_the_scene(extension: Extension) -> None:
    from nlf_blender.bridge.task import solve_task
    from nlf_blender.protocol.solve_settings import SolveSettings

    bpy.ops.nlf.localize()
    extension.pump_to_end()
    [rig] = rigs()
    python = extension.preferences.find_interpreter().path
    task = solve_task(take(extension), (), SolveSettings())
    entry = RUNTIME.submit(python, task, bpy.context.scene, first=True)
    extension.pump_to_end()
    assert entry.stand is Stand.DONE
    assert rigs() == [rig]


def test_what_is_to_be_done_with_a_result_can_be_said(extension: Extension) -> None:
    from nlf_blender.bridge.task import solve_task
    from nlf_blender.protocol.solve_settings import SolveSettings

    bpy.ops.nlf.localize()
    extension.pump_to_end()
    given: list[object] = []

    def finish(scene: bpy.types.Scene, folders: list[Path]) -> list[str]:
        given.append((scene.name, folders))
        return ["well done"]

    python = extension.preferences.find_interpreter().path
    task = solve_task(take(extension), (), SolveSettings())
    RUNTIME.submit(python, task, bpy.context.scene, finish=finish)
    extension.pump_to_end()
    assert given == [(bpy.context.scene.name, [take(extension)])]
    assert "well done" in RUNTIME.notes

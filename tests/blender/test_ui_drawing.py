# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels draw in every state, and ask only for properties, operators and icons that exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
from panel_drawing import Layout, context, drawn
from ui_play import Extension

from nlf_blender.errors import UserError
from nlf_blender.ui import drawing, panels, places
from nlf_blender.ui.jobs import job_pump
from nlf_blender.ui.jobs.runtime import RUNTIME
from nlf_blender.ui.setup.environment_operators import NLF_OT_create_environment
from nlf_blender.ui.setup.preferences import draw_preferences


@pytest.fixture
def extension(tmp_path: Path) -> Iterator[Extension]:
    played = Extension(tmp_path)
    yield played
    played.close()


def drawn_preferences(extension: Extension) -> str:
    layout = Layout()
    draw_preferences(layout, context(), extension.preferences)
    return "\n".join(layout.seen)


def test_the_source_panel_shows_the_chosen_camera(extension: Extension) -> None:
    properties = bpy.context.scene.nlf
    assert "fov" not in drawn(panels.NLF_PT_source)
    properties.camera = "FOV"
    assert "fov" in drawn(panels.NLF_PT_source)
    properties.camera = "FOCAL"
    assert "focal_px" in drawn(panels.NLF_PT_source)


def test_the_localize_panel_in_every_state(
    extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "nlf.localize" in drawn(panels.NLF_PT_localize)
    extension.mode("good", take=str(extension.take), steps=5, pause=0.04)
    bpy.ops.nlf.localize()
    running = drawn(panels.NLF_PT_localize)
    assert "nlf.cancel" in running
    assert "nlf.pause" not in running
    assert "Looking for people" not in running
    extension.pump_until(lambda: extension.job.stage == "Finding people")
    assert "Looking for people" in drawn(panels.NLF_PT_localize)
    extension.pump_until(lambda: extension.job.stage == "Localizing" and extension.job.done > 0)
    running = drawn(panels.NLF_PT_localize)
    assert "2 people found" in running
    assert f"Localizing {extension.job.done}/5" in running
    assert "left" in running
    extension.pump_to_end()
    assert "nlf.localize" in drawn(panels.NLF_PT_localize)
    monkeypatch.setattr(job_pump, "hindrance", lambda: "a render")
    bpy.ops.nlf.localize()
    extension.pump_until(lambda: RUNTIME.to_import is not None)
    assert "Import waits" in drawn(panels.NLF_PT_localize)
    bpy.ops.nlf.cancel()
    assert "Import waits" not in drawn(panels.NLF_PT_localize)


def test_an_error_is_shown_with_its_fix_and_its_buttons(extension: Extension) -> None:
    extension.mode("dies_midway")
    bpy.ops.nlf.localize()
    extension.pump_to_end()
    shown = drawn(panels.NLF_PT_localize)
    for text in ("The worker died", "RuntimeError: a piece", "nlf.open_log", "nlf.copy_details"):
        assert text in shown
    bpy.ops.nlf.copy_details()
    bpy.ops.nlf.dismiss()
    assert "The worker died" not in drawn(panels.NLF_PT_localize)


def test_the_result_panel_and_its_switches(extension: Extension) -> None:
    assert "NLF_UL_people" not in drawn(panels.NLF_PT_result)
    bpy.ops.nlf.import_take(directory=str(extension.take))
    shown = drawn(panels.NLF_PT_result)
    assert "NLF_UL_people" in shown
    assert "2 people imported" in shown
    rigs = [obj for obj in bpy.data.objects if obj.type == "ARMATURE"]
    bpy.context.scene.nlf.person_index = bpy.data.objects.find(rigs[1].name)
    assert bpy.context.object == rigs[1]
    assert list(bpy.context.selected_objects) == [rigs[1]]
    assert "nlf.show_part" in drawn(panels.NLF_PT_result)
    points = next(obj for obj in rigs[1].users_collection[0].objects if "nlf_heatmap" in obj)
    assert not points.visible_get()
    bpy.ops.nlf.show_part(part="points")
    assert points.visible_get()
    assert not points.hide_render
    bpy.ops.nlf.show_part(part="points")
    assert not points.visible_get()
    bpy.ops.nlf.heatmap()
    assert points["nlf_heatmap"] == 1.0
    assert points.visible_get()
    bpy.ops.nlf.heatmap()
    assert points["nlf_heatmap"] == 0.0
    bpy.data.objects.remove(points)
    assert not bpy.ops.nlf.heatmap.poll()
    drawn(panels.NLF_PT_result)


def test_the_people_list_keeps_other_objects_out(extension: Extension) -> None:
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.nlf.import_take(directory=str(extension.take))
    people = SimpleNamespace(bitflag_filter_item=1 << 30, filter_name="")
    cls = bpy.types.NLF_UL_people
    flags, _ = cls.filter_items(people, bpy.context, bpy.data, "objects")
    kept = [obj for obj, flag in zip(bpy.data.objects, flags, strict=True) if flag]
    assert {obj.type for obj in kept} == {"ARMATURE"}
    assert len(kept) == 2


def test_the_worker_panel_says_what_is_missing_and_what_is_warm(extension: Extension) -> None:
    assert "Starts with the next job" in drawn(panels.NLF_PT_worker)
    bpy.ops.nlf.localize()
    extension.pump_to_end()
    assert "Ready: the model is loaded" in drawn(panels.NLF_PT_worker)
    extension.preferences.interpreter = "MADE"
    assert "No Python environment yet" in drawn(panels.NLF_PT_worker)


def test_the_preferences_show_the_check(extension: Extension) -> None:
    drawn_preferences(extension)
    bpy.ops.nlf.check_environment()
    assert "Checking" in drawn_preferences(extension)
    extension.pump_to_end()
    shown = drawn_preferences(extension)
    assert "torch: not installed" in shown
    assert "Install it." in shown
    extension.preferences.interpreter = "MADE"
    assert "torch: not installed" not in drawn_preferences(extension)


def test_an_extension_without_its_lock_file_still_draws(
    extension: Extension, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "wheels", lambda: tmp_path / "nowhere")
    extension.preferences.interpreter = "MADE"
    assert "Install the extension again" in drawn_preferences(extension).replace("\n", " ")


def test_creating_the_environment_offline_says_how_to_allow_it(extension: Extension) -> None:
    assert not bpy.app.online_access
    extension.preferences.interpreter = "MADE"
    assert "Allow Online Access" in drawn_preferences(extension)
    with pytest.raises(RuntimeError, match="Allow Online Access"):
        bpy.ops.nlf.create_environment()
    assert RUNTIME.installation is None


def test_creating_the_environment_shows_progress_and_is_cancelled(
    extension: Extension, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "requirements.lock").write_text("gamma==1.0\n")
    (wheels / "gamma-2.0-py3-none-any.whl").write_bytes(b"")
    monkeypatch.setattr(places, "wheels", lambda: wheels)
    monkeypatch.setattr(places, "environment_folder", lambda: tmp_path / "env")
    extension.preferences.interpreter = "MADE"
    bpy.ops.nlf.create_environment()
    assert "Making the environment" in drawn_preferences(extension)
    assert "Making the environment" in drawn(panels.NLF_PT_worker)
    assert not NLF_OT_create_environment.poll(bpy.context)
    bpy.ops.nlf.cancel_environment()
    assert "nlf.create_environment" in drawn_preferences(extension)
    bpy.ops.nlf.create_environment()
    extension.pump_to_end()
    assert "not offered for this Python" in drawn_preferences(extension).replace("\n", " ")


def test_wrap_keeps_lines_within_the_width() -> None:
    text = "a line of several words\nand_one_word_that_is_far_too_long_for_it"
    lines = drawing.wrap(text, 12, len)
    assert max(map(len, lines)) <= 12
    assert "".join(lines).replace(" ", "") == text.replace(" ", "").replace("\n", "")
    assert lines[0] == "a line of"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (7.4, "7 s"), (42.0, "40 s"), (200.0, "3 min")]
)
def test_durations_in_words(seconds: float, text: str) -> None:
    assert drawing.duration(seconds) == text


def test_a_setting_out_of_range_is_refused_in_words(extension: Extension) -> None:
    extension.preferences.model = "/nowhere/model.safetensors"
    with pytest.raises(UserError, match="No such model"):
        bpy.context.scene.nlf.settings(extension.preferences)

# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panels say goes when what it was about goes: another file, model, folder, .blend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
from panel_drawing import Layout, context, drawn
from ui_play import Extension

from nlf_blender.errors import UserError
from nlf_blender.ui import panels, places
from nlf_blender.ui.jobs.problem import FILES
from nlf_blender.ui.jobs.runtime import RUNTIME
from nlf_blender.ui.setup.file_work import MODEL
from nlf_blender.ui.setup.preferences import draw_preferences


@pytest.fixture
def extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Extension]:
    monkeypatch.setattr(places, "models_folder", lambda: tmp_path / "models")
    played = Extension(tmp_path)
    yield played
    played.close()


def shown(extension: Extension) -> str:
    """All that the preferences show, in one line."""
    layout = Layout()
    draw_preferences(layout, context(), extension.preferences)
    return " ".join(layout.seen)


def choose(extension: Extension, name: str) -> Path:
    """A model file of this name, chosen."""
    path = extension.folder / name
    path.write_bytes(b"a file")
    extension.preferences.model = str(path)
    return path


def examine(extension: Extension, what: str = MODEL) -> None:
    """Examine the chosen file to the end."""
    bpy.ops.nlf.examine(what=what)
    extension.pump_to_end()


def test_another_model_data_folder_is_another_answer(extension: Extension) -> None:
    choose(extension, "nlf_s_crop.pt")
    examine(extension)
    assert "Missing: canonical points" in shown(extension)
    extension.preferences.model_data = str(extension.folder)
    assert "Missing" not in shown(extension)


def test_failures_are_said_of_their_own_file_only(extension: Extension) -> None:
    first = choose(extension, "nlf_s_crop.pt")
    extension.mode("fails")
    bpy.ops.nlf.convert_model()
    examine(extension)
    for text in ("Not a model", "is read-only"):
        assert text in shown(extension)
    choose(extension, "nlf_l_crop.pt")
    for text in ("Not a model", "is read-only"):
        assert text not in shown(extension)
    extension.preferences.model = str(first)
    assert "is read-only" in shown(extension)


def test_a_model_chosen_during_a_conversion_stays_chosen(extension: Extension) -> None:
    path = choose(extension, "nlf_l.torchscript")
    examine(extension)
    bpy.ops.nlf.allow_program()
    extension.mode("good", steps=4, pause=0.05)
    bpy.ops.nlf.convert_model()
    extension.preferences.model = ""
    extension.pump_to_end()
    assert (extension.folder / "models" / "nlf_l.safetensors").is_file()
    assert extension.preferences.model_choice == "DEFAULT"
    assert path.is_file()


def test_a_download_does_not_take_the_place_of_a_model_that_is_converted(
    extension: Extension,
) -> None:
    source = choose(extension, "nlf_l.torchscript")
    other = choose(extension, "nlf_s.torchscript")
    extension.preferences.model = str(source)
    RUNTIME.files.source = source
    RUNTIME.files.arrived[other] = other
    extension.pump_to_end()
    assert extension.preferences.model == str(source)


def test_a_program_is_examined_before_it_can_be_converted(extension: Extension) -> None:
    choose(extension, "nlf_l.torchscript")
    assert not bpy.ops.nlf.convert_model.poll()
    extension.preferences.trusted.add().sha256 = "0" * 64  # which may be this file's
    assert bpy.ops.nlf.convert_model.poll()
    examine(extension)
    assert not bpy.ops.nlf.convert_model.poll()


def test_a_body_as_model_and_the_reverse_are_told_apart(extension: Extension) -> None:
    choose(extension, "SMPL_NEUTRAL.npz")
    assert "nlf.convert_model" in shown(extension)
    examine(extension)
    assert "This is a body, not a model: choose it as the body." in shown(extension)
    assert "nlf.convert_model" not in shown(extension)
    path = choose(extension, "nlf_s_crop.pt")
    extension.preferences.model = ""
    extension.preferences.body = str(path)
    examine(extension, "BODY")
    assert "This is a model, not a body: choose it as the model." in shown(extension)


def test_an_error_that_leads_to_the_preferences_goes_when_they_change(extension: Extension) -> None:
    prefs = extension.preferences
    changes = (
        lambda: setattr(prefs, "model_choice", "FILE"),
        lambda: setattr(prefs, "model_data", str(extension.folder)),
        lambda: setattr(prefs, "body_choice", "FOLDER"),
        lambda: setattr(prefs, "body_folder", str(extension.folder)),
        lambda: setattr(prefs, "interpreter_path", "elsewhere"),
    )
    for change in changes:
        RUNTIME.fail(UserError("Nothing there", "A file is gone.", "Choose in the preferences."))
        change()
        assert "Nothing there" not in drawn(panels.NLF_PT_localize)
    RUNTIME.fail(UserError("No people", "Nobody was found.", "Crop the photo."))
    prefs.model_choice = "DEFAULT"
    assert "No people" in drawn(panels.NLF_PT_localize)


def test_another_blend_file_begins_without_the_last_one_s_messages(
    extension: Extension, tmp_path: Path
) -> None:
    other = tmp_path / "other.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(other), copy=True)
    bpy.ops.nlf.localize()
    extension.pump_to_end()
    assert "2 people" in drawn(panels.NLF_PT_result)
    RUNTIME.fail(UserError("No people", "Nobody was found.", "Crop the photo."))
    bpy.ops.wm.open_mainfile(filepath=str(other))
    assert "2 people" not in drawn(panels.NLF_PT_result)
    assert "No people" not in drawn(panels.NLF_PT_localize)
    RUNTIME.fail(UserError("Licence", "It was not accepted.", "Accept it."), FILES)
    bpy.ops.wm.open_mainfile(filepath=str(other))
    assert "It was not accepted." in shown(extension)


def test_a_long_title_is_wrapped(extension: Extension) -> None:
    title = "The data files of this model are missing from its folder"
    RUNTIME.fail(UserError(title, "They are not there.", "Get them."))
    lines = drawn(panels.NLF_PT_localize).split("\n")
    assert title not in lines
    assert title in " ".join(lines)


def test_consent_is_not_the_default_of_its_dialog(extension: Extension) -> None:
    asked: dict[str, object] = {}
    manager = SimpleNamespace(invoke_props_dialog=lambda operator, **options: asked.update(options))
    known = bpy.types.WindowManager.bl_rna.functions["invoke_props_dialog"].parameters.keys()
    bpy.types.NLF_OT_allow_program.invoke(None, SimpleNamespace(window_manager=manager), None)
    assert asked["cancel_default"] is True
    assert set(asked) <= set(known)

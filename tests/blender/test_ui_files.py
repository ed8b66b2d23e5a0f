# SPDX-License-Identifier: GPL-3.0-or-later
"""Models and bodies in the preferences: choosing, downloading, examining, allowing, converting."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
from panel_drawing import Layout, context, drawn
from ui_play import Extension

from nlf_blender.bridge import releases
from nlf_blender.bridge.releases import Release
from nlf_blender.errors import UserError
from nlf_blender.ui import panels, places
from nlf_blender.ui.jobs.problem import FILES
from nlf_blender.ui.jobs.runtime import RUNTIME
from nlf_blender.ui.setup.preferences import draw_preferences

CONTENT = bytes(range(256)) * 400
DIGEST = hashlib.sha256(CONTENT).hexdigest()
KEY = "NLF_L_MULTI_032"


@pytest.fixture
def extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Extension]:
    monkeypatch.setattr(places, "models_folder", lambda: tmp_path / "models")
    bpy.context.preferences.system.use_online_access = True
    played = Extension(tmp_path)
    yield played
    played.close()
    bpy.context.preferences.system.use_online_access = False


class LocalRelease(Release):
    """A release at a test's server."""

    address = property(lambda self: f"{self.about}/{self.file}")  # type: ignore[assignment]
    listing = property(lambda self: f"{self.about}/listing")  # type: ignore[assignment]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """A server with the release KEY; its "status" is what it answers."""
    manners = {"status": 200}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            name = releases.BY_KEY[KEY].file
            asset = {"name": name, "size": len(CONTENT), "digest": f"sha256:{DIGEST}"}
            listing = self.path == "/listing"
            body = json.dumps({"assets": [asset]}).encode() if listing else CONTENT
            self.send_response(200 if listing else manners["status"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    host = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=host.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{host.server_port}"
    local = LocalRelease(KEY, "NLF-L", url, "v1", "nlf_l.torchscript", megabytes=0.1)
    monkeypatch.setitem(releases.BY_KEY, KEY, local)
    yield manners
    host.shutdown()
    host.server_close()
    thread.join()


def shown(extension: Extension) -> str:
    """All that the preferences show, in one line."""
    layout = Layout()
    draw_preferences(layout, context(), extension.preferences)
    return " ".join(layout.seen)


def dialog(name: str, **properties: object) -> str:
    """What an operator's dialog shows."""
    cls = getattr(bpy.types, name)
    layout, operator = Layout(), cls.bl_idname.removeprefix("nlf.")
    rna = getattr(bpy.ops.nlf, operator).get_rna_type()
    cls.draw(SimpleNamespace(layout=layout, bl_rna=rna, **properties), context())
    return " ".join(layout.seen)


def program(extension: Extension) -> Path:
    """A model file that is a program, chosen."""
    path = extension.folder / "nlf_l.torchscript"
    path.write_bytes(CONTENT)
    extension.preferences.model = str(path)
    return path


def test_the_default_model_is_free_and_the_official_ones_are_not(extension: Extension) -> None:
    prefs = extension.preferences
    assert prefs.model_choice == "DEFAULT"
    assert prefs.bl_rna.properties["model_choice"].enum_items[0].identifier == "DEFAULT"
    assert "Licence: Free for commercial use, ships" in shown(extension)
    assert "nlf.download" not in shown(extension)
    for release in releases.MODELS:
        prefs.model_choice = release.key
        text = shown(extension)
        assert "Licence: Non-commercial research only" in text
        assert "wm.url_open" in text
        assert "nlf.download" in text
        assert ("Model Data" in text or "model_data" in text) == release.needs_data
        with pytest.raises(UserError, match="not here yet"):
            bpy.context.scene.nlf.settings(prefs)


def test_a_path_chooses_a_file_and_no_path_the_default(extension: Extension) -> None:
    prefs = extension.preferences
    path = program(extension)
    assert prefs.model_choice == "FILE"
    assert bpy.context.scene.nlf.settings(prefs).model == str(path)
    path.unlink()
    with pytest.raises(UserError, match="No such model"):
        bpy.context.scene.nlf.settings(prefs)
    prefs.model = ""
    assert bpy.context.scene.nlf.settings(prefs).model == "default"
    prefs.model_choice = "FILE"
    with pytest.raises(UserError, match="No model file is named"):
        bpy.context.scene.nlf.settings(prefs)


def test_nothing_is_downloaded_offline_or_without_the_licence(
    extension: Extension, server: dict[str, int]
) -> None:
    extension.preferences.model_choice = KEY
    with pytest.raises(RuntimeError, match="Licence not accepted"):
        bpy.ops.nlf.download(key=KEY)
    assert "Licence not accepted" in shown(extension)
    assert RUNTIME.problem is not None
    assert RUNTIME.problem.command == FILES
    assert "Licence not accepted" not in drawn(panels.NLF_PT_localize)
    bpy.context.preferences.system.use_online_access = False
    assert "Allow Online Access" in shown(extension)
    assert not bpy.ops.nlf.download.poll()
    assert RUNTIME.files.download is None
    assert not (extension.folder / "models").exists()


def test_the_licence_is_shown_before_a_download(extension: Extension) -> None:
    text = dialog("NLF_OT_download", key=KEY)
    for part in ("NLF-L", "493 MB", "github.com/isarandi", "non-commercial", "accepted", "models"):
        assert part in text


def test_a_downloaded_model_is_chosen_and_examined(
    extension: Extension, server: dict[str, int]
) -> None:
    prefs = extension.preferences
    prefs.model_choice = KEY
    bpy.ops.nlf.download(key=KEY, accepted=True)
    assert not bpy.ops.nlf.download.poll()
    assert "nlf.cancel_files" in shown(extension)
    extension.pump_to_end()
    path = extension.folder / "models" / "nlf_l.torchscript"
    assert path.read_bytes() == CONTENT
    assert (prefs.model_choice, prefs.model) == ("FILE", str(path))
    text = shown(extension)
    assert "NLF-L TorchScript" in text
    assert DIGEST in text.replace(" ", "")
    assert "Parameters: 123.0 million" in text
    prefs.model_choice = KEY
    assert "Downloaded. Its checksum is the published one." in shown(extension)
    assert bpy.context.scene.nlf.settings(prefs).model == str(path)


def test_a_download_without_an_environment_is_kept_and_chosen(
    extension: Extension, server: dict[str, int]
) -> None:
    prefs = extension.preferences
    prefs.interpreter, prefs.model_choice = "MADE", KEY
    bpy.ops.nlf.download(key=KEY, accepted=True)
    extension.pump_to_end()
    assert prefs.model == str(extension.folder / "models" / "nlf_l.torchscript")
    assert "No Python environment yet" in shown(extension)


def test_a_failed_download_says_why_and_can_be_tried_again(
    extension: Extension, server: dict[str, int]
) -> None:
    extension.preferences.model_choice = KEY
    server["status"] = 404
    bpy.ops.nlf.download(key=KEY, accepted=True)
    extension.pump_to_end()
    assert "The file is not there any more" in shown(extension)
    server["status"] = 200
    bpy.ops.nlf.download(key=KEY, accepted=True)
    extension.pump_to_end()
    assert "not there any more" not in shown(extension)
    assert extension.preferences.model_choice == "FILE"


def test_a_download_is_cancelled(extension: Extension, server: dict[str, int]) -> None:
    extension.preferences.model_choice = KEY
    bpy.ops.nlf.download(key=KEY, accepted=True)
    bpy.ops.nlf.cancel_files(what="DOWNLOAD")
    extension.pump_to_end()
    assert not RUNTIME.files.downloading
    assert extension.preferences.model_choice == KEY
    assert "nlf.download" in shown(extension)


def test_data_files_become_the_model_data_folder(extension: Extension) -> None:
    prefs = extension.preferences
    folder = extension.folder / "models" / "nlf_data_files"
    folder.mkdir(parents=True)
    prefs.model = ""
    RUNTIME.files.arrived[folder] = folder
    extension.pump_to_end()
    assert prefs.model_data == str(folder)
    assert prefs.model_choice == "DEFAULT"
    assert bpy.context.scene.nlf.settings(prefs).model_data == ""
    checkpoint = extension.folder / "nlf_s_crop.pt"
    checkpoint.write_bytes(b"weights")
    prefs.model = str(checkpoint)
    assert "model_data" in shown(extension)
    assert bpy.context.scene.nlf.settings(prefs).model_data == str(folder)
    folder.rmdir()
    with pytest.raises(UserError, match="No such folder"):
        bpy.context.scene.nlf.settings(prefs)


def test_a_program_is_announced_examined_allowed_and_forgotten(extension: Extension) -> None:
    prefs = extension.preferences
    program(extension)
    text = shown(extension)
    assert "This file is a program" in text
    assert "Examine it first" in text
    assert not bpy.ops.nlf.allow_program.poll()
    assert bpy.context.scene.nlf.settings(prefs).trusted == ()
    bpy.ops.nlf.examine(what="MODEL")
    assert "Examining" in shown(extension)
    extension.pump_to_end()
    assert "Examine it first" not in shown(extension)
    assert not bpy.ops.nlf.convert_model.poll()
    text = dialog("NLF_OT_allow_program").replace(" ", "")
    assert DIGEST in text
    assert "nlf_l.torchscript" in text
    bpy.ops.nlf.allow_program()
    bpy.ops.nlf.allow_program()
    assert bpy.context.scene.nlf.settings(prefs).trusted == (DIGEST,)
    text = shown(extension)
    assert "This file is a program" not in text
    assert f"Allowed: nlf_l.torchscript ({DIGEST[:12]}...)" in text
    bpy.ops.nlf.forget_program(sha256=DIGEST)
    assert bpy.context.scene.nlf.settings(prefs).trusted == ()
    assert "This file is a program" in shown(extension)


def test_what_was_examined_is_not_said_of_another_file(extension: Extension) -> None:
    program(extension)
    bpy.ops.nlf.examine(what="MODEL")
    extension.pump_to_end()
    other = extension.folder / "other.torchscript"
    other.write_bytes(b"other")
    extension.preferences.model = str(other)
    assert "NLF-L TorchScript" not in shown(extension)
    assert not bpy.ops.nlf.allow_program.poll()


def test_a_converted_model_takes_the_program_s_place(extension: Extension) -> None:
    prefs = extension.preferences
    program(extension)
    bpy.ops.nlf.examine(what="MODEL")
    extension.pump_to_end()
    bpy.ops.nlf.allow_program()
    extension.mode("good", steps=4, pause=0.05)
    bpy.ops.nlf.convert_model()
    assert not bpy.ops.nlf.convert_model.poll()
    extension.pump_until(lambda: RUNTIME.files.conversion.step.fraction is not None)
    assert "Converting" in shown(extension)
    bpy.ops.nlf.cancel_files(what="CONVERSION")
    extension.pump_to_end()
    assert prefs.model.endswith(".torchscript")
    bpy.ops.nlf.convert_model()
    extension.pump_to_end()
    converted = extension.folder / "models" / "nlf_l.safetensors"
    assert prefs.model == str(converted)
    assert converted.is_file()
    assert "This file is a program" not in shown(extension)


def test_failures_of_the_worker_are_shown_beside_the_file(extension: Extension) -> None:
    program(extension)
    bpy.ops.nlf.examine(what="MODEL")
    extension.pump_to_end()
    bpy.ops.nlf.allow_program()
    extension.mode("fails")
    bpy.ops.nlf.convert_model()
    extension.pump_to_end()
    assert "is read-only" in shown(extension)
    bpy.ops.nlf.examine(what="MODEL")
    extension.pump_to_end()
    assert "Not a model" in shown(extension)
    extension.preferences.interpreter = "MADE"
    with pytest.raises(RuntimeError, match="No Python environment yet"):
        bpy.ops.nlf.examine(what="MODEL")
    assert "No Python environment yet" in shown(extension)


def test_a_job_without_consent_leads_to_the_preferences(extension: Extension) -> None:
    RUNTIME.fail(UserError("Consent needed", "It is a program.", "Allow it in the preferences."))
    text = drawn(panels.NLF_PT_localize)
    assert "Consent needed" in text
    assert "nlf.preferences" in text
    program(extension)
    bpy.ops.nlf.examine(what="MODEL")
    extension.pump_to_end()
    bpy.ops.nlf.allow_program()
    assert "Consent needed" not in drawn(panels.NLF_PT_localize)


def test_a_body_file_and_its_licence(extension: Extension) -> None:
    prefs = extension.preferences
    assert "Licence: CC0" in shown(extension)
    path = extension.folder / "SMPL_NEUTRAL.npz"
    path.write_bytes(b"a body")
    prefs.body = str(path)
    assert prefs.body_choice == "FILE"
    assert "Not known until examined; most likely non-commercial" in shown(extension)
    bpy.ops.nlf.examine(what="BODY")
    extension.pump_to_end()
    assert "SMPL body" in shown(extension)
    assert "Licence: Non-commercial research only" in shown(extension)
    assert bpy.context.scene.nlf.settings(prefs).body == str(path)
    assert bpy.context.scene.nlf.scan_settings(prefs).body == str(path)
    prefs.body = ""
    assert bpy.context.scene.nlf.settings(prefs).body == "open"


def test_a_folder_of_bodies(extension: Extension) -> None:
    prefs = extension.preferences
    prefs.body_choice = "FOLDER"
    with pytest.raises(UserError, match="No body file is chosen"):
        bpy.context.scene.nlf.settings(prefs)
    folder = extension.folder / "körper"
    (folder / "smpl").mkdir(parents=True)
    prefs.body_folder = str(folder)
    assert "There is no body file in this folder" in shown(extension)
    male, neutral = (folder / "smpl" / f"SMPL_{name}.pkl" for name in ("MALE", "NEUTRAL"))
    for path in (male, neutral):
        path.write_bytes(b"a body")
    bpy.ops.nlf.search_bodies()
    assert "Choose a body" in shown(extension)
    prefs.body_folder = str(folder)
    assert prefs.body_found == str(neutral)
    assert "SMPL neutral" in shown(extension)
    bpy.ops.nlf.choose_body(body=str(male))
    assert "(SMPL model licence)" in shown(extension)
    female = folder / "smplx" / "SMPLX_FEMALE.npz"
    female.parent.mkdir()
    female.write_bytes(b"a body")
    bpy.ops.nlf.search_bodies()
    assert prefs.body_found == str(male)
    bpy.ops.nlf.choose_body(body=str(female))
    assert "(SMPL-X model licence)" in shown(extension)
    assert bpy.context.scene.nlf.settings(prefs).body == str(female)
    female.unlink()
    bpy.ops.nlf.search_bodies()
    assert "Choose a body" in shown(extension)
    with pytest.raises(UserError, match="No body file is chosen"):
        bpy.context.scene.nlf.settings(prefs)
    prefs.body_folder = str(extension.folder / "nowhere")
    assert "nowhere" in shown(extension)
    prefs.body_folder = ""
    assert shown(extension)


def test_rigs_are_imported_as_the_scene_wants_them(extension: Extension) -> None:
    properties = bpy.context.scene.nlf
    for name in ("bone_names", "rest_pose", "hands"):
        assert name in drawn(panels.NLF_PT_import)
    for naming, bone in (("SMPL", "L_Hip"), ("BLENDER", "thigh.L"), ("UE", "thigh_l")):
        properties.bone_names = naming
        bpy.ops.nlf.import_take(directory=str(extension.take))
        rigs = [obj for obj in bpy.data.objects if obj.type == "ARMATURE"]
        rig = next(obj for obj in rigs if obj["nlf_naming"] == naming)
        assert bone in rig.data.bones
    properties.bone_names, properties.rest_pose, properties.hands = "MIXAMO", "A", "FLAT"
    bpy.ops.nlf.localize()
    extension.pump_to_end()
    made = [obj for obj in bpy.data.objects if obj.get("nlf_naming") == "MIXAMO"]
    assert len(made) == 2
    assert made[0]["nlf_rest_pose"] == "A"
    assert made[0]["nlf_hands"] == "FLAT"

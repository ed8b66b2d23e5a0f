# SPDX-License-Identifier: GPL-3.0-or-later
"""File > Import and File > Export of markers, with a program in the worker's place that notes what
it is asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import footage_fixtures as footage
import numpy as np
import pytest
import scene_fixtures as fixtures
from panel_drawing import Layout, context
from ui_play import Extension

from nlf_blender.protocol.marker_motion import MarkerMotion, MarkerTrack, write_marker_motion
from nlf_blender.protocol.marker_set import Marker, MarkerSet
from nlf_blender.protocol.point_set import of_markers, write_point_set
from nlf_blender.protocol.take_sets import POINTS_FILE, SETS_FOLDER, TakeSet, write_take_set
from nlf_blender.scene import import_take
from nlf_blender.ui.jobs.runtime import RUNTIME
from nlf_blender.ui.markers import exchange_take
from nlf_blender.ui.markers.exchange_choices import FORMATS
from nlf_blender.ui.markers.exchange_export import with_ending
from nlf_blender.ui.markers.exchange_work import EXCHANGE

FAKE = """
import json, pathlib, shutil, sys, time
folder = pathlib.Path(__file__).parent
(folder / "asked.json").write_text(json.dumps(sys.argv[1:]))
answer = json.loads((folder / "answer.json").read_text())
time.sleep(answer.pop("seconds", 0))
if "error" in answer:
    print(answer["error"], file=sys.stderr)
    sys.exit(1)
out = next(a for a in sys.argv if a.startswith("--out=")).removeprefix("--out=")
if "content" in answer:
    shutil.copy(answer.pop("content"), out)
print(json.dumps(answer))
"""


@pytest.fixture
def extension(tmp_path: Path) -> Iterator[Extension]:
    played = Extension(tmp_path)
    (tmp_path / "fake_exchange.py").write_text(FAKE)
    program = tmp_path / "exchange_python"
    fake = f'"{sys.executable}" -I -B "{tmp_path / "fake_exchange.py"}"'
    program.write_text(f'#!/bin/sh\nshift 5\nexec {fake} "$@"\n')
    program.chmod(0o755)
    played.preferences.interpreter_path = str(program)
    yield played
    played.close()


def answer(extension: Extension, **what: object) -> None:
    """What the program will say."""
    (extension.folder / "answer.json").write_text(json.dumps(what))


def asked(extension: Extension) -> list[str]:
    """What the program was asked for."""
    return json.loads((extension.folder / "asked.json").read_text())


@pytest.fixture
def take(extension: Extension) -> Path:
    """Footage in the scene with a person selected, and a set."""
    body = fixtures.make_body()
    people = {3: footage.walk(body, 3, np.arange(10)), 5: footage.walk(body, 5, np.arange(10))}
    folder = footage.write_footage(extension.folder / "walk.take", body, people)
    markers = MarkerSet("My Set", (Marker("nose", (0.0, 0.0, 0.0)),))
    own = folder / SETS_FOLDER / "My_Set"
    own.mkdir(parents=True)
    write_point_set(own / POINTS_FILE, of_markers(markers))
    write_take_set(own, TakeSet("My Set", "markers", "open", 1, "0" * 64))
    result = import_take(bpy.context.scene, folder)
    bpy.context.view_layer.objects.active = result.people[1].rig
    return folder


def test_entries_in_the_menus(extension: Extension) -> None:
    layout = Layout()
    for menu in (bpy.types.TOPBAR_MT_file_import, bpy.types.TOPBAR_MT_file_export):
        for draw in menu._dyn_ui_initialize():
            if draw.__module__.startswith("nlf_blender"):
                draw(SimpleNamespace(layout=layout), context())
    assert layout.seen == ["nlf.import_markers"] + ["nlf.export_markers"] * len(FORMATS)


def test_an_export(extension: Extension, take: Path) -> None:
    assert exchange_take.export_take(bpy.context) == take
    assert exchange_take.set_names(bpy.context) == ["My Set"]
    out = extension.folder / "out.trc"
    answer(extension, files=[str(out)], notes=["'a b' is 'a_b'"])
    bpy.ops.nlf.export_markers(
        filepath=str(out),
        format="trc",
        set_name="My Set",
        people="ACTIVE",
        units="m",
        gaps="UNCERTAIN",
        limit=0.25,
        rate=60.0,
    )
    assert RUNTIME.exchange.running
    assert not bpy.ops.nlf.import_markers.poll()
    extension.pump_to_end()
    options = asked(extension)
    assert options[0] == "export" and options[-2:] == ["--", str(take)]
    expected = {"--format=trc", "--set=My Set", "--person=5", "--units=m", "--gap-above=0.25"}
    assert expected | {"--rate=60.0", f"--out={out}", "--json"} == set(options[1:-2])
    assert RUNTIME.notes == [f"Exported {out}", "'a b' is 'a_b'"]


def test_an_export_of_all_joints_without_gaps(extension: Extension, take: Path) -> None:
    answer(extension, files=[], notes=[])
    path = str(extension.folder / "out.c3d")
    bpy.ops.nlf.export_markers(filepath=path, joints=True, set_name="My Set", gaps="FILL")
    extension.pump_to_end()
    assert {"--joints", "--fill", "--format=c3d"} < set(asked(extension))
    assert not [o for o in asked(extension) if o.startswith(("--set", "--person", "--rate"))]


def test_endings_follow_the_format() -> None:
    endings = {"x.trc": "x.csv", "x": "x.csv", "x.v2": "x.v2.csv", "x.CSV": "x.CSV", "/a/": "/a/"}
    assert {path: with_ending(path, "csv") for path in endings} == endings


def test_failures_are_shown(extension: Extension, take: Path) -> None:
    answer(extension, error="No such point set: it has none.\n  -> Name another.")
    bpy.ops.nlf.export_markers(filepath=str(extension.folder / "x.csv"), format="csv")
    extension.pump_to_end()
    problem = RUNTIME.problem
    assert problem is not None and problem.command == EXCHANGE
    assert problem.error.title == "No such point set" and problem.error.fix == "Name another."
    bpy.context.view_layer.objects.active = None
    with pytest.raises(RuntimeError, match="Nobody selected"):
        bpy.ops.nlf.export_markers(filepath=str(extension.folder / "x.csv"), people="ACTIVE")


def test_a_photo_and_no_take_at_all(extension: Extension) -> None:
    assert not bpy.ops.nlf.export_markers.poll()
    result = import_take(bpy.context.scene, extension.take)
    bpy.context.view_layer.objects.active = result.people[0].body
    assert exchange_take.export_take(bpy.context) == extension.take
    assert exchange_take.active_person(bpy.context) is None


def test_an_import(extension: Extension) -> None:
    positions = np.random.default_rng(0).uniform(-1, 1, (5, 2, 3)).astype(np.float32)
    unknown = np.full((5, 2), np.nan, dtype=np.float32)
    track = MarkerTrack("", ("nose", "C7"), positions, unknown)
    content = extension.folder / "content.npz"
    write_marker_motion(content, MarkerMotion("walk", "walk.c3d", 50.0, 0.0, (track,), ("Hm.",)))
    answer(extension, content=str(content))
    file = extension.folder / "walk.c3d"
    bpy.ops.nlf.import_markers(filepath=str(file), axes="y-up")
    extension.pump_to_end()
    options = asked(extension)
    assert options[0] == "import" and options[-2:] == ["--", str(file)]
    assert "--axes=y-up" in options
    objects = bpy.data.collections["walk"].objects
    assert [obj.name for obj in objects] == ["nose", "C7"]
    assert bpy.context.scene.render.fps == 50
    assert RUNTIME.notes[:2] == ["walk.c3d: 2 markers imported.", "Hm."]
    out = next(option for option in options if option.startswith("--out=")).removeprefix("--out=")
    assert not Path(out).parent.exists()


def test_an_import_that_is_cancelled_or_comes_too_late(extension: Extension) -> None:
    answer(extension, seconds=30)
    bpy.ops.nlf.import_markers(filepath=str(extension.folder / "x.trc"))
    layout = Layout()
    bpy.types.NLF_PT_marker_exchange.draw(SimpleNamespace(layout=layout), context())
    assert layout.seen == ["Reading x.trc", "nlf.cancel_exchange"]
    bpy.ops.nlf.cancel_exchange()
    assert not RUNTIME.exchange.busy
    answer(extension, content=str(extension.folder / "answer.json"))  # which is no motion
    bpy.ops.nlf.import_markers(filepath=str(extension.folder / "x.trc"))
    extension.pump_to_end()
    assert RUNTIME.problem is not None
    assert RUNTIME.problem.error.title == "Not a marker motion"
    other = bpy.data.scenes.new("Other")
    with bpy.context.temp_override(scene=other):
        bpy.ops.nlf.import_markers(filepath=str(extension.folder / "x.trc"))
    bpy.data.scenes.remove(other)
    extension.pump_to_end()
    assert "import x.trc again" in " ".join(RUNTIME.notes).replace(str(extension.folder) + "/", "")

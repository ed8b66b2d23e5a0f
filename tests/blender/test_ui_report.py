# SPDX-License-Identifier: GPL-3.0-or-later
"""The quality report in the panel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import bpy
import panel_drawing
import pytest
from take_play import Play

import nlf_blender
from nlf_blender.protocol.take import SourceInfo
from nlf_blender.ui.take.report_panel import NLF_PT_report, Row, report_part, report_rows

GOOD = {
    "jitter_m_s2": 4.04,
    "foot_slide_cm_s": 1.5,
    "ground_penetration_mm": 3.6,
    "ground_penetration_worst_mm": 44.0,
    "reprojection_px": 6.3,
    "reprojection_median_px": 5.0,
}
BAD = {**GOOD, "jitter_m_s2": 12.0, "foot_slide_cm_s": 9.25, "ground_penetration_mm": 20.4}
ANNA = {"frames": 35, "frames_without_evidence": 3, "before": BAD, "after": GOOD}
BERT = {"frames": 35, "frames_without_evidence": 4, "before": GOOD, "after": BAD}
REPORT = {"take": {**ANNA, "frames": 70}, "people": {"3": ANNA, "8": BERT}}
SOURCE = SourceInfo("video", "a.mp4", "0" * 64, 480, 640)


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    nlf_blender.register()
    yield Play(tmp_path / "walk.take", monkeypatch)
    nlf_blender.unregister()


def marks(rows: list[Row]) -> dict[str, bool | None]:
    return {row.text.partition(",")[0]: row.bad for row in rows}


def test_figures_are_rounded_and_have_units() -> None:
    rows = report_rows(ANNA, SOURCE)
    assert [(row.text, row.before, row.after) for row in rows] == [
        ("Jitter, m/s²", "12.0", "4.0"),
        ("Foot Slide, cm/s", "9.2", "1.5"),
        ("Penetration, mm", "20", "4"),
        ("Deepest, mm", "44", "44"),
        ("Reprojection, px", "6.3", "6.3"),
        ("Frames Not Seen", "", "3 of 35"),
    ]


def test_figures_beyond_their_limits_are_marked() -> None:
    assert marks(report_rows(ANNA, SOURCE)) == {
        "Jitter": False,
        "Foot Slide": False,
        "Penetration": False,
        "Deepest": None,
        "Reprojection": False,
        "Frames Not Seen": False,
    }
    bad = marks(report_rows(BERT, SOURCE))
    assert [name for name, mark in bad.items() if mark] == [
        "Jitter",
        "Foot Slide",
        "Penetration",
        "Frames Not Seen",
    ]
    small = SourceInfo("video", "a.mp4", "0" * 64, 320, 240)
    assert marks(report_rows(ANNA, small))["Reprojection"] is True


def test_what_nobody_knows_is_not_marked() -> None:
    rows = report_rows({"frames": 0, "before": {"jitter_m_s2": None}}, SOURCE)
    assert {(row.after, row.bad) for row in rows} == {("-", None)}


def test_parts_are_found() -> None:
    assert report_part(REPORT, 8) == BERT
    assert report_part(REPORT, None) == REPORT["take"]
    assert report_part(REPORT, 9) is None
    assert report_part(None, None) is None
    assert report_part({"people": []}, 3) is None


def test_the_panel_shows_the_active_person_and_the_take(play: Play) -> None:
    play.write(report=REPORT, cuts=(12, 30), missing=(4,))
    shown = panel_drawing.drawn(NLF_PT_report).split("\n")
    assert shown[0] == "Anna"
    assert "walk" in shown
    assert shown.count("12.0") == 2
    assert "Cuts at frames 13, 31" in shown  # of the scene, which begins at 1
    assert "1 frames could not be read" in shown
    play.activate(play.rigs[8])
    assert panel_drawing.drawn(NLF_PT_report).startswith("Bert")


def test_a_report_can_be_copied(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not bpy.ops.nlf.copy_report.poll()
    assert not bpy.ops.nlf.open_report.poll()
    play.write(report=REPORT)
    assert bpy.ops.nlf.copy_report() == {"FINISHED"}
    if not bpy.app.background:
        assert json.loads(bpy.context.window_manager.clipboard) == REPORT
    assert "Nothing is known of them" not in panel_drawing.drawn(NLF_PT_report)

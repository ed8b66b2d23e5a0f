# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs run once: their answer, their progress, their failures; inspecting and converting."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from pathlib import Path

import pytest
from quick_tick import quick_tick

from nlf_blender.bridge.errand import Errand, State, Step
from nlf_blender.bridge.inspection import Inspection, conversion, parse_report
from nlf_blender.protocol.json_fields import Json

PYTHON = Path(sys.executable)
FAKE = Path(__file__).with_name("fake_worker.py")


def fake(folder: Path, mode: str, **config: object) -> Path:
    """A fake worker's script in this mode."""
    (folder / "fake_worker.json").write_text(json.dumps({"mode": mode, **config}))
    return Path(shutil.copy(FAKE, folder / "fake_worker.py"))


def run(errand: Errand | Inspection) -> None:
    """Tick until it has ended; no tick may take long."""
    deadline = time.monotonic() + 20
    while errand.running:
        assert time.monotonic() < deadline
        quick_tick(errand.tick)
        time.sleep(0.01)


def errand_of(program: str, **options: object) -> Errand:
    """An errand that runs a piece of Python."""
    return Errand([PYTHON, "-c", program], "It failed", **options)  # type: ignore[arg-type]


def test_the_last_json_line_is_the_answer() -> None:
    heard: list[Json] = []
    errand = errand_of(
        "print('{no json'); print('{\"a\": 1}'); print('warning'); print('{\"b\": 2}', end='')",
        hear=heard.append,
    )
    run(errand)
    assert errand.state is State.DONE
    assert errand.answer == {"b": 2}
    assert heard == [{"a": 1}, {"b": 2}]
    assert errand.error is None


def test_steps_are_read_as_they_come() -> None:
    program = "import time; print('Reading tensors 3/12, 9 s left', flush=True); time.sleep(60)"
    errand = errand_of(program)
    deadline = time.monotonic() + 20
    while errand.step.fraction is None and time.monotonic() < deadline:
        errand.tick()
    assert errand.step == Step("Reading tensors", 0.25)
    errand.cancel()
    assert errand.state is State.CANCELLED
    assert errand.answer is None


def test_a_worker_s_own_words_are_its_error() -> None:
    errand = errand_of("import sys; sys.exit('No room: a: b\\nis full.\\n  -> Make room.')")
    run(errand)
    assert errand.error is not None
    assert errand.error.to_json() == {
        "title": "No room",
        "detail": "a: b\nis full.",
        "fix": "Make room.",
    }


def test_an_error_in_json_is_its_error() -> None:
    text = {"error": {"title": "T", "detail": "d.", "fix": "f."}}
    errand = errand_of(f"print('''{json.dumps(text)}'''); raise SystemExit(1)")
    run(errand)
    assert errand.error is not None
    assert str(errand.error) == "T: d. f."


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("raise ModuleNotFoundError('no torch')", "no torch"),
        ("print('nothing to say')", "ended with status 0"),
    ],
)
def test_without_an_answer_it_failed(program: str, words: str) -> None:
    errand = errand_of(program)
    run(errand)
    assert errand.state is State.FAILED
    assert errand.error is not None
    assert words in errand.error.detail
    assert errand.error.fix


def test_a_program_that_is_none(tmp_path: Path) -> None:
    errand = Errand([tmp_path / "nothing"], "It failed")
    assert errand.state is State.FAILED
    assert errand.error is not None
    assert "cannot be run" in errand.error.detail
    errand.tick()
    errand.cancel()
    assert errand.state is State.FAILED


def test_silence_is_bounded_but_lines_are_waited_for() -> None:
    errand = errand_of("import time; time.sleep(60)", silence=0.3)
    run(errand)
    assert errand.error is not None
    assert "no answer" in errand.error.detail
    chatty = "import time\nfor _ in range(8): print('.', flush=True); time.sleep(0.1)\nprint('{}')"
    errand = errand_of(chatty, silence=0.5)
    run(errand)
    assert errand.answer == {}


def test_an_inspection_reports(tmp_path: Path) -> None:
    file = tmp_path / "modèle.torchscript"
    file.write_bytes(b"weights")
    inspection = Inspection(PYTHON, file, script=fake(tmp_path, "good"))
    run(inspection)
    assert inspection.report is not None
    assert inspection.report.path == file
    assert inspection.report.sha256 == hashlib.sha256(b"weights").hexdigest()
    assert inspection.report.needs_consent
    assert inspection.report.rows[0] == ("Parameters", "123.0 million")


def test_an_inspection_fails_in_the_worker_s_words(tmp_path: Path) -> None:
    inspection = Inspection(PYTHON, tmp_path / "no.txt", script=fake(tmp_path, "fails"))
    run(inspection)
    assert inspection.report is None
    assert inspection.error is not None
    assert inspection.error.fix == "Choose another."


def test_an_answer_of_another_version_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    file.write_bytes(b"")
    script = fake(tmp_path, "good", inspect={"rows": [["alone"]]})
    inspection = Inspection(PYTHON, file, script=script)
    run(inspection)
    assert inspection.report is None
    assert inspection.error is not None
    assert "not understood" in inspection.error.detail
    with pytest.raises(ValueError, match="path"):
        parse_report({"rows": []})


def test_a_conversion_with_the_agreed_hash(tmp_path: Path) -> None:
    file, out = tmp_path / "a.torchscript", tmp_path / "models" / "a.safetensors"
    file.write_bytes(b"program")
    script = fake(tmp_path, "good", steps=3)
    trusted = ("1" * 64, hashlib.sha256(b"program").hexdigest())
    errand = conversion(PYTHON, file, out, trusted, script=script)
    run(errand)
    assert errand.answer == {"path": str(out)}
    assert errand.step == Step("Converting", 2 / 3)
    refused = conversion(PYTHON, file, out, ("0" * 64,), script=script)
    run(refused)
    assert refused.error is not None
    assert refused.error.title == "Consent needed"

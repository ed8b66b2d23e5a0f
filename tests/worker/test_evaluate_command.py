# SPDX-License-Identifier: GPL-3.0-or-later
"""`worker evaluate` on painted people, from a set.json and from a dataset folder."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from painted_person import LIMBS, Painted, paint_person

from nlf_blender.worker.command_line import main
from nlf_blender.worker.engine import Engine
from nlf_blender.worker.evaluation.found import ItemRunner
from nlf_blender.worker.evaluation.limbs import LIMB_NAMES
from nlf_blender.worker.training.datasets.example import Example, Joints3D, MeshTruth, PersonTruth
from nlf_blender.worker.training.datasets.joint_set_names import SMPL
from nlf_blender.worker.training.datasets.layout import DatasetInfo
from nlf_blender.worker.training.datasets.shard_writer import DatasetWriter

Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def painted() -> Painted:
    torch.set_num_threads(1)
    return paint_person()


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()  # loads its models once for all tests


@pytest.fixture
def run(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("nlf_blender.worker.engine.Engine", lambda: engine)

    def command(*arguments: object) -> tuple[int, dict[str, Any]]:
        target = tmp_path / "figures.json"
        words = ["evaluate", *map(str, arguments), "--json", str(target)]
        status = main([*words, "--device", "cpu", "--variations", "1"])
        return status, json.loads(target.read_text())

    return command


def item(folder: Path, painted: Painted, **more: Any) -> dict[str, Any]:
    """An item of a painted person with limbs in 3D."""
    cv2.imwrite(str(folder / "a.png"), painted.image[..., ::-1])
    limbs = (painted.joints[LIMBS] * 1000).astype(float).tolist()
    return {
        "image": "a.png",
        "intrinsics": painted.intrinsics.tolist(),
        "joints3d": {"names": list(LIMB_NAMES), "camera_mm": limbs},
        **more,
    }


def write(folder: Path, *items: dict[str, Any]) -> Path:
    (folder / "set.json").write_text(json.dumps({"items": items}))
    return folder


def test_figures_of_a_set(tmp_path: Path, painted: Painted, run: Run, capsys: Any) -> None:
    np.save(tmp_path / "v.npy", painted.vertices * 1000)
    good = item(tmp_path, painted, vertices="v.npy")
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((200, 300, 3), 120, np.uint8))
    empty = {"image": "empty.png", "joints2d": {"names": ["nose"], "px": [[100, 90]]}}
    bad = {"image": "gone.png", "joints2d": {"names": ["nose"], "px": [[100, 90]]}}
    status, result = run(write(tmp_path, good, empty, bad), "--peer", "blazepose")
    assert status == 0
    assert (result["format"], result["version"]) == ("nlf_blender.evaluation", 1)
    assert result["items"]["all"] == 3
    assert result["items"]["evaluated"] == 2
    assert "gone.png" in result["items"]["skipped"][0]["reason"]
    people = result["people"]
    assert (people["expected"], people["found"], people["false"]) == (2, 1, 0)
    assert people["missed_people"] == ["items[1] (empty.png), person 1"]
    means = {name: entry["mean"] for name, entry in result["metrics"].items()}
    assert 20 < means["p_mpjpe"] < 100
    assert means["p_mpjpe"] == means["p_mpjpe_12"] < means["mpjpe"] < 150
    assert means["p_mve"] < means["mve"] < 150
    assert means["pve_t_sc"] < 15
    assert 50 < means["miou"] < 100
    assert 0.1 < means["error_2d"] < 4
    assert set(result["joints"]) == set(LIMB_NAMES)
    assert result["peer"]["people"]["found"] == 1
    assert 20 < result["peer"]["metrics"]["p_mpjpe_12"]["mean"] < 120
    assert result["peer"]["model_on_people_found_by_both"]["p_mpjpe_12"]["people"] == 1
    table = capsys.readouterr().out
    for text in ("P-MPJPE", "left_wrist", "gone.png is gone", "2 expected, 1 found, 1 missed"):
        assert text in table


def test_boxes_given_and_boxes_found(tmp_path: Path, painted: Painted, run: Run) -> None:
    low, high = painted.joint_pixels.min(axis=0) - 30, painted.joint_pixels.max(axis=0) + 30
    box = [*low.tolist(), *(high - low).tolist()]
    folder = write(tmp_path, item(tmp_path, painted, boxes=[box]))
    status, given = run(folder)
    assert (status, given["options"]["boxes"]) == (0, "given")
    status, found = run(folder, "--boxes-from-detector")
    assert (status, found["options"]["boxes"]) == (0, "detector")
    assert given["by_seen"] == []
    for result in (given, found):
        assert result["people"]["found"] == 1
        assert result["metrics"]["p_mpjpe"]["mean"] < 100
        share = result["metrics"]["error_2d"]["mean"]
        assert share < 3


def test_boxes_framed_by_landmarks_alone(
    tmp_path: Path, painted: Painted, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    low, high = painted.joint_pixels.min(axis=0) - 30, painted.joint_pixels.max(axis=0) + 30
    box = [*low.tolist(), *(high - low).tolist()]
    folder = write(tmp_path, item(tmp_path, painted, boxes=[box]))
    chosen: list[int] = []

    def count(people: Any, *_: Any) -> Any:
        chosen.append(len(people))
        return people

    monkeypatch.setattr("nlf_blender.worker.evaluation.found.reframed", count)
    assert run(folder)[1]["options"]["frames"] == "landmarks or first look"
    assert chosen == [1]
    assert run(folder, "--landmark-frames")[1]["options"]["frames"] == "landmarks"
    assert chosen == [1]


def test_people_who_are_nobody_are_false(tmp_path: Path, painted: Painted, run: Run) -> None:
    item(tmp_path, painted)
    folder = write(tmp_path, {"image": "a.png", "boxes": []})
    status, result = run(folder, "--peer", "blazepose")
    assert status == 0
    for people in (result["people"], result["peer"]["people"]):
        assert (people["expected"], people["found"], people["false"]) == (0, 0, 1)


def test_the_exit_status_tells_of_sets_that_are_no_use(
    tmp_path: Path, painted: Painted, run: Run
) -> None:
    bad = {"image": "a.png", "joints3d": {"names": ["nos"], "camera_mm": [[1, 2, 3]]}}
    status, result = run(write(tmp_path, item(tmp_path, painted), bad), "--strict")
    assert (status, result["items"]["evaluated"]) == (1, 1)
    status, result = run(write(tmp_path, bad))
    assert (status, result["items"]["evaluated"]) == (1, 0)
    assert "unknown joint 'nos'" in result["items"]["skipped"][0]["reason"]
    assert result["metrics"] == {}


def test_a_cancelled_run_gives_what_it_has(
    tmp_path: Path, painted: Painted, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path, *[item(tmp_path, painted)] * 3)
    whole, calls = ItemRunner.run, []

    def interrupted(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(ItemRunner, "run", interrupted)
    status, result = run(folder)
    assert status == 130
    assert result["cancelled"]
    assert result["items"]["evaluated"] == 1
    assert result["metrics"]["p_mpjpe"]["people"] == 1


def test_a_json_that_cannot_be_written_is_told_at_once(
    tmp_path: Path, painted: Painted, capsys: Any
) -> None:
    folder = write(tmp_path, item(tmp_path, painted))
    assert main(["evaluate", str(folder), "--json", str(tmp_path / "no" / "f.json")]) == 1
    assert "folder does not exist" in capsys.readouterr().err
    assert main(["evaluate", str(folder), "--json", str(tmp_path)]) == 1
    assert "it is a folder" in capsys.readouterr().err


def test_the_table_is_printed_where_letters_are_missing_and_the_disk_is_full(
    tmp_path: Path, painted: Painted, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    odd = {"image": "写.png", "joints2d": {"names": ["nose"], "px": [[1, 1]]}}
    output, errors = (io.TextIOWrapper(io.BytesIO(), encoding="cp1252") for _ in range(2))
    monkeypatch.setattr("sys.stdout", output)
    monkeypatch.setattr("sys.stderr", errors)
    monkeypatch.setattr("nlf_blender.worker.evaluate_command.write_whole", full)
    folder = write(tmp_path, item(tmp_path, painted), odd)
    words = ["evaluate", str(folder), "--json", str(tmp_path / "f.json"), "--device", "cpu"]
    assert main([*words, "--variations", "1"]) == 1
    for stream, text in ((output, "\\u5199.png is gone"), (errors, "no space left")):
        stream.seek(0)
        assert text in stream.read()


def test_a_dataset_folder_is_a_set(tmp_path: Path, painted: Painted, run: Run, capsys: Any) -> None:
    """What a set.json says and what a dataset says of one person gives the same figures."""
    np.save(tmp_path / "v.npy", painted.vertices * 1000)
    names = {"set": "open24", "names": list(SMPL)}
    joints = {**names, "camera_mm": (painted.joints * 1000).astype(float).tolist()}
    low, high = painted.joint_pixels.min(axis=0), painted.joint_pixels.max(axis=0)
    box = [*low.tolist(), *(high - low).tolist()]
    folder = write(
        tmp_path, item(tmp_path, painted, boxes=[box], vertices="v.npy", joints3d=joints)
    )
    person = PersonTruth(
        box=np.array(box),
        mesh=MeshTruth("open", painted.vertices.astype(np.float64)),
        joints_3d=(Joints3D("open24", painted.joints.astype(np.float64)),),
        visible=np.arange(len(painted.vertices)) % 4 == 0,
    )
    size = painted.image.shape[1], painted.image.shape[0]
    example = Example("one", lambda: painted.image, size, (person,), painted.intrinsics)
    picture = ("png", (tmp_path / "a.png").read_bytes())
    with DatasetWriter(tmp_path / "data", DatasetInfo("painted", split="held-out")) as writer:
        writer.add(example, picture)
    _, by_set = run(folder)
    status, by_dataset = run(tmp_path / "data", "--limit", "1")
    assert status == 0
    assert by_dataset["set"] == "painted (held-out)"
    assert by_dataset["people"]["found"] == 1
    (band,) = by_dataset["by_seen"]
    assert (band["from"], band["to"], band["people"]) == (0.2, 0.3, 1)
    assert "20 to 30 %" in capsys.readouterr().out
    for name, entry in by_set["metrics"].items():
        assert by_dataset["metrics"][name]["mean"] == pytest.approx(entry["mean"], rel=1e-3), name

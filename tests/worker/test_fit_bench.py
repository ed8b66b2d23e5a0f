# SPDX-License-Identifier: GPL-3.0-or-later
"""The fitters' benchmark: fair to both, and what it writes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from benchmarks import fit_bench, report, sampling
from benchmarks.fit_cases import Case
from benchmarks.fit_parts import LEAST, part_times
from benchmarks.timing import WARM_UPS, Pace, take_turns
from smplfitter.pt import BodyModel as PeerModel

import build

ONCE = Pace(least_rounds=1, most_rounds=1)
SUBSET = Case("1024 vertices, joints, clean", subset=True)


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    """Measuring needs none."""
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def fitters(tmp_path_factory: pytest.TempPathFactory) -> fit_bench.Fitters:
    """Both fitters."""
    return fit_bench.Fitters(tmp_path_factory.mktemp("peer"))


@pytest.fixture(scope="module")
def people(fitters: fit_bench.Fitters) -> sampling.People:
    """Eight people."""
    return sampling.draw_people(fitters.model, 8, 3)


def test_joints_turn_by_30_degrees_and_the_body_any_way(fitters: fit_bench.Fitters) -> None:
    people = sampling.draw_people(fitters.model, 200, 1)
    angles = torch.rad2deg(people.truth.pose.norm(dim=-1))
    assert angles[:, 1:].mean() == pytest.approx(30, abs=0.7)
    # Of a uniform rotation: pi/2 + 2/pi.
    assert angles[:, 0].mean() == pytest.approx(math.degrees(math.pi / 2 + 2 / math.pi), abs=8)
    again = sampling.draw_people(fitters.model, 200, 1)
    assert torch.equal(people.vertices, again.vertices)


def test_noise_is_as_told(people: sampling.People) -> None:
    seen = sampling.see(people, vertex_noise=(0.005, 0.04), joint_noise=(0.01, 0.01))
    assert seen.vertex_sigmas is not None and seen.joint_sigmas is not None
    assert seen.vertex_sigmas.min() >= 0.005 and seen.vertex_sigmas.max() <= 0.04
    normal = (seen.vertices - people.vertices) / seen.vertex_sigmas[..., None]
    assert normal.std() == pytest.approx(1, abs=0.01)
    assert torch.equal(seen.joint_sigmas, torch.full_like(seen.joint_sigmas, 0.01))
    alike = sampling.see(people, vertex_noise=(0.01, 0.01), joint_noise=(0.01, 0.01))
    assert alike.vertex_sigmas is None and alike.joint_sigmas is None
    assert (alike.vertices - people.vertices).std() == pytest.approx(0.01, abs=1e-4)


def test_errors_are_those_of_a_known_mistake(
    fitters: fit_bench.Fitters, people: sampling.People
) -> None:
    pose, betas, translation = people.truth
    none = sampling.errors_of(fitters.model, people, people.truth)
    assert max(none) < 1e-4
    moved = sampling.Solution(pose, betas, translation + torch.tensor([0.0, 0.003, 0.004]))
    errors = sampling.errors_of(fitters.model, people, moved)
    assert errors == pytest.approx((5.0, 5.0, 0.0), abs=1e-3)
    toes_and_elbow = pose.clone()
    toes_and_elbow[:, sampling.TOES] = 0
    elbow = pose[:, 18].norm(dim=-1, keepdim=True)
    toes_and_elbow[:, 18] *= 1 + math.radians(2.2) / elbow  # 2.2 degrees further
    wrong = sampling.errors_of(fitters.model, people, moved._replace(pose=toes_and_elbow))
    assert wrong.rotation_deg == pytest.approx(2.2 / 22, abs=1e-3)


def test_the_peer_fits_the_same_body(fitters: fit_bench.Fitters, people: sampling.People) -> None:
    model = PeerModel("smpl", "neutral", model_root=str(fitters.folder), num_betas=sampling.BETAS)
    pose, betas, translation = people.truth
    posed = model(pose_rotvecs=pose.flatten(1), shape_betas=betas, trans=translation)
    torch.testing.assert_close(posed["vertices"], people.vertices, atol=1e-5, rtol=0)
    torch.testing.assert_close(posed["joints"], people.joints, atol=1e-5, rtol=0)


def test_the_peers_regressor_finds_joints(
    fitters: fit_bench.Fitters, people: sampling.People
) -> None:
    regressor = fitters.learnt_regressor
    torch.testing.assert_close(regressor.sum(1), torch.ones(24, dtype=torch.float64))
    vertices = people.vertices[:, fitters.model.spread_vertices].double()
    assert (regressor @ vertices - people.joints).norm(dim=-1).mean() < 0.005


def test_the_peer_does_as_well_as_it_is_known_to(
    fitters: fit_bench.Fitters, people: sampling.People
) -> None:
    """Or else it would be us who set it badly."""
    row = fit_bench.compare(fitters, SUBSET, people.first(4), 4, ONCE)
    assert row["peer"]["vertex_mm"] < 12 and row["peer"]["rotation_deg"] < 5
    without = Case("no joints", subset=True, joints=False)
    row = fit_bench.compare(fitters, without, people.first(4), 4, ONCE)
    assert row["peer"]["vertex_mm"] < 12 and row["peer"]["rotation_deg"] < 5


def test_ours_is_the_more_accurate(fitters: fit_bench.Fitters, people: sampling.People) -> None:
    row = fit_bench.compare(fitters, SUBSET, people, 8, ONCE)
    for error in ("vertex_mm", "joint_mm", "rotation_deg"):
        assert row["ours"][error] < row["peer"][error]


def test_runs_take_turns_after_a_warm_up() -> None:
    calls: list[str] = []

    def fitter(name: str) -> Callable[[str], str]:
        def call(batch: str) -> str:
            calls.append(f"{name} {batch}")
            return f"{name} of {batch}"

        return call

    pace = Pace(least_rounds=3, most_rounds=9, seconds=0)
    times, ours, theirs = take_turns(fitter("ours"), fitter("peer"), ["ab", "c"], "cpu", pace)
    turns = ["ab"] * WARM_UPS + ["ab", "c", "ab"]
    assert calls == [f"{who} {batch}" for batch in turns for who in ("ours", "peer")]
    assert ours == ["ours of ab", "ours of c"] and theirs == ["peer of ab", "peer of c"]
    assert min(times) > 0


def test_batches_are_of_the_same_people(
    fitters: fit_bench.Fitters, people: sampling.People
) -> None:
    whole = fit_bench.compare(fitters, SUBSET, people, 8, ONCE)
    parts = fit_bench.compare(fitters, SUBSET, people, 3, ONCE)
    assert parts["peer"]["vertex_mm"] == pytest.approx(whole["peer"]["vertex_mm"], rel=1e-3)


def test_rows_and_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fit_bench, "ACCURACY", (SUBSET,))
    monkeypatch.setattr(fit_bench, "TIMED", (SUBSET,))
    monkeypatch.setattr(fit_bench, "QUICK_BATCHES", (1, 2))
    monkeypatch.setattr(fit_bench, "QUICK_PACE", ONCE)
    files = ["--json", str(tmp_path / "rows.json"), "--markdown", str(tmp_path / "table.md")]
    threads = torch.get_num_threads()
    fit_bench.main(["--quick", "--bodies", "4", "--threads", str(threads), *files])
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    cpu = [row for row in rows if row["device"] == "cpu"]
    assert [row["batch"] for row in cpu] == [4, 1, 2]
    assert cpu[2]["case"] == f"{SUBSET.name}, batch 2, cpu"
    for row in rows:
        assert row["threads"] == threads and row["ratio"] > 0
        for side in (row["ours"], row["peer"]):
            assert set(side) == {"vertex_mm", "joint_mm", "rotation_deg", "ms"}
            assert all(value > 0 for value in side.values())
    printed = capsys.readouterr().out
    assert (tmp_path / "table.md").read_text(encoding="utf-8") == printed
    assert "smplfitter 0.6.0" in printed and str(tmp_path) not in printed


def test_the_least_fit_is_made_of_its_parts(
    fitters: fit_bench.Fitters, people: sampling.People
) -> None:
    times = part_times(fitters.model, people)
    least = times.pop("least fit")
    assert set(times) == set(LEAST) and min(times.values()) > 0
    assert least == pytest.approx(sum(times[name] * count for name, count in LEAST.items()))
    assert times["look, few points"] < times["look, all points"]
    assert "least fit" in fit_bench.parts_table(times | {"least fit": least})


def test_a_table_is_aligned() -> None:
    lines = report.table(["a", "mm"], [["first", report.number(12.34)], ["b", "0.5"]]).splitlines()
    assert lines[1] == "| ----- | ---: |"
    assert lines[2] == "| first | 12.3 |" and lines[3] == "| b     |  0.5 |"
    numbers = [report.number(value) for value in (0.0, 0.00123, 0.123, 4.567, 123.45)]
    assert numbers == ["0.0", "0.0012", "0.12", "4.57", "123.5"]


def test_the_command_passes_options_on() -> None:
    options = build.parse(["bench", "fit", "--json", "rows.json", "--quick"])
    assert options.name == "fit" and options.arguments == ["--json", "rows.json", "--quick"]
    assert build.parse(["bench"]).name is None
    with pytest.raises(SystemExit):
        build.parse(["bench", "nothing"])
    assert all(
        (build.ROOT / "tests" / f"{module.replace('.', '/')}.py").is_file()
        for module in build.BENCHMARKS.values()
    )

# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark of the clean-up measures what it says."""

from __future__ import annotations

from pathlib import Path

from benchmarks import solve_bench

from nlf_blender.protocol.motion_files import read_motion
from nlf_blender.protocol.solution import read_solution
from nlf_blender.protocol.take import read_info


def test_a_long_take_goes_on_and_is_timed(tmp_path: Path) -> None:
    take = tmp_path / "70.take"
    solve_bench.long_take(take, 70)
    assert [chunk.frames for chunk in read_info(take).chunks] == [60, 10]
    rows = solve_bench.solve_times(take, 1)
    assert {row["what"] for row in rows} == {
        "first solve", "motion", "motion, before the mesh", "motion and mesh",
        "motion, mesh and 50 markers", "numpy, same bytes",
    }  # fmt: skip
    assert all(row["seconds"] > 0 and row["frames"] == 70 for row in rows)
    seconds = {row["what"]: row["seconds"] for row in rows}
    assert seconds["motion, before the mesh"] < seconds["motion and mesh"]
    person = read_solution(take).people[0]
    assert [files.slug for files in person.sets] == ["markers"]
    assert person.sightings == 70
    motion = read_motion(take / "solution" / person.file)
    assert motion["evidence"].all() and len(motion["frame"]) == 70
    assert "numpy, same bytes" in solve_bench.table(rows)

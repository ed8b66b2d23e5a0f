# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of point sets: what was written is read, and what cannot be used is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlf_blender.errors import UserError
from nlf_blender.protocol.point_set import (
    MESH,
    VERSION,
    PointSet,
    Polygons,
    read_point_set,
    write_point_set,
)

SUIT = PointSet(
    "Suit",
    MESH,
    "open",
    np.arange(12.0).reshape(4, 3),
    force=True,
    polygons=Polygons(np.array([4, 3]), np.array([0, 1, 2, 3, 0, 2, 1])),
)
Change = Callable[[dict[str, Any]], object]


def changed(path: Path, change: Change) -> Path:
    """The suit's file with other arrays."""
    write_point_set(path, SUIT)
    with np.load(path) as file:
        arrays = dict(file)
    change(arrays)
    np.savez(path, **arrays)
    return path


def test_a_mesh_is_kept_with_its_faces(tmp_path: Path) -> None:
    write_point_set(tmp_path / "suit.npz", SUIT)
    found = read_point_set(tmp_path / "suit.npz")
    assert (found.name, found.kind, found.body, found.force) == ("Suit", MESH, "open", True)
    np.testing.assert_array_equal(found.points, SUIT.points)
    assert found.polygons is not None and SUIT.polygons is not None
    np.testing.assert_array_equal(found.polygons.sizes, SUIT.polygons.sizes)
    np.testing.assert_array_equal(found.polygons.corners, SUIT.polygons.corners)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.update(format=np.array("another")),
        lambda arrays: arrays.update(body=np.array("dog")),
        lambda arrays: arrays.update(kind=np.array("lines")),
        lambda arrays: arrays["points"].__setitem__((1, 2), np.nan),
        lambda arrays: arrays.update(points=np.zeros((4, 2))),
        lambda arrays: arrays.update(points=np.zeros((0, 3))),
        lambda arrays: arrays["corners"].__setitem__(0, 4),
        lambda arrays: arrays["polygon_sizes"].__setitem__(0, 5),
        lambda arrays: arrays.pop("points"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, change: Change) -> None:
    path = changed(tmp_path / "suit.npz", change)
    with pytest.raises(UserError, match="Not a point set") as told:
        read_point_set(path)
    assert str(path) in told.value.detail and told.value.fix


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    newer = np.array(VERSION + 1)
    path = changed(tmp_path / "suit.npz", lambda arrays: arrays.update(version=newer))
    with pytest.raises(UserError, match="newer version"):
        read_point_set(path)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Body files with random damage are bodies, or refused with the file's name; nothing else."""

from __future__ import annotations

import io
import pickle
import random
import warnings
from pathlib import Path

import numpy as np
import pytest
from body_examples import family_arrays
from python2_pickles import python2_pickle
from scipy import sparse

from nlf_blender.body.body_data import BodyData
from nlf_blender.errors import UserError
from nlf_blender.worker.smpl.body_files import load_body

# Near these bytes a file says what it holds; the rest is numbers.
MARKS = (b"numpy", b"NUMPY", b"PK", b"shape", b"scipy", b"chumpy", b"indptr")
MARK_REACH = 120
# Pickles' operations, and numbers that are too large.
INSERTS = (b"(", b"}", b"R", b"b", b"t", b".", b"0", b"2", b"q\x01", b"h\x02", b"\x81", b"N")
INSERTS += (b"I9999999999\n", b"\xff\xff\xff\x7f")


def whole_file(kind: str) -> bytes:
    """A small file without damage."""
    if kind.startswith("python 2"):
        return python2_pickle(int(kind[-1]))
    arrays = family_arrays("smpl", 4, vertices=20)
    arrays["f"] = arrays["f"][:10]
    if kind == "npz":
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        return file.getvalue()
    arrays["J_regressor"] = sparse.csc_matrix(arrays["J_regressor"])
    return pickle.dumps(arrays, int(kind[-1]))


def damaged(rng: random.Random, data: bytes) -> bytes:
    """The bytes with 1 to 6 of them, or of their groups, changed, doubled, left out or cut off."""
    result = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(result))
        near = [place for mark in MARKS if (place := result.find(mark, at)) >= 0]
        if near and rng.random() < 0.7:
            at = min(rng.choice(near) + rng.randrange(MARK_REACH), len(result) - 1)
        change = rng.randrange(5)
        if change == 0:
            result[at] ^= 1 << rng.randrange(8)
        elif change == 1:
            del result[at : at + rng.choice((1, 4, 50))]
        elif change == 2:
            result[at : at + 1] = rng.choice(INSERTS)
        elif change == 3:
            other, length = rng.randrange(len(result)), rng.choice((1, 8, 60))
            result[at : at + length] = result[other : other + length]
        elif rng.random() < 0.2:
            del result[at + 1 :]
        result = result or bytearray(b"x")
    return bytes(result)


@pytest.mark.parametrize("kind", ["npz", "pkl 0", "pkl 2", "pkl 5", "python 2, 0", "python 2, 2"])
def test_damaged_files_are_bodies_or_refused(tmp_path: Path, kind: str) -> None:
    rng = random.Random(kind)
    data = whole_file(kind)
    path = tmp_path / "body"
    refused = 0
    for _ in range(80):
        path.write_bytes(damaged(rng, data))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # numpy's, of headers that it can still read
                assert isinstance(load_body(path), BodyData)
        except UserError as error:
            refused += 1
            assert str(path) in error.detail and error.fix
    assert refused > 20

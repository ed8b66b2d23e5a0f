# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays come out of pickles as they went in; anything else is refused before it runs."""

from __future__ import annotations

import contextlib
import pickle
import tracemalloc
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from fake_chumpy import Ch, Select, as_chumpy
from python2_pickles import ARRAYS, J_REGRESSOR, python2_pickle
from scipy import sparse

from nlf_blender.errors import UserError
from nlf_blender.worker.smpl.pickle_stand_ins import DtypeState
from nlf_blender.worker.smpl.safe_pickle import load_arrays

MATRIX = np.array([[0.0, 0.25, 0.75], [1.0, 0.0, 0.0]])


def write(path: Path, content: object, protocol: int = 2) -> Path:
    """The content as a pickle."""
    path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", ["csr_matrix", "csc_matrix", "coo_matrix", "csr_array"])
def test_arrays_come_out_as_they_went_in(tmp_path: Path, protocol: int, kind: str) -> None:
    content = {
        "mtx": getattr(sparse, kind)(MATRIX),
        "array": np.arange(6, dtype=np.int32).reshape(2, 3),
        "number": np.float64(0.5),
        "nothing": np.zeros((0, 3)),
        "text": "arm",
    }
    found = load_arrays(write(tmp_path / "file.pkl", content, protocol))
    np.testing.assert_array_equal(found["mtx"].toarray(), MATRIX)
    np.testing.assert_array_equal(found["array"], content["array"])
    assert found["nothing"].shape == (0, 3)
    assert found["number"] == 0.5 and found["text"] == "arm"


@pytest.mark.parametrize("protocol", [0, 2])
def test_pickles_of_python_2_and_chumpy(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "old.pkl"
    path.write_bytes(python2_pickle(protocol))
    found = load_arrays(path, {*ARRAYS, "J_regressor", "bs_style"})
    for key, array in ARRAYS.items():
        np.testing.assert_array_equal(found[key], array)
        assert found[key].dtype == array.dtype
    np.testing.assert_array_equal(found["J_regressor"].toarray(), J_REGRESSOR)
    assert found["bs_style"] == "lbs"


def test_a_formula_that_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "old.pkl"
    path.write_bytes(python2_pickle(0))
    with pytest.raises(UserError, match="J is transpose, which has to be computed") as caught:
        load_arrays(path)
    assert caught.value.title == "Pickle of formulas" and "old.pkl" in caught.value.detail


class Attack:
    """Would leave a file behind when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_other_classes_are_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "was-run"
    path = write(tmp_path / "evil.pkl", {"mtx": Attack(target)}, protocol)
    with pytest.raises(UserError, match="refused"):
        load_arrays(path)
    assert not target.exists()
    pickle.loads(path.read_bytes())  # noqa: S301 - the attack would have worked
    assert target.exists()


@pytest.mark.parametrize(
    "content", [{"mtx": OrderedDict()}, {"mtx": eval}, {"mtx": np.load}, {"mtx": sparse.load_npz}]
)
def test_what_is_no_array_is_refused(tmp_path: Path, content: dict) -> None:
    with pytest.raises(UserError, match="refused"):
        load_arrays(write(tmp_path / "file.pkl", content))


@pytest.mark.parametrize(
    "bytes_",
    [
        b"c_codecs\nencode\n(Vabc\nVrot13\ntR.",
        b"ccopyreg\n_reconstructor\n(cnumpy\nndarray\nc__builtin__\nobject\nNtR.",
        b"cnumpy.core\nmultiarray.os.system\n.",
        b"cchumpy.ch\nos.system\n.",
        b"cchumpy.ch.os\nsystem\n.",
        b"cscipy.sparse._matrix_io\nload_npz\n.",
    ],
)
def test_admitted_names_do_nothing_else(tmp_path: Path, bytes_: bytes) -> None:
    path = tmp_path / "file.pkl"
    path.write_bytes(bytes_)
    with pytest.raises(UserError, match="refused"):
        load_arrays(path)


def test_damaged_files(tmp_path: Path) -> None:
    good = write(tmp_path / "good.pkl", {"mtx": sparse.csr_matrix(MATRIX)}).read_bytes()
    for name, content in {
        "cut": good[:60],
        "text": b"not a pickle",
        "empty": b"",
        "list": pickle.dumps([1]),
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UserError, match="Not a pickle of arrays"):
            load_arrays(path)
    with pytest.raises(UserError, match="not readable"):
        load_arrays(tmp_path / "none.pkl")


def test_a_sparse_matrix_that_points_outside_is_refused(tmp_path: Path) -> None:
    matrix = sparse.csr_matrix(MATRIX)
    matrix.indices[0] = 10**6
    with pytest.raises(UserError, match="Not a pickle of arrays"):
        load_arrays(write(tmp_path / "file.pkl", {"mtx": matrix}))


def test_starts_of_lines_whose_differences_overflow(tmp_path: Path) -> None:
    matrix = sparse.csc_matrix(np.ones((2, 4)))
    matrix.indptr[1:3] = 1879850804, -984843509  # their 32-bit difference is positive
    with pytest.raises(UserError, match="without the starts"):
        load_arrays(write(tmp_path / "file.pkl", {"mtx": matrix}))
    matrix.indptr[1:3] = 4, 2
    with pytest.raises(UserError, match="not one after the other"):
        load_arrays(write(tmp_path / "file.pkl", {"mtx": matrix}))


@pytest.mark.parametrize("protocol", [0, 1, 2, 5])
def test_chumpys_arrays_without_chumpy(tmp_path: Path, protocol: int) -> None:
    every = np.arange(24.0).reshape(2, 3, 4)
    few = np.flatnonzero(np.arange(24) % 4 < 2)
    with as_chumpy():
        chosen = Select(Ch(every), few, (2, 3, 2))
        path = write(tmp_path / "file.pkl", {"all": Ch(every), "few": chosen}, protocol)
    found = load_arrays(path)
    np.testing.assert_array_equal(found["all"], every)
    np.testing.assert_array_equal(found["few"], every[..., :2])


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"a": np.arange(3.0), "idxs": np.array([5])}, "out of bounds"),
        ({"a": np.arange(3.0), "idxs": np.array([0.5])}, "whole numbers"),
        ({"a": np.arange(3.0)}, "without idxs"),
        ({"a": [[1.0]], "idxs": np.array([0])}, "without a"),
        ({"a": np.array([None]), "idxs": np.array([0])}, "without a"),
    ],
)
def test_a_faulty_selection(tmp_path: Path, state: dict, said: str) -> None:
    with as_chumpy():
        chosen = Select.__new__(Select)
        chosen.__dict__.update(state)
        path = write(tmp_path / "file.pkl", {"few": chosen})
    with pytest.raises(UserError, match=said):
        load_arrays(path)


def test_what_is_no_array_is_left_out(tmp_path: Path) -> None:
    content = {"f": np.eye(2), "names": {"a": 1}, "objects": np.array([{}, None]), "list": [1]}
    assert set(load_arrays(write(tmp_path / "file.pkl", content))) == {"f"}


def shared_bytes(copies: int) -> bytes:
    """A pickle whose arrays all refer to the same bytes of the file."""
    size = 1 << 16
    dtype = b"cnumpy\ndtype\n(S'u1'\ntR"
    content = b"\x80\x02(S'raw'\n" + b"T" + size.to_bytes(4, "little") + bytes(size) + b"q\x01"
    for number in range(copies):
        content += b"S'%d'\n" % number
        content += b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
        content += b"(I1\n(I%d\nt" % size + dtype + b"I00\nh\x01tb"
    return content + b"d."


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02}r\xff\xff\xff\x7f.",  # an entry number of 2^31 - 1
        b"\x80\x02cnumpy\nndarray\n(I1000000000000\ntR.",
        b"\x80\x05\x96" + (1 << 62).to_bytes(8, "little") + b"short",
        b"\x80\x04\x8e" + (1 << 62).to_bytes(8, "little") + b"short",
        shared_bytes(3),
        b"\x80\x02(S'a'\ncscipy.sparse.csc\ncsc_matrix\n)\x81}S'_shape'\n(I900000000000\nI1\ntsbd.",
    ],
)
def test_small_files_do_not_take_much_memory(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bomb.pkl"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with contextlib.suppress(UserError):
            assert load_arrays(path) == {}
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()


# A tuple that holds the one before it twice, which does so too, and so on: tuple number 60.
DOUBLED = b"(I1\np0\n" + b"".join(b"(g%d\ng%d\ntp%d\n" % (n, n, n + 1) for n in range(60))


@pytest.mark.parametrize(
    "content",
    [DOUBLED + b"I1\nd.", DOUBLED + b"(dg60\nI1\ns.", b"\x80\x04" + DOUBLED + b"\x8f(g60\n\x90."],
)
def test_keys_that_take_years_to_look_up(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.pkl"
    path.write_bytes(content)
    with pytest.raises(UserError, match="other than texts and numbers"):
        load_arrays(path)


def test_selections_that_share_their_parts_are_made_once(tmp_path: Path) -> None:
    with as_chumpy():
        chosen = np.zeros(0, dtype=np.int64)
        for _ in range(60):
            chosen = Select(chosen, chosen, (0,))
        path = write(tmp_path / "file.pkl", {"few": chosen})
    assert load_arrays(path)["few"].shape == (0,)


def test_arrays_larger_than_their_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.pkl"
    path.write_bytes(shared_bytes(1))
    assert load_arrays(path)["0"].nbytes == 1 << 16
    path.write_bytes(shared_bytes(2))
    with pytest.raises(UserError, match="larger than the file"):
        load_arrays(path)


def test_a_pickle_cannot_change_the_reader(tmp_path: Path) -> None:
    before = DtypeState.__init__.__defaults__
    targets = [b"cnumpy\ndtype\n", b"c_codecs\nencode\n", b"cnumpy\nndarray\n"]
    for target in targets:
        path = tmp_path / "file.pkl"
        path.write_bytes(b"\x80\x02" + target + b"N}S'__defaults__'\n(I1\nts\x86b.")
        with pytest.raises(UserError):
            load_arrays(path)
    assert DtypeState.__init__.__defaults__ == before and not hasattr(DtypeState, "__defaults__")

# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in, while a pickle is read, for the objects that it names.

Each keeps the state that the pickle gives it and builds its array anew, with every size checked:
numpy's and scipy's own classes would take memory, or point outside it, as the state says. chumpy's
are in chumpy_stand_ins.py.
"""

from __future__ import annotations

import math
import re
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy import sparse

PLAIN_KINDS = "biufcSU"  # numpy's codes of numbers and texts: no objects, no records
# numpy would also take lists of types, which it evaluates.
TYPE_CODE = re.compile(r"[<>|=]?[A-Za-z?][0-9]{0,9}")
MOST_SIDE = 10_000_000  # rows or columns of a sparse matrix; a mesh has some 10,000 vertices
NOTHING: MappingProxyType[str, Any] = MappingProxyType({})


class Budget:
    """How many bytes of arrays a pickle may still make."""

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, size: int) -> None:
        """Spend this many bytes. ValueError if they are not left."""
        self.left -= size
        if self.left < 0:
            raise ValueError("its arrays are larger than the file that is said to hold them")


class ArrayKind:
    """Stands in for the class numpy.ndarray, and matrix, which pickles name but need not call."""

    def __setstate__(self, state: object) -> None:
        raise ValueError("an array that numpy did not write")


class DtypeState:
    """Stands in for numpy.dtype: numbers and texts of a size and byte order."""

    def __init__(self, code: str, *_: object) -> None:
        if not isinstance(code, str) or not TYPE_CODE.fullmatch(code):
            raise ValueError("an array of a type that has no code")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order, parts = state[1], state[2:5]
        if any(part is not None for part in parts):
            self.dtype = np.dtype(object)  # records, which no body needs
        elif order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)

    @property
    def plain(self) -> bool:
        """Whether it is of numbers or texts."""
        return self.dtype.kind in PLAIN_KINDS


def plain_array(
    raw: object, dtype: object, shape: object, order: str, budget: Budget
) -> np.ndarray | None:
    """An array out of its bytes, None if it holds objects; ValueError if the sizes disagree."""
    if not isinstance(dtype, DtypeState) or not isinstance(shape, tuple):
        raise ValueError("an array without type or shape")
    if not dtype.plain:
        return None
    data = raw.encode("latin1") if isinstance(raw, str) else raw  # a str of Python 2 is bytes
    if not isinstance(data, (bytes, bytearray)):
        raise ValueError("an array without bytes")
    if math.prod(shape) * dtype.dtype.itemsize != len(data) or any(size < 0 for size in shape):
        raise ValueError(f"an array of shape {shape} has {len(data)} bytes")
    budget.take(len(data))
    return np.frombuffer(bytearray(data), dtype.dtype).reshape(shape, order=order)


class ArrayState:
    """Stands in for an array: `array` is None until its state is known, and if it is of objects."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.array: np.ndarray | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        shape, dtype, is_fortran, raw = state[-4:]  # the first releases wrote no version
        self.array = plain_array(raw, dtype, shape, "F" if is_fortran else "C", self.budget)


class KeptSet:
    """Stands in for a set, as of attributes' names in chumpy's arrays, which nobody reads."""

    def __init__(self, *_: object) -> None:
        pass


class KeptState:
    """Stands in for an object that is restored by its attributes, whatever they are called."""

    state: Any = NOTHING
    result: Any = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, dict):
            raise ValueError("an object without attributes")
        self.state = state

    def value(self, budget: Budget) -> Any:
        """What it stands for, made once however often it is asked for: a few objects that share
        each other would else make millions. ValueError if its state does not make one."""
        if self.result is None:
            self.result = self.build(budget)
        return self.result

    def build(self, budget: Budget) -> Any:
        """What it stands for, made anew."""
        raise NotImplementedError


class NeedsComputing(ValueError):
    """The pickle holds what its values are computed from, not the values."""


class OtherObject(KeptState):
    """Stands in for chumpy's and scipy.sparse's other classes. SMPL's first files hold some, in
    entries that nobody reads."""

    def build(self, budget: Budget) -> Any:
        raise NeedsComputing(f"{type(self).__name__}, which has to be computed")


def other_object(name: str) -> type[OtherObject]:
    """A stand-in for the class of this name, to which pickles can do nothing but keep its state."""
    return type(name, (OtherObject,), {})


class SparseState(KeptState):
    """Stands in for a sparse matrix. They are built anew, not restored attribute by attribute,
    which could make them point outside their memory. Nor do scipy's own checks of compressed ones
    do: differences between their 32-bit numbers overflow."""

    format = ""

    def build(self, budget: Budget) -> sparse.csr_matrix:
        names = ("row", "col") if self.format == "coo" else ("indices", "indptr")
        state = dict(self.state)
        if "coords" in state:  # scipy 1.13 and later
            state["row"], state["col"] = state["coords"]
        shape = state.get("_shape", state.get("shape"))
        arrays = [built(state.get(name), budget) for name in ("data", *names)]
        for name, array, kinds in zip(("data", *names), arrays, ("biuf", "iu", "iu"), strict=True):
            if (
                not isinstance(array, np.ndarray)
                or array.ndim != 1
                or array.dtype.kind not in kinds
            ):
                raise ValueError(f"a sparse matrix lacks {name}")
        if not isinstance(shape, tuple) or len(shape) != 2:
            raise ValueError("a sparse matrix lacks its shape")
        sides = tuple(int(side) for side in shape)
        if not all(0 <= side <= MOST_SIDE for side in sides):
            raise ValueError(f"a sparse matrix of shape {shape}")
        budget.take(sum(array.size * 8 for array in arrays))
        data, first, second = arrays[0].astype(float), *(a.astype(np.int64) for a in arrays[1:])
        if self.format != "coo":
            lines = _line_of_entries(second, sides[self.format == "csc"], len(data))
            data, cross = data[: len(lines)], first[: len(lines)]
            first, second = (lines, cross) if self.format == "csr" else (cross, lines)
        return sparse.coo_matrix((data, (first, second)), shape=sides).tocsr()


def _line_of_entries(starts: np.ndarray, lines: int, most: int) -> np.ndarray:
    """The row or column of each entry, at most so many, out of where each of the lines starts, and
    the last ends."""
    if len(starts) != lines + 1 or starts[0] != 0 or starts.min() < 0 or starts.max() > most:
        raise ValueError("a sparse matrix without the starts of its lines")
    sizes = np.diff(starts)
    if (sizes < 0).any():
        raise ValueError("a sparse matrix whose lines are not one after the other")
    return np.repeat(np.arange(lines), sizes)


class CsrState(SparseState):
    """Compressed rows."""

    format = "csr"


class CscState(SparseState):
    """Compressed columns."""

    format = "csc"


class CooState(SparseState):
    """A list of entries."""

    format = "coo"


def built(value: object, budget: Budget) -> Any:
    """What a stand-in stands for; other values as they are."""
    if isinstance(value, ArrayState):
        return value.array
    return value.value(budget) if isinstance(value, KeptState) else value

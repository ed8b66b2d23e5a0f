# SPDX-License-Identifier: GPL-3.0-or-later
"""Pickles of arrays, read without running what they might say.

A pickle is a program that names the functions it calls. This reader knows a handful of names, of
numpy's arrays, scipy's sparse matrices and chumpy's arrays, under the module paths that old and new
releases wrote, and refuses every other. Those names lead to stand-ins, not to the libraries.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Container
from pathlib import Path

# The one written in Python: the other takes as much memory as the largest number of an entry that
# the pickle cares to use, and files of a few large arrays are read as quickly.
from pickle import (
    ADDITEMS,
    BYTEARRAY8,
    DICT,
    FROZENSET,
    SETITEM,
    SETITEMS,
    STOP,
    UnpicklingError,
    _Unpickler,
)
from typing import IO, Any

import numpy as np
from scipy import sparse

from ...errors import UserError
from .pickle_names import BUILTINS, KEPT, NUMPY_CORES, OTHERS
from .pickle_stand_ins import (
    ArrayKind,
    ArrayState,
    Budget,
    KeptState,
    NeedsComputing,
    built,
    other_object,
    plain_array,
)

# Selections and conversions of arrays may take this many times the file's size in all.
MOST_DERIVED = 16
# Tuples of tuples can be made so that it takes years to look one up in a dictionary.
MOST_KEY_PARTS, MOST_KEY_DEPTH = 16, 3
# What unpickling raises on bytes that are cut off or no pickle at all, and numpy on bad arrays.
DAMAGED = (
    UnpicklingError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    EOFError,
    MemoryError,
    RecursionError,
    OverflowError,
    struct.error,
)
Value = np.ndarray | sparse.csr_matrix | str | bytes | int | float


class RefusedName(UnpicklingError):
    """The pickle names something that is no part of an array."""


def _is_key(value: object, depth: int = MOST_KEY_DEPTH) -> bool:
    if isinstance(value, tuple):
        parts = len(value) <= MOST_KEY_PARTS and depth > 0
        return parts and all(_is_key(part, depth - 1) for part in value)
    return value is None or isinstance(value, (str, bytes, int, float, np.generic, KeptState))


def _with_keys(load: Callable[[Any], None], keys: slice) -> Callable[[Any], None]:
    """An operation of the unpickler that looks these entries of its stack up."""

    def checked(unpickler: Any) -> None:
        if not all(map(_is_key, unpickler.stack[keys])):
            raise UnpicklingError("a dictionary or set of other than texts and numbers")
        load(unpickler)

    return checked


class ArrayUnpickler(_Unpickler):
    """Admits arrays, sparse matrices, and what pickles write without naming it.

    Functions are methods of this object, so that a pickle cannot set their attributes.
    """

    dispatch = {  # noqa: RUF012 - as in the class above it
        **_Unpickler.dispatch,
        SETITEM[0]: _with_keys(_Unpickler.load_setitem, slice(-2, -1)),
        SETITEMS[0]: _with_keys(_Unpickler.load_setitems, slice(0, None, 2)),
        DICT[0]: _with_keys(_Unpickler.load_dict, slice(0, None, 2)),
        ADDITEMS[0]: _with_keys(_Unpickler.load_additems, slice(None)),
        FROZENSET[0]: _with_keys(_Unpickler.load_frozenset, slice(None)),
        BYTEARRAY8[0]: lambda unpickler: unpickler.load_changeable_bytes(),
    }

    def __init__(self, file: IO[bytes], size: int) -> None:
        """A pickle of this many bytes, written by Python 2 or 3."""
        super().__init__(file, encoding="latin1")
        self.budget = Budget(size)
        self.functions = {
            ("_codecs", "encode"): self._latin1_bytes,
            **{(module, "bytes"): self._no_bytes for module in BUILTINS},
            ("copy_reg", "_reconstructor"): self._new_object,
            ("copyreg", "_reconstructor"): self._new_object,
            **{(f"{core}.multiarray", "_reconstruct"): self._empty for core in NUMPY_CORES},
            **{(f"{core}.multiarray", "scalar"): self._scalar for core in NUMPY_CORES},
            **{(f"{core}.numeric", "_frombuffer"): self._from_buffer for core in NUMPY_CORES},
        }

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for the class or function of this name. RefusedName if there is none."""
        known = KEPT.get((module, name)) or self.functions.get((module, name))
        if known is not None:
            return known
        if OTHERS.fullmatch(f"{module}:{name}"):
            return other_object(name)
        raise RefusedName(f"{module}.{name}")

    def load_changeable_bytes(self) -> None:
        """An operation of protocol 5; pickle's own takes the memory before it reads."""
        (size,) = struct.unpack("<Q", self.read(8))
        if size > self.budget.left:
            raise UnpicklingError("it is cut off")
        self.append(bytearray(self.read(size)))

    def _latin1_bytes(self, text: str, encoding: str) -> bytes:
        """How Python 3 writes bytes in protocol 2: `_codecs.encode(text, 'latin1')`."""
        if encoding != "latin1":
            raise RefusedName(f"encoding {encoding}")
        return text.encode("latin1")

    def _no_bytes(self) -> bytes:
        """How Python 3 writes no bytes in protocol 2, as of an empty array: `bytes()`."""
        return b""

    def _new_object(self, kind: type, base: type, _: object) -> KeptState:
        """How protocols 0 and 1 make an object: `copyreg._reconstructor(class, object, None)`."""
        if not (isinstance(kind, type) and issubclass(kind, KeptState) and base is object):
            raise RefusedName("an object that is no array")
        return kind()

    def _empty(self, kind: type, *_: object) -> ArrayState:
        """How an array begins, whose state comes later."""
        if kind is not ArrayKind:
            raise RefusedName("an object that is no array")
        return ArrayState(self.budget)

    def _from_buffer(self, raw: object, dtype: object, shape: object, order: str) -> ArrayState:
        """How protocol 5 writes an array."""
        found = ArrayState(self.budget)
        found.array = plain_array(raw, dtype, shape, "F" if order == "F" else "C", self.budget)
        return found

    def _scalar(self, dtype: object, raw: object) -> Any:
        """How one number is written."""
        array = plain_array(raw, dtype, (), "C", self.budget)
        if array is None:
            raise ValueError("a number that is an object")
        return array[()]


def load_arrays(path: Path, wanted: Container[str] | None = None) -> dict[str, Value]:
    """The dictionary in a pickle by Python 2 or 3: arrays, csr matrices, numbers and texts; only
    the entries wanted, or all.

    Entries that are something else, such as dictionaries or arrays of objects, are left out.
    UserError if the file is missing, names anything but arrays, or is damaged, or if what is wanted
    is not an array, but one of chumpy's formulas.
    """
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            content = ArrayUnpickler(file, size).load()
        if not isinstance(content, dict):
            raise ValueError(f"it holds a {type(content).__name__}, not a dictionary")
        values = _values(content, wanted, Budget(MOST_DERIVED * size))
    except RefusedName as error:
        raise UserError(
            "Pickle refused",
            f"{path} would run {error}, which is no part of an array.",
            "Get the file from its publisher again; nothing of it was run.",
        ) from error
    except OSError as error:
        raise UserError(
            "File not readable", f"{path}: {error.strerror}.", "Choose the file again."
        ) from error
    except NeedsComputing as error:
        raise UserError(
            "Pickle of formulas",
            f"{path}: {error}.",
            "Get the file from its publisher again, or have chumpy compute its arrays.",
        ) from error
    except DAMAGED as error:
        reason = str(error) or type(error).__name__
        if not _ends_as_pickles_do(path):
            reason = "it is cut off, or no pickle"
        raise UserError(
            "Not a pickle of arrays",
            f"{path}: {reason}.",
            "Get the file from its publisher again.",
        ) from error
    kinds = (np.ndarray, np.generic, sparse.csr_matrix, str, bytes, int, float)
    return {key: value for key, value in values.items() if isinstance(value, kinds)}


def _values(
    content: dict[object, Any], wanted: Container[str] | None, budget: Budget
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in content.items():
        if wanted is None or key in wanted:
            try:
                values[str(key)] = built(value, budget)
            except NeedsComputing as error:
                raise NeedsComputing(f"{key} is {error}") from error
    return values


def _ends_as_pickles_do(path: Path) -> bool:
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - 1))
        return file.read() == STOP

# SPDX-License-Identifier: GPL-3.0-or-later
"""Pickles of arrays, read without running what they might say.

A pickle is a program that names the functions it calls. This reader knows a handful of names, all
of numpy arrays and scipy's sparse matrices, under the module paths that old and new releases wrote,
and refuses every other. Sparse matrices are not restored attribute by attribute, which could make
them point outside their memory, but built anew from their arrays, which are checked.
"""

from __future__ import annotations

import io
from pathlib import Path
from pickle import Unpickler, UnpicklingError
from typing import Any

import numpy as np
from scipy import sparse

from ...errors import UserError

# Asked of numpy itself, for the modules that these live in are named differently by release.
NUMPY_NAMES: dict[tuple[str, str], Any] = {
    ("multiarray", "_reconstruct"): np.zeros(1).__reduce__()[0],
    ("multiarray", "scalar"): np.float64(0).__reduce__()[0],
    ("numeric", "_frombuffer"): np.zeros(1).__reduce_ex__(5)[0],
    ("", "ndarray"): np.ndarray,
    ("", "dtype"): np.dtype,
}
NUMPY_MODULES = {
    "numpy": "",
    **{
        f"numpy.{core}.{name}": name
        for core in ("core", "_core")
        for name in ("multiarray", "numeric")
    },
}
SPARSE_FORMATS = ("csr", "csc", "coo")


class RefusedName(UnpicklingError):
    """The pickle names something that is no part of an array."""


class SparseState:
    """Stands in for a pickled sparse matrix: keeps its attributes, whatever they are called."""

    format = ""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state

    def matrix(self) -> sparse.csr_matrix:
        """The matrix; ValueError if its arrays do not make one."""
        names = ("row", "col") if self.format == "coo" else ("indices", "indptr")
        state = dict(self.state)
        if "coords" in state:  # scipy 1.13 and later
            state["row"], state["col"] = state["coords"]
        shape = state.get("_shape", state.get("shape"))
        missing = [name for name in ("data", *names) if not isinstance(state.get(name), np.ndarray)]
        if missing or not isinstance(shape, tuple):
            raise ValueError(f"a sparse matrix lacks {', '.join(missing) or 'its shape'}")
        first, second = (state[name] for name in names)
        if self.format == "coo":
            return sparse.coo_matrix((state["data"], (first, second)), shape=shape).tocsr()
        compressed = sparse.csr_matrix if self.format == "csr" else sparse.csc_matrix
        result = compressed((state["data"], first, second), shape=shape)
        result.check_format(full_check=True)
        return result.tocsr()


class _CsrState(SparseState):
    format = "csr"


class _CscState(SparseState):
    format = "csc"


class _CooState(SparseState):
    format = "coo"


SPARSE_NAMES = {
    f"{format}_{kind}": state
    for format, state in zip(SPARSE_FORMATS, (_CsrState, _CscState, _CooState), strict=True)
    for kind in ("matrix", "array")
}
SPARSE_MODULES = {
    f"scipy.sparse{module}"
    for module in ("", *(f".{prefix}{format}" for prefix in ("", "_") for format in SPARSE_FORMATS))
}


def _latin1_bytes(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes in protocol 2: `_codecs.encode(text, 'latin1')`."""
    if encoding != "latin1":
        raise RefusedName(f"encoding {encoding}")
    return text.encode("latin1")


def _new_sparse(kind: type, base: type, _: object) -> SparseState:
    """How protocols 0 and 1 make an object: `copyreg._reconstructor(class, object, None)`."""
    if not (isinstance(kind, type) and issubclass(kind, SparseState) and base is object):
        raise RefusedName("an object that is no sparse matrix")
    return kind()


OTHER_NAMES = {
    ("_codecs", "encode"): _latin1_bytes,
    ("copy_reg", "_reconstructor"): _new_sparse,
    ("copyreg", "_reconstructor"): _new_sparse,
    ("__builtin__", "object"): object,
    ("builtins", "object"): object,
}


class ArrayUnpickler(Unpickler):
    """Admits arrays, sparse matrices, and what pickles write without naming it."""

    def find_class(self, module: str, name: str) -> Any:
        """The class or function of this name. RefusedName if it is not on the list."""
        known = OTHER_NAMES.get((module, name))
        if known is None and module in NUMPY_MODULES:
            known = NUMPY_NAMES.get((NUMPY_MODULES[module], name))
        if known is None and module in SPARSE_MODULES:
            known = SPARSE_NAMES.get(name)
        if known is None:
            raise RefusedName(f"{module}.{name}")
        return known


def load_arrays(path: Path) -> dict[str, Any]:
    """The dictionary in a pickle by Python 2 or 3: arrays, csr matrices, numbers, texts.

    UserError if the file is missing, holds anything else, or is damaged.
    """
    try:
        content = ArrayUnpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
        if not isinstance(content, dict):
            raise ValueError(f"it holds a {type(content).__name__}, not a dictionary")
        return {
            str(key): value.matrix() if isinstance(value, SparseState) else value
            for key, value in content.items()
        }
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
    except DAMAGED as error:
        raise UserError(
            "Not a pickle of arrays", f"{path}: {error}.", "Get the file from its publisher again."
        ) from error


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
)

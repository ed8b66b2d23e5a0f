# SPDX-License-Identifier: GPL-3.0-or-later
"""The classes that a pickle of arrays may name, under every path that a release gave them."""

from __future__ import annotations

import re

from .chumpy_stand_ins import ChumpyArray, ChumpyReshape, ChumpySelect
from .pickle_stand_ins import (
    ArrayKind,
    CooState,
    CscState,
    CsrState,
    DtypeState,
    KeptSet,
    SparseState,
)

NUMPY_CORES = ("numpy.core", "numpy._core")
BUILTINS = ("__builtin__", "builtins")  # Python 2's and 3's
SPARSE_STATES: dict[str, type[SparseState]] = {"csr": CsrState, "csc": CscState, "coo": CooState}
KEPT: dict[tuple[str, str], type] = {
    **{(module, "object"): object for module in BUILTINS},
    **{(module, name): KeptSet for module in BUILTINS for name in ("set", "frozenset")},
    ("numpy", "ndarray"): ArrayKind,
    **{(f"numpy.{module}", "matrix"): ArrayKind for module in ("matrixlib.defmatrix", "matrix")},
    ("numpy", "dtype"): DtypeState,
    **{(module, "Ch"): ChumpyArray for module in ("chumpy", "chumpy.ch", "ch")},
    **{(f"{root}reordering", "Select"): ChumpySelect for root in ("", "chumpy.")},
    **{(f"{root}reordering", "Reshape"): ChumpyReshape for root in ("", "chumpy.")},
    **{
        (f"scipy.sparse{module}", f"{format}_{kind}"): state
        for format, state in SPARSE_STATES.items()
        for kind in ("matrix", "array")
        for module in ("", f".{format}", f"._{format}")
    },
}
# chumpy's other classes, and other sparse matrices, are admitted, but no array is made of them.
OTHERS = re.compile(r"chumpy(\.\w+)?:\w+|scipy\.sparse(\.\w+)?:\w+_(matrix|array)", re.ASCII)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Classes that pickle as chumpy's do: the same names, the same state."""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterator

import numpy as np


class Ch:
    """An array under `x`, with the bookkeeping that chumpy leaves in its pickles."""

    def __init__(self, x: object) -> None:
        self.x = np.asarray(x, dtype=np.float64)
        self._dirty_vars = {"x"}
        self._itr = None
        self._make_dense = self._make_sparse = False
        self._depends_on_deps: dict[str, object] = {}


class Select(Ch):
    """Entries of a flattened array, in a shape."""

    def __init__(self, a: Ch, idxs: np.ndarray, preferred_shape: tuple[int, ...]) -> None:
        super().__init__(0.0)
        del self.x
        self.a, self.idxs, self.preferred_shape = a, idxs, preferred_shape


@contextlib.contextmanager
def as_chumpy() -> Iterator[None]:
    """While this is open, the classes are importable as chumpy's, which pickling asks for."""
    modules = {name: types.ModuleType(name) for name in ("chumpy", "chumpy.ch")}
    modules["chumpy.reordering"] = types.ModuleType("chumpy.reordering")
    kept = {name: sys.modules.get(name) for name in modules}
    places = {Ch: Ch.__module__, Select: Select.__module__}
    Ch.__module__, Select.__module__ = "chumpy.ch", "chumpy.reordering"
    modules["chumpy.ch"].Ch = Ch  # type: ignore[attr-defined]
    modules["chumpy.reordering"].Select = Select  # type: ignore[attr-defined]
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in kept.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
        for kind, place in places.items():
            kind.__module__ = place

# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in, while a pickle is read, for chumpy's arrays, in which SMPL's files were made.

chumpy itself is not needed. Its arrays keep what they were made from, under the names that its
classes give it; those that only hold or reorder numbers are built here.
"""

from __future__ import annotations

import numpy as np

from .pickle_stand_ins import PLAIN_KINDS, Budget, KeptState, built


class ChumpyArray(KeptState):
    """Stands in for chumpy's Ch: an array to differentiate by, kept under `x`."""

    def build(self, budget: Budget) -> np.ndarray:
        return self.array("x", budget)

    def array(self, name: str, budget: Budget) -> np.ndarray:
        """The array or number that is an attribute; ValueError if it is none."""
        value = built(self.state.get(name), budget)
        # numpy would unroll lists of lists, of which few bytes can make many
        if not isinstance(value, (np.ndarray, np.generic, float, int)):
            raise ValueError(f"a chumpy array without {name}")
        array = np.asarray(value)
        if array.dtype.kind not in PLAIN_KINDS:
            raise ValueError(f"a chumpy array whose {name} is of {array.dtype}")
        return array


class ChumpySelect(ChumpyArray):
    """Stands in for chumpy's Select: entries `idxs` of the flattened array `a`, in a shape."""

    def build(self, budget: Budget) -> np.ndarray:
        source = self.array("a", budget).ravel()
        chosen = self.array("idxs", budget).ravel()
        if chosen.dtype.kind not in "iu":
            raise ValueError("a chumpy selection by other than whole numbers")
        budget.take(chosen.size * source.itemsize)
        result = source[chosen]
        shape = self.state.get("preferred_shape")
        return result if shape is None else result.reshape(shape)


class ChumpyReshape(ChumpyArray):
    """Stands in for chumpy's Reshape: the array `a` in the shape `newshape`."""

    def build(self, budget: Budget) -> np.ndarray:
        return self.array("a", budget).reshape(self.state.get("newshape"))

# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads constant tensors out of a TFLite file, sparse ones included."""

from __future__ import annotations

from typing import Any

import numpy as np
import tflite

_TYPES = {0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 4: np.int64, 9: np.int8}
_INDEX_VECTORS = {1: tflite.Int32Vector, 2: tflite.Uint16Vector, 3: tflite.Uint8Vector}


def read_constant(model: Any, graph: Any, index: int) -> np.ndarray:
    """The values of constant tensor `index`, dense, in the file's axis order."""
    tensor = graph.Tensors(index)
    buffer = model.Buffers(tensor.Buffer())
    if buffer.DataLength() == 0:
        raise ValueError(f"tensor {index} is not a constant")
    values = np.frombuffer(buffer.DataAsNumpy().tobytes(), _TYPES[tensor.Type()])
    shape = tensor.ShapeAsNumpy().tolist() if tensor.ShapeLength() else []
    sparsity = tensor.Sparsity()
    if sparsity is None:
        return values.reshape(shape)
    return _densify(sparsity, values, shape)


def _densify(sparsity: Any, values: np.ndarray, shape: list[int]) -> np.ndarray:
    """Rows stored by their non-zero entries: every axis dense but the last, no blocks."""
    axes = [sparsity.DimMetadata(i) for i in range(sparsity.DimMetadataLength())]
    formats = [axis.Format() for axis in axes]
    in_order = sparsity.TraversalOrderAsNumpy().tolist() == list(range(len(shape)))
    if not sparsity.BlockMapIsNone() or not in_order or formats != [0] * (len(axes) - 1) + [1]:
        raise ValueError("only tensors that are sparse along their last axis are supported")
    starts = _index_vector(axes[-1], "ArraySegments")
    columns = _index_vector(axes[-1], "ArrayIndices")
    dense = np.zeros((int(np.prod(shape[:-1])), shape[-1]), values.dtype)
    for row in range(len(dense)):
        stored = slice(starts[row], starts[row + 1])
        dense[row, columns[stored]] = values[stored]
    return dense.reshape(shape)


def _index_vector(axis: Any, which: str) -> np.ndarray:
    vector = _INDEX_VECTORS[getattr(axis, which + "Type")()]()
    table = getattr(axis, which)()
    vector.Init(table.Bytes, table.Pos)
    return vector.ValuesAsNumpy().astype(np.int64)

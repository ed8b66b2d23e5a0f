# SPDX-License-Identifier: GPL-3.0-or-later
"""TFLite file -> graph file for `worker.nlf.backbones.graph`.

Usage (OUT is a .safetensors file; needs `tflite`, `torch`, `numpy` and `safetensors`):

    python -m nlf_blender.worker.authoring.blazepose.convert landmarks|detector IN.tflite OUT

The landmark network is in the npm package @mediapipe/pose 0.5.1675469404, the detector in the
Python wheel mediapipe 0.10.21; both are Apache-2.0. `verify` compares the result with the original.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import tflite
import torch
from safetensors.torch import save_file

from ...nlf.backbones.graph import GRAPH_METADATA_KEY, GraphDescription, Layer
from .constants import read_constant

LICENSE_NOTE = "Apache-2.0; weights of MediaPipe BlazePose, Copyright The MediaPipe Authors"
# Public names of values in the original files, by the index of their tensor.
VALUE_NAMES = {
    "landmarks": {
        "landmarks": 696,
        "person_score": 701,
        "world_landmarks": 698,
        "encoder_8": 535,
        "landmark_8": 644,
        "landmark_4": 669,
        "landmark_2": 694,
        "encoder_16": 499,
        "decoder_16": 614,
        "decoder_64": 545,
    },
    "detector": {"boxes": 441, "scores": 429},
}
_ACTIVATIONS = {0: None, 1: "relu", 3: "relu6"}
_OPERATORS = {
    code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)
}


class Converter:
    """Walks the operators of one TFLite file in order."""

    def __init__(self, data: bytes) -> None:
        self.model = tflite.Model.GetRootAsModel(data, 0)
        self.graph = self.model.Subgraphs(0)
        self.constants: dict[int, np.ndarray] = {}
        self.weights: dict[str, torch.Tensor] = {}
        self.layers: list[Layer] = []

    def run(self, names: dict[str, int]) -> GraphDescription:
        """Convert every operator; keep the layers and weights that `names` depend on."""
        for index in range(self.graph.OperatorsLength()):
            self._convert(self.graph.Operators(index))
        public = {name: _value_name(tensor) for name, tensor in names.items()}
        first = _value_name(int(self.graph.InputsAsNumpy()[0]))
        whole = GraphDescription(first, tuple(self.layers), public)
        kept = GraphDescription(first, whole.needed_for(tuple(public)), public)
        used = {
            layer.settings[role]
            for layer in kept.layers
            if layer.kind == "conv"
            for role in ("weight", "bias")
        }
        self.weights = {name: value for name, value in self.weights.items() if name in used}
        return kept

    def _constant(self, tensor: int) -> np.ndarray:
        if tensor not in self.constants:
            self.constants[tensor] = read_constant(self.model, self.graph, tensor)
        return self.constants[tensor]

    def _convert(self, operator: Any) -> None:
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        kind = _OPERATORS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = [int(operator.Inputs(i)) for i in range(operator.InputsLength())]
        output = int(operator.Outputs(0))
        if kind in ("DEQUANTIZE", "DENSIFY"):
            self.constants[output] = self._constant(inputs[0])
            return
        name, read, settings = self._layer(kind, inputs, output, operator.BuiltinOptions())
        values = tuple(_value_name(tensor) for tensor in read)
        self.layers.append(Layer(name, values, _value_name(output), settings))

    def _layer(
        self, kind: str, inputs: list[int], output: int, options: Any
    ) -> tuple[str, list[int], dict[str, Any]]:
        """Kind, the tensors that are read at run time, and settings of one layer."""
        first = inputs[:1]
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            return "conv", first, self._convolution(kind, inputs, options)
        if kind == "ADD":
            return "add", inputs, _activation(_parse(tflite.AddOptions(), options))
        if kind == "PAD":
            amounts = self._constant(inputs[1]).tolist()
            return "pad", first, {"amounts": amounts[1:]}
        if kind == "RESIZE_BILINEAR":
            if not _parse(tflite.ResizeBilinearOptions(), options).HalfPixelCenters():
                raise ValueError("only half-pixel centres are supported")
            return "resize", first, {"size": self._constant(inputs[1]).tolist()}
        if kind == "MAX_POOL_2D":
            pool = _parse(tflite.Pool2DOptions(), options)
            return "max_pool", first, {"kernel": pool.FilterHeight(), "stride": pool.StrideH()}
        if kind == "RESHAPE":
            shape = self.graph.Tensors(output).ShapeAsNumpy().tolist()
            return "flatten", first, {"shape": shape[1:]}
        if kind == "CONCATENATION":
            return "concatenate", inputs, {}
        plain = {"DEPTH_TO_SPACE": "depth_to_space", "LOGISTIC": "sigmoid"}
        return plain[kind], first, {}

    def _convolution(self, kind: str, inputs: list[int], options: Any) -> dict[str, Any]:
        depthwise = kind == "DEPTHWISE_CONV_2D"
        parser = tflite.DepthwiseConv2DOptions() if depthwise else tflite.Conv2DOptions()
        parsed = _parse(parser, options)
        order = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
        weight = self._constant(inputs[1]).transpose(order)
        weight_name, bias_name = f"w{inputs[1]}", f"w{inputs[2]}"
        self.weights[weight_name] = _half(weight)
        self.weights[bias_name] = _half(self._constant(inputs[2]))
        return {
            "weight": weight_name,
            "bias": bias_name,
            "stride": parsed.StrideH(),
            "groups": weight.shape[0] if depthwise else 1,
            "same": parsed.Padding() == tflite.Padding.SAME,
            **_activation(parsed),
        }


def _value_name(tensor: int) -> str:
    return f"v{tensor}"


def _parse(parser: Any, options: Any) -> Any:
    parser.Init(options.Bytes, options.Pos)
    return parser


def _activation(options: Any) -> dict[str, Any]:
    return {"activation": _ACTIVATIONS[options.FusedActivationFunction()]}


def _half(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float16, order="C"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("network", choices=sorted(VALUE_NAMES))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    data = arguments.source.read_bytes()
    converter = Converter(data)
    description = converter.run(VALUE_NAMES[arguments.network])
    metadata = {
        GRAPH_METADATA_KEY: description.to_json(),
        "license": LICENSE_NOTE,
        "source": arguments.source.name,
        "source_sha256": hashlib.sha256(data).hexdigest(),
    }
    save_file(converter.weights, str(arguments.target), metadata=metadata)
    print(f"{len(description.layers)} layers, {arguments.target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

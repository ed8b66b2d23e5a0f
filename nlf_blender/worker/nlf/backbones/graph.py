# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a small float network whose layers are listed as data.

A graph file is a safetensors file: the weights are its tensors, the list of layers is JSON in its
metadata under `graph`. Only the handful of layers that the ported networks need exist here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional
from safetensors import safe_open
from torch import Tensor, nn

from ....errors import UserError
from .depthwise import frozen_depthwise

GRAPH_METADATA_KEY = "graph"


@dataclass(frozen=True)
class Layer:
    """One layer: what it does, the values it reads, the value it writes, its settings."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GraphDescription:
    """The layers in running order, the name of the input, public names of values worth reading."""

    input: str
    layers: tuple[Layer, ...]
    names: dict[str, str]

    @classmethod
    def from_json(cls, text: str) -> GraphDescription:
        data = json.loads(text)
        layers = tuple(
            Layer(item["kind"], tuple(item["inputs"]), item["output"], item.get("settings", {}))
            for item in data["layers"]
        )
        return cls(data["input"], layers, data["names"])

    def to_json(self) -> str:
        layers = [
            {
                "kind": layer.kind,
                "inputs": layer.inputs,
                "output": layer.output,
                "settings": layer.settings,
            }
            for layer in self.layers
        ]
        data = {"input": self.input, "layers": layers, "names": self.names}
        return json.dumps(data, separators=(",", ":"))

    def value_of(self, name: str) -> str:
        """The value with a public name; any other name is the value's own."""
        return self.names.get(name, name)

    def needed_for(self, wanted: Sequence[str], given: Sequence[str] = ()) -> tuple[Layer, ...]:
        """The layers that the values `wanted` depend on if those `given` are known, in running
        order."""
        needed = {self.value_of(name) for name in wanted}
        known = {self.value_of(name) for name in given}
        kept: list[Layer] = []
        for layer in reversed(self.layers):
            if layer.output in needed and layer.output not in known:
                kept.append(layer)
                needed.update(layer.inputs)
        return tuple(reversed(kept))


class GraphNet(nn.Module):
    """A network from a description and its weights; values are [N,C,H,W].

    Frozen, its weights are no part of its state: they are the file's. `learnt`, they are parameters
    like any other network's.
    """

    def __init__(
        self, description: GraphDescription, weights: dict[str, Tensor], learnt: bool = False
    ) -> None:
        super().__init__()
        self.description = description
        for name, weight in weights.items():
            value = _channels_last(weight.float())
            if learnt:
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value, persistent=False)

    @classmethod
    def from_file(cls, path: Path, learnt: bool = False) -> GraphNet:
        """Read a graph file. Raises UserError when it is missing or not one."""
        if not path.is_file():
            raise UserError(
                "A model file is missing",
                f"{path.name} is not in the extension's assets.",
                "Install the extension again from its zip.",
            )
        with safe_open(str(path), framework="pt") as file:
            text = (file.metadata() or {}).get(GRAPH_METADATA_KEY)
            if text is None:
                raise UserError(
                    "A model file cannot be used",
                    f"{path.name} does not hold a network description.",
                    "Install the extension again from its zip.",
                )
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return cls(GraphDescription.from_json(text), weights, learnt)

    def forward(self, images: Tensor, wanted: Sequence[str]) -> dict[str, Tensor]:
        """Run on images [N,3,H,W]; returns the values named `wanted`."""
        return self.run({self.description.input: images}, wanted)

    def run(
        self,
        given: Mapping[str, Tensor],
        wanted: Sequence[str],
        added: Mapping[str, Callable[[Tensor], Tensor]] | None = None,
    ) -> dict[str, Tensor]:
        """The values named `wanted` from those `given`, running only the layers between. added: by
        the values that convolutions write, what they add for their input before the activation."""
        description = self.description
        layers = description.needed_for(wanted, tuple(given))
        last_use = {name: step for step, layer in enumerate(layers) for name in layer.inputs}
        kept = {description.value_of(name) for name in wanted}
        values = {description.value_of(name): _channels_last(v) for name, v in given.items()}
        for step, layer in enumerate(layers):
            inputs = [values[name] for name in layer.inputs]
            values[layer.output] = self._run(layer, inputs, (added or {}).get(layer.output))
            for name in set(layer.inputs):
                if last_use[name] == step and name not in kept:
                    del values[name]
        return {name: values[description.value_of(name)] for name in wanted}

    def _run(
        self, layer: Layer, inputs: list[Tensor], added: Callable[[Tensor], Tensor] | None
    ) -> Tensor:
        if layer.kind == "conv":
            value = self._convolve(inputs[0], layer.settings)
            value = value if added is None else value + added(inputs[0])
            return _activate(value, layer.settings)
        if layer.kind == "add":
            return _activate(inputs[0] + inputs[1], layer.settings)
        return _PLAIN_LAYERS[layer.kind](inputs, layer.settings)

    def _convolve(self, image: Tensor, settings: dict[str, Any]) -> Tensor:
        weight, bias = getattr(self, settings["weight"]), getattr(self, settings["bias"])
        stride, groups = settings["stride"], settings["groups"]
        padding = 0
        if settings["same"]:
            total = _same_padding(image.shape[-1], weight.shape[-1], stride)
            if total % 2 == 0:
                padding = total // 2
            else:  # the odd pixel goes right and below
                before = total // 2
                image = functional.pad(image, (before, total - before) * 2)
        if groups == len(weight) and stride == 1 and not weight.requires_grad:
            return frozen_depthwise(image, weight, bias, padding)
        return functional.conv2d(image, weight, bias, stride, padding, 1, groups)


def _channels_last(value: Tensor) -> Tensor:
    """The memory order in which a CPU convolves a third faster."""
    if value.dim() != 4:
        return value
    return value.contiguous(memory_format=torch.channels_last)


def _same_padding(size: int, kernel: int, stride: int) -> int:
    """Pixels to add along one axis so that the output has ceil(size / stride) pixels."""
    return max((-(-size // stride) - 1) * stride + kernel - size, 0)


def _activate(value: Tensor, settings: dict[str, Any]) -> Tensor:
    kind = settings.get("activation")
    if kind == "relu6":
        return functional.hardtanh(value, 0.0, 6.0)  # whose gradient costs a fifth of clamp's
    return value.relu() if kind == "relu" else value


def _pad(inputs: list[Tensor], settings: dict[str, Any]) -> Tensor:
    """`amounts` are (before, after) of height, width, channels."""
    (top, bottom), (left, right), (first, last) = settings["amounts"]
    return functional.pad(inputs[0], (left, right, top, bottom, first, last))


def _resize(inputs: list[Tensor], settings: dict[str, Any]) -> Tensor:
    return functional.interpolate(
        inputs[0], size=settings["size"], mode="bilinear", align_corners=False
    )


def _max_pool(inputs: list[Tensor], settings: dict[str, Any]) -> Tensor:
    return functional.max_pool2d(inputs[0], settings["kernel"], settings["stride"])


def _flatten(inputs: list[Tensor], settings: dict[str, Any]) -> Tensor:
    """[N,C,H,W] -> [N, ...shape], channels varying fastest."""
    value = inputs[0].permute(0, 2, 3, 1)
    return value.reshape([value.shape[0], *settings["shape"]])


def _depth_to_space(inputs: list[Tensor], settings: dict[str, Any]) -> Tensor:
    """Blocks of channels become 2x2 pixels; the block index varies slowest."""
    value = inputs[0]
    count, channels, height, width = value.shape
    blocks = value.reshape(count, 2, 2, channels // 4, height, width)
    return blocks.permute(0, 3, 4, 1, 5, 2).reshape(count, channels // 4, 2 * height, 2 * width)


def _sigmoid(inputs: list[Tensor], settings: dict[str, Any]) -> Tensor:
    return inputs[0].sigmoid()


def _concatenate(inputs: list[Tensor], settings: dict[str, Any]) -> Tensor:
    return torch.cat(inputs, dim=1)


_PLAIN_LAYERS = {
    "pad": _pad,
    "resize": _resize,
    "max_pool": _max_pool,
    "flatten": _flatten,
    "depth_to_space": _depth_to_space,
    "sigmoid": _sigmoid,
    "concatenate": _concatenate,
}

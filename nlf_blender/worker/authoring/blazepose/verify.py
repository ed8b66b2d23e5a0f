# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares a graph file with the TFLite file it came from, on one picture or on noise.

    python -m nlf_blender.worker.authoring.blazepose.verify ORIGINAL PORTED [PHOTO]

Needs `ai-edge-litert`, and opencv-python for a photo. Prints the largest difference per output.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter

from ...nlf.backbones.graph import GraphNet


def read_picture(photo: Path | None, side: int) -> np.ndarray:
    """RGB [side,side,3] in 0..1."""
    if photo is None:
        return np.random.default_rng(0).random((side, side, 3), dtype=np.float32)
    import cv2

    image = cv2.imread(str(photo))[:, :, ::-1]
    return cv2.resize(np.ascontiguousarray(image), (side, side)).astype(np.float32) / 255.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("original", type=Path)
    parser.add_argument("ported", type=Path)
    parser.add_argument("photo", type=Path, nargs="?")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    interpreter = Interpreter(str(arguments.original), num_threads=1)
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()[0]
    picture = read_picture(arguments.photo, int(details["shape"][1]))
    if details["shape"][1] == 224:  # the detector wants -1..1
        picture = picture * 2.0 - 1.0
    interpreter.set_tensor(details["index"], picture[None])
    interpreter.invoke()
    net = GraphNet.from_file(arguments.ported)
    values_of = {int(value[1:]): name for name, value in net.description.names.items()}
    outputs = [item for item in interpreter.get_output_details() if item["index"] in values_of]
    names = [values_of[item["index"]] for item in outputs]
    with torch.inference_mode():
        ported = net(torch.from_numpy(picture).permute(2, 0, 1)[None], names)
    for item, name in zip(outputs, names, strict=True):
        original = interpreter.get_tensor(item["index"])
        difference = np.abs(original - ported[name].numpy()).max()
        print(f"{name}: largest difference {difference:.2e}, range {np.ptp(original):.1f}")


if __name__ == "__main__":
    main()

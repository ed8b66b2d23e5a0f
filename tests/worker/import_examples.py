# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports for tests: a folder of pictures, the command, and what it says was left out."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from nlf_blender.worker.training.datasets import import_command
from nlf_blender.worker.training.datasets.example import Example
from nlf_blender.worker.training.datasets.shard_reader import open_dataset

WIDTH, HEIGHT = 64, 48


def images(tmp_path: Path) -> Path:
    """A folder of two JPEGs, two PNGs, and a JPEG that is cut off."""
    folder = tmp_path / "images"
    if not folder.exists():
        folder.mkdir()
        picture = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
        for name in ("a.jpg", "b.jpg", "c.png", "closeup.png"):
            assert cv2.imwrite(str(folder / name), picture)
        whole = (folder / "a.jpg").read_bytes()
        (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    return folder


def convert(
    tmp_path: Path, layout: str, *annotations: Path, **options: object
) -> dict[str, Example]:
    """Run the command on annotations of those images; the examples by the readable part of their
    names."""
    parser = argparse.ArgumentParser()
    import_command.add_arguments(parser)
    more = [text for key, value in options.items() for text in (f"--{key}", str(value)) if text]
    fixed = ["--images", str(images(tmp_path)), "--out", str(tmp_path / "set")]
    fixed += ["--report", str(tmp_path / "report.json")]
    arguments = parser.parse_args([layout, *map(str, annotations), *fixed, *more])
    assert import_command.run(arguments) == 0
    dataset = open_dataset(tmp_path / "set")
    found = [dataset[number] for number in range(len(dataset))]
    return {item.name.rsplit("-", 1)[0]: item for item in found}


def report(tmp_path: Path) -> dict[str, dict[str, int]]:
    """What the last import said was left out."""
    return json.loads((tmp_path / "report.json").read_text())

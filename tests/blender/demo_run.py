# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo inside Blender: install the zip, localize a photo, save the file, render pictures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import extension_run


def say(text: str) -> None:
    """Progress goes to standard error; results go to standard output."""
    print(f"[demo] {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Run the demo with the options that build.py gives."""
    parser = argparse.ArgumentParser()
    for name in ("--zip", "--worker-python", "--photo", "--out"):
        parser.add_argument(name, type=Path, required=True)
    options = parser.parse_args()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    say("installing the extension")
    extension_run.install(options.zip)
    extension_run.use_interpreter(options.worker_python)
    options.out.mkdir(parents=True, exist_ok=True)
    run = extension_run.localize(options.photo, options.out, show=True)
    extension_run.stop_worker()
    name = options.photo.stem
    blend = options.out / f"{name}.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), compress=True)
    scene = bpy.context.scene
    result = extension_run.last_import(scene)
    say(f"{len(result.people)} people in {run.total:.1f} s; rendering two pictures")
    pictures = [options.out / f"{name}_{kind}.png" for kind in ("overlay", "turned")]
    render = extension_run.part("scene.render")
    photo = bpy.path.abspath(result.camera.data.background_images[0].image.filepath)
    render.render_overlay(scene, result, Path(photo), pictures[0])
    render.render_turned(scene, result, pictures[1])
    for path in (blend, *pictures):
        print(path, flush=True)


if __name__ == "__main__":
    extension_run.exit_after(main)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo inside Blender: install the zip, localize a photo or footage, save the file, render
pictures, of footage of the frame in the middle."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import extension_run

LIMIT_SECONDS = 3600.0  # footage takes its time


def say(text: str) -> None:
    """Progress goes to standard error; results go to standard output."""
    print(f"[demo] {text}", file=sys.stderr, flush=True)


def background(result: extension_run.Any, options: argparse.Namespace) -> Path:
    """What the camera saw at the scene's current frame, as a picture."""
    scene, parts = bpy.context.scene, extension_run.part("scene")
    images = result.camera.data.background_images
    if parts.take_folder(result.camera) is None:  # a photo
        return Path(bpy.path.abspath(images[0].image.filepath))
    index = parts.source_frame(result.camera, scene.frame_current)
    picture = Path(bpy.app.tempdir) / "frame.png"
    script = Path(__file__).resolve().parents[1] / "frame_picture.py"
    command = [options.worker_python, script, options.photo, str(index), picture]
    subprocess.run(command, check=True)
    return picture


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
    run = extension_run.localize(options.photo, options.out, show=True, limit=LIMIT_SECONDS)
    extension_run.stop_worker()
    name = options.photo.stem
    blend = options.out / f"{name}.blend"
    scene = bpy.context.scene
    result = extension_run.last_import(scene)
    if extension_run.part("scene").take_folder(result.camera) is not None:
        scene.frame_set((scene.frame_start + scene.frame_end) // 2)
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), compress=True)
    say(f"{len(result.people)} people in {run.total:.1f} s; rendering two pictures")
    pictures = [options.out / f"{name}_{kind}.png" for kind in ("overlay", "turned")]
    render = extension_run.part("scene.render")
    render.render_overlay(scene, result, background(result, options), pictures[0])
    render.render_turned(scene, result, pictures[1])
    for path in (blend, *pictures):
        print(path, flush=True)


if __name__ == "__main__":
    extension_run.exit_after(main)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and mesh caches of footage: how long they take, beside other ways to write the same.

Runs in Blender's Python, as `build.py bench bake` does. Every figure is the median of the rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "blender")]

import bpy  # noqa: E402
import footage_fixtures as footage  # noqa: E402
import numpy as np  # noqa: E402
import scene_fixtures as fixtures  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from nlf_blender.body.body_data import BodyData, load_body_npz  # noqa: E402
from nlf_blender.protocol.motion_files import write_motion  # noqa: E402
from nlf_blender.scene import FootageOptions, ImportOptions, import_take, importer, update_take  # noqa: E402
from nlf_blender.scene.actions import Channel, new_action, write_channels  # noqa: E402
from nlf_blender.scene.datablocks import NewDatablocks  # noqa: E402
from nlf_blender.scene.footage import camera as footage_camera  # noqa: E402
from nlf_blender.scene.footage import import_footage as footage_import  # noqa: E402
from nlf_blender.scene.footage import person as footage_person  # noqa: E402
from nlf_blender.scene.footage.channels import RootStyle  # noqa: E402
from nlf_blender.scene.footage.mesh_cache import CachePlan, attach_cache, write_cache  # noqa: E402
from nlf_blender.scene.footage.rig import Resting, make_footage_rig, motion_channels  # noqa: E402
from nlf_blender.scene.footage.take import read_footage  # noqa: E402
from nlf_blender.scene.footage.time_map import TimeMap  # noqa: E402
from nlf_blender.scene.person.rig_options import RigOptions  # noqa: E402

VERTICES = 13718
PARTS = (
    (importer, "read_footage"),
    (footage_camera, "make_camera"),
    (footage_person, "make_footage_rig"),
    (footage_person, "make_body"),
    (footage_person, "motion_channels"),
    (footage_person, "new_action"),
    (footage_person, "renew_cache"),
    (footage_person, "make_points"),
    (footage_import, "set_scene_time"),
)


def seconds(work: Callable[[], object], rounds: int) -> float:
    """The median time of some rounds of work."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def wall_and_core(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that work takes once: by the clock, and of a core of the CPU."""
    began, core_began = time.perf_counter(), time.thread_time()
    work()
    return time.perf_counter() - began, time.thread_time() - core_began


def bench_keys(folder: Path, body: BodyData, frames: int, rounds: int) -> None:
    """Motion to channels to keys, against keyframe_insert of the same keys."""
    take = read_footage(make_take(folder, body, frames, points=False))
    person, options, style = take.people[0], RigOptions(), RootStyle()
    resting = Resting.of(take, person, options)
    rig = make_footage_rig(NewDatablocks(), take, person, resting, options, style)
    bpy.context.scene.collection.objects.link(rig)
    samples = TimeMap(1, 0.0, 30.0, resample=False).samples(person.times)

    def bake() -> list[Channel]:
        channels, _ = motion_channels(rig, take, person, resting, samples, style)
        new_action(NewDatablocks(), "baked", rig, channels)
        return channels

    channels = bake()
    ours = seconds(bake, rounds)
    action = rig.animation_data.action
    again = seconds(lambda: write_channels(action, "OBJECT", channels), rounds)
    keys = sum(channel.values.size for channel in channels)
    print(f"bake {frames} frames x {len(rig.data.bones)} bones ({keys} keys): {ours:.3f} s")
    print(f"  of it, writing keys again into the same action: {again:.3f} s")
    theirs = insert_keys(rig, channels)
    print(f"keyframe_insert of the same keys: {theirs:.3f} s, {theirs / ours:.1f} times as long")


def insert_keys(rig: bpy.types.Object, channels: list[Channel]) -> float:
    """How long Blender's own way takes, once: set each bone, insert its key."""
    rig.animation_data.action = None
    bones = {bone.name: bone for bone in rig.pose.bones}
    posed = [c for c in channels if c.group in bones]
    began = time.perf_counter()
    for channel in posed:
        bone, name = bones[channel.group], channel.path.rpartition(".")[2]
        for frame, value in zip(channel.frames.tolist(), channel.values.tolist(), strict=True):
            setattr(bone, name, value)
            bone.keyframe_insert(name, frame=frame)
    return time.perf_counter() - began


def bench_cache(folder: Path, frames: int, rounds: int) -> None:
    """A mesh cache written and attached, against numpy's own writing of the same bytes."""
    rng = np.random.default_rng(0)
    source = folder / "points.npy"
    points = rng.normal(0.0, 1.0, (frames, VERTICES, 3)).astype(np.float32)
    np.save(source, points)
    mapped = np.load(source, mmap_mode="r")
    obj = bpy.data.objects.new("points", bpy.data.meshes.new("points"))
    times = TimeMap(1, 0.0, 30.0, resample=False)
    plan = CachePlan(times, np.arange(frames) / 30.0)
    mine, theirs = [], []
    for index in range(rounds + 1):  # by turns, for a disk has moods; new files, as in an import
        path, same = folder / "cache" / f"{index}.pc2", folder / f"{index}.npy"
        os.sync()
        mine.append(wall_and_core(lambda path=path: cached(obj, path, mapped, plan)))
        os.sync()
        theirs.append(wall_and_core(lambda same=same: np.save(same, points)))
        path.unlink()
        same.unlink()
    print(f"{frames} frames x {VERTICES} vertices, {points.nbytes / 1e6:.0f} MB:")
    for what, kind in enumerate(("by the clock", "of a core, whatever else the machine does")):
        ours, others = (statistics.median(x[what] for x in kept[1:]) for kept in (mine, theirs))
        print(f"  {kind}: written and attached {ours:.3f} s; numpy writes them {others:.3f} s;")
        print(f"    {ours / others:.2f} times as long")


def cached(obj: bpy.types.Object, path: Path, points: NDArray[np.float32], plan: CachePlan) -> None:
    """Write a cache and let the object play it."""
    write_cache(path, points, plan, None)
    attach_cache(obj, path, plan)


def bench_import(folder: Path, body: BodyData, frames: int) -> None:
    """A whole import and a whole update, by part."""
    take = make_take(folder, body, frames, points=True)
    spent: dict[str, float] = {}
    for module, name in PARTS:
        setattr(module, name, timed(getattr(module, name), name, spent))
    os.sync()
    began = time.perf_counter()
    import_take(bpy.context.scene, take, ImportOptions(footage=FootageOptions(background=False)))
    whole = time.perf_counter() - began
    print(f"import of one person, {frames} frames, {body.vertex_count} vertices: {whole:.3f} s")
    for name, part in spent.items():
        print(f"  {name}: {part:.3f} s")
    os.sync()
    began = time.perf_counter()
    update_take(bpy.context.scene, take)
    print(f"update of the same: {time.perf_counter() - began:.3f} s")


def timed(function: Callable, name: str, spent: dict[str, float]) -> Callable:
    """The same function, which notes its time."""

    def run(*args: object, **options: object) -> object:
        began = time.perf_counter()
        try:
            return function(*args, **options)
        finally:
            spent[name] = spent.get(name, 0.0) + time.perf_counter() - began

    return run


def make_take(folder: Path, body: BodyData, frames: int, *, points: bool) -> Path:
    """A take with one walking person."""
    person = footage.walk(body, 1, np.arange(frames))
    take = footage.write_footage(folder, body, {1: person}, points=False)
    if points:
        solution = take / "solution"
        mesh = person.root[:, None] + 0.3 * body.v_template[None]
        np.save(solution / "points_001.1.npy", mesh.astype(np.float32))
        text = (solution / "solution.json").read_text()
        (solution / "solution.json").write_text(
            text.replace('"points": ""', '"points": "points_001.1.npy"')
        )
        times = np.arange(frames) / footage.NTSC_RATE
        write_motion(solution / "person_001.1.npz", footage.motion_of(body, person, times))
    return take


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    print(f"Blender {bpy.app.version_string}")
    asset = ROOT / "nlf_blender" / "assets" / "open_body.npz"
    body = load_body_npz(asset) if asset.is_file() else fixtures.make_body()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench_keys(folder / "keys.take", body, options.frames, options.rounds)
        bench_cache(folder, options.frames, options.rounds)
        bench_import(folder / "import.take", body, options.frames)


if __name__ == "__main__":
    main()

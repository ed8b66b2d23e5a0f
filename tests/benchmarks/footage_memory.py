# SPDX-License-Identifier: GPL-3.0-or-later
"""How much memory a worker needs for short and for long footage: all that a job does, with
stand-ins for the networks, each length in a process of its own."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from nlf_blender.protocol.settings import LocalizeSettings
from nlf_blender.worker.engine import Engine, Models
from nlf_blender.worker.footage.job import localize_footage
from nlf_blender.worker.nlf.localized import LocalizedPerson
from nlf_blender.worker.people.person import Frame, Person
from nlf_blender.worker.progress import Progress

from .report import Row, say

LENGTHS = (500, 5000)
MEBIBYTE = 1 << 20
WIDTH, HEIGHT = 320, 240


def memory_rows(folder: Path) -> list[Row]:
    """The peak of resident memory for each length, mebibytes."""
    rows: list[Row] = []
    for frames in LENGTHS:
        say(f"memory, {frames} frames")
        work = folder / f"memory_{frames}"
        work.mkdir()
        command = [sys.executable, "-m", "benchmarks.footage_memory", str(frames), str(work)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ)
        rows.append({"step": f"{frames} frames", **json.loads(done.stdout)})
        shutil.rmtree(work)
    more = rows[-1]["peak_mib"] - rows[0]["peak_mib"]
    return [*rows, {"step": "more", "peak_mib": more}]


class StandInFinder:
    """One person in the middle of every picture."""

    def find(self, image: np.ndarray, most: int, known: object = ()) -> list[Person]:
        """That person, unless they are known."""
        return [] if known else self.look(image, [middle()])

    def look(self, image: np.ndarray, frames: list[Frame]) -> list[Person]:
        """The person in every frame."""
        keypoints = np.column_stack([np.linspace(140, 180, 33), np.linspace(40, 200, 33)])
        seen = np.column_stack([keypoints, np.ones(33)])
        box = np.array([120.0, 30.0, 200.0, 210.0])
        return [Person(box, 0.9, middle(), seen) for _ in frames]


def middle() -> Frame:
    """The middle of the picture."""
    return Frame(np.array([160.0, 120.0]), 200.0, 0.0)


class StandInLocalizer:
    """The unposed body, a step before the camera, with a little noise."""

    def __init__(self, models: Models) -> None:
        body = models.body
        points = np.concatenate([body.v_template, body.joints_template]) * [1, -1, -1]
        self.points = (points + np.array([0.0, 0.0, 4.0])).astype(np.float32)
        self.model, self.info = models.localizer.model, models.localizer.info
        self.random = np.random.default_rng(0)

    def localize(self, images, people, *_, **__) -> list[list[LocalizedPerson]]:  # type: ignore[no-untyped-def]
        """Everybody, without a look at the pictures."""
        return [[self.person() for _ in specs] for specs in people]

    def person(self) -> LocalizedPerson:
        """One sighting."""
        moved = self.points + self.random.normal(size=3).astype(np.float32) * 0.01
        flat = moved[:, :2] / moved[:, 2:] * 300
        return LocalizedPerson(moved, np.full(len(moved), 0.03, np.float32), flat)


class StandInEngine(Engine):
    """An engine whose networks are replaced."""

    def models(self, settings: LocalizeSettings) -> Models:
        """The real body, and stand-ins."""
        models = super().models(settings)
        if isinstance(models.finder, StandInFinder):
            return models
        parts = {**vars(models), "finder": StandInFinder(), "localizer": StandInLocalizer(models)}
        self._models = Models(**parts)
        return self._models


def write_grey(path: Path, frames: int) -> None:
    """A video of so many frames of slowly changing grey."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30), options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(frames):
            picture = np.full((HEIGHT, WIDTH, 3), 90 + number % 60, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def main() -> int:
    """One length: the job, then the peak as JSON."""
    frames, folder = int(sys.argv[1]), Path(sys.argv[2])
    clip = folder / "clip.mp4"
    write_grey(clip, frames)
    settings = LocalizeSettings(device="cpu", test_time_augmentations=1)
    progress = Progress()
    localize_footage(clip, folder, settings, StandInEngine(), progress)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"peak_mib": peak / MEBIBYTE, "seconds": sum(progress.seconds.values())}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

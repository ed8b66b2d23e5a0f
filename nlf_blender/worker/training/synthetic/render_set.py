# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of synthetic pictures: rendered by one or several processes, resumable, the same always."""

from __future__ import annotations

import itertools
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch

from ....errors import UserError
from ..datasets.example import Example
from ..datasets.layout import INFO_FILE, DatasetInfo, Split, read_index, read_info
from ..datasets.shard_writer import DatasetWriter
from .annotated import examples_of, number_of
from .made_of import require_same_set, source_files
from .pose_library import PoseLibrary, build_library, load_library
from .stage import Cast
from .studio import Pictures, Studio

_AT_ONCE = {"cpu": (8, 1), "cuda": (256, 16)}  # crops and scenes in a batch
_ENDLESS = 1 << 62
_LICENSE = "CC0-1.0"
_SHARD_BYTES = 32 << 20  # small, since a killed run loses its open shard
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class RenderPlan:
    """What a set holds. count: pictures; scenes: whole scenes of `size` (width, height), else crops
    of side `side`; wardrobe: a file of `worker train wardrobe`, or painted clothes alone; motions:
    archives of motion capture or one file of `worker train poses`, or drawn poses alone."""

    out: Path
    count: int
    seed: int = 0
    split: Split = "train"
    scenes: bool = False
    side: int = 320
    size: tuple[int, int] = (1280, 720)
    wardrobe: Path | None = None
    motions: tuple[Path, ...] = ()

    @property
    def stream(self) -> int:
        """The seed of the pictures' random numbers: crops and scenes never share them."""
        return self.seed * 2 + self.scenes


class Renderer:
    """Draws the pictures of a plan, batch by batch."""

    def __init__(self, plan: RenderPlan, library: PoseLibrary | None, device: torch.device) -> None:
        """UserError if the wardrobe cannot be read."""
        from .casting import Casting
        from .wardrobe.dressing import open_wardrobe

        self.plan = plan
        self.casting = Casting(library, plan.split, device)
        wardrobe = open_wardrobe(plan.wardrobe, plan.split, device)
        faces = torch.from_numpy(self.casting.body.body.faces.astype(np.int64))
        self.studio = Studio(faces, wardrobe, device)
        self.at_once = _AT_ONCE[device.type][plan.scenes]

    def cast(self, numbers: range) -> Cast:
        """Who is in the pictures of these numbers of the plan's stream."""
        plan = self.plan
        if plan.scenes:
            return self.casting.scenes(plan.stream, numbers, plan.size)
        return self.casting.crops(plan.stream, numbers, plan.side)

    def pictures(self, numbers: range) -> Pictures:
        """The pictures of these numbers, on the device: to be written, or trained on at once."""
        return self.studio.draw(self.cast(numbers))

    def examples(self, batch: int) -> list[Example]:
        """What is worth keeping of batch 0, 1, ..."""
        first = batch * self.at_once
        drawn = self.pictures(range(first, first + self.at_once))
        return list(examples_of(self.studio, drawn, self.plan.scenes))


def render_set(
    plan: RenderPlan,
    device: torch.device,
    workers: int = 1,
    on_progress: OnProgress = lambda done, total: None,
) -> int:
    """Write the set of a plan, or what is missing of it; returns how many pictures it has.

    The same plan gives the same files on one kind of device with any number of workers, in one go
    or several. UserError if the folder holds another set, an archive cannot be read, or the disk
    is full.
    """
    asked = _info(plan)
    with DatasetWriter(plan.out, asked, _SHARD_BYTES) as writer:
        first = _last_number(plan.out, asked) + 1
        on_progress(len(writer), plan.count)
        if len(writer) >= plan.count:
            return len(writer)
        library = read_motions(plan.motions, plan.split)
        batches = itertools.count(first // _AT_ONCE[device.type][plan.scenes])
        for examples in _rendered(plan, library, device, workers, batches):
            for example in examples:
                if example.name not in writer and len(writer) < plan.count:
                    writer.add(example)
            on_progress(len(writer), plan.count)
            if len(writer) >= plan.count:
                break
        return len(writer)


def read_motions(motions: tuple[Path, ...], split: Split) -> PoseLibrary | None:
    """The poses of archives, or of one file of `worker train poses`; None for none at all.
    UserError if they cannot be read, or none of them is of the split."""
    if not motions:
        return None
    read = len(motions) == 1 and motions[0].suffix == ".npz"
    library = load_library(motions[0]) if read else build_library(motions)
    if not len(library.split(split).poses):
        raise UserError(
            "No poses of this split",
            f"{', '.join(map(str, motions))}: none of {len(library.names)} takes is {split}.",
            "Give more takes (every fifth of a person is held out), or no --motions.",
        )
    return library


def _rendered(
    plan: RenderPlan,
    library: PoseLibrary | None,
    device: torch.device,
    workers: int,
    batches: Iterable[int],
) -> Iterator[list[Example]]:
    if workers <= 1:
        renderer = Renderer(plan, library, device)
        yield from (renderer.examples(batch) for batch in batches)
        return
    context = multiprocessing.get_context("spawn")
    first, processes, answers = next(iter(batches)), [], []
    for worker in range(workers):
        mine, theirs = context.Pipe(duplex=False)
        job = (plan, library, device, range(first + worker, _ENDLESS, workers), theirs)
        processes.append(context.Process(target=_work, args=job, daemon=True))
        processes[-1].start()
        theirs.close()  # so that a worker's end is heard as the end of its answers
        answers.append(mine)
    try:
        for answer in itertools.cycle(answers):
            yield _heard(answer)
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _work(
    plan: RenderPlan,
    library: PoseLibrary | None,
    device: torch.device,
    batches: Iterable[int],
    answers: Connection,
) -> None:
    """A process that renders batches, as far ahead as a pipe holds, until it is ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who reads the answers ends this process
    torch.set_num_threads(1)
    try:
        renderer = Renderer(plan, library, device)
        for batch in batches:
            answers.send(renderer.examples(batch))
    except UserError as error:
        answers.send(error)
    except BrokenPipeError:
        return  # nobody reads any more


def _heard(answer: Connection) -> list[Example]:
    try:
        heard = answer.recv()
    except EOFError as error:
        raise UserError(
            "Rendering stopped",
            "A rendering process ended before its work was done; its own message is above.",
            "Ask for fewer --workers if memory ran out, and run the command again: it goes on.",
        ) from error
    if isinstance(heard, UserError):
        raise heard
    return heard


def _last_number(folder: Path, asked: DatasetInfo) -> int:
    """The number of the last picture that the set has, -1 for none. UserError if the set was
    rendered from other things."""
    if not (folder / INFO_FILE).exists():
        return -1
    info = read_info(folder)
    require_same_set(folder, info, asked)
    if not info.shards:
        return -1
    return number_of(read_index(folder, info.shards[-1])[-1].name)


def _info(plan: RenderPlan) -> DatasetInfo:
    kind = f"scenes of {plan.size[0]}x{plan.size[1]}" if plan.scenes else f"crops of {plan.side} px"
    paths = [path for path in (*plan.motions, plan.wardrobe) if path is not None]
    names = ", ".join(path.name for path in paths)
    return DatasetInfo(
        name=f"synthetic-{'scenes' if plan.scenes else 'crops'}-{plan.seed}",
        license=_LICENSE,
        description=f"{kind}, seed {plan.seed}, from {names or 'drawn poses'}",
        split=plan.split,
        body_kinds=("open",),
        made_of=source_files(paths),
    )

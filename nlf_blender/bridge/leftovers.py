# SPDX-License-Identifier: GPL-3.0-or-later
"""Tidying up: half-made results of killed workers, input of jobs that are over, old sessions."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

from ..protocol.files import REPLACED, UNFINISHED, ResultLayout
from .job import Job
from .worker_process import WorkerProcess

_SESSIONS_KEPT = 5
_SESSION_SECONDS = 24 * 3600.0  # younger ones may be another Blender's


class Leftovers:
    """What jobs leave on the disk, kept in mind until it can be removed."""

    def __init__(self) -> None:
        self._killed: list[tuple[WorkerProcess, Job]] = []
        self._with_input: list[Job] = []

    @property
    def waiting(self) -> bool:
        """Whether a job's input is still to be removed."""
        return bool(self._with_input)

    def add_input(self, job: Job) -> None:
        """Remove what was made as this job's input, if anything was, once the job is over."""
        if job.task.scratch is not None:
            self._with_input.append(job)

    def add_killed(self, worker: WorkerProcess, job: Job) -> None:
        """Remove what this worker left half made of a job, once it is gone."""
        self._killed.append((worker, job))

    def remove(self, held: Job | None) -> None:
        """Remove what can be. held: the job that a worker has, cancelled or not."""
        for worker, job in self._killed:
            if not worker.alive:
                remove_half_made(job.task.out, job.task.names, job.task.layout)
        self._killed = [(worker, job) for worker, job in self._killed if worker.alive]
        at_work = [held, *(job for _, job in self._killed)]
        over = [job for job in self._with_input if not job.active and job not in at_work]
        for job in over:
            if job.task.scratch is not None:
                shutil.rmtree(job.task.scratch, ignore_errors=True)
        self._with_input = [job for job in self._with_input if job not in over]


def remove_half_made(out: Path, names: frozenset[str], layout: ResultLayout) -> None:
    """Remove what a killed worker left of its results, and put back one that it was replacing.

    Only folders with the names of its job's results are touched. A folder that cannot be removed
    stays: the next job of that name removes it.
    """
    for folder in _folders(out):
        name, found, rest = folder.name.rpartition(layout.suffix)
        if not found or not names & {name, re.sub(r"-\d+$", "", name)}:
            continue
        if rest == UNFINISHED:
            shutil.rmtree(folder, ignore_errors=True)
        elif rest == REPLACED:
            final = folder.with_name(name + layout.suffix)
            _settle_replaced(folder, final, final / layout.info_file)


def _settle_replaced(old: Path, final: Path, info_file: Path) -> None:
    if info_file.is_file():
        shutil.rmtree(old, ignore_errors=True)
    elif not final.exists():
        old.rename(final)


def prune_sessions(root: Path) -> None:
    """Remove the folders of old sessions; the newest ones keep their logs."""
    folders = sorted(_folders(root), key=lambda folder: folder.name)
    for folder in folders[:-_SESSIONS_KEPT]:
        if time.time() - folder.stat().st_mtime > _SESSION_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _folders(root: Path) -> list[Path]:
    try:
        return [entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink()]
    except OSError:
        return []  # no such folder, so nothing was left in it

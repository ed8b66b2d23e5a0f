# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker processes that make batches ahead of a consumer.

They are spawned, share nothing but a pipe and the name of the item at hand, and end when the
consumer's process does, however it ends. A thread of the consumer takes their batches in, so that
they never wait for a step of training. One that dies is reported with the item it worked on.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections import deque
from dataclasses import fields
from multiprocessing.connection import Connection, wait
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from ....errors import UserError
from .batch import CropBatch, Queries
from .batch_maker import BatchMaker, Skipped
from .plan import CropPlan

NAME_BYTES = 400
AHEAD = 2  # batches of each worker that may wait for the consumer
PATIENCE_S = 600.0  # without any batch at all
END_S = 5.0  # for a process to end
Made = tuple[CropBatch, Skipped]


class Crew:
    """Workers that make the batches of a plan from number `first` on, up to before `last`."""

    def __init__(
        self, plan: CropPlan, workers: int, first: int, last: int | None, pin: bool
    ) -> None:
        """pin: whether images come in memory that a GPU copies from by itself."""
        spawn = multiprocessing.get_context("spawn")
        self._changed = threading.Condition()
        self._made: dict[int, Made] = {}
        self._error: UserError | None = None
        self._next, self._taken, self._last, self._pin = first, first, last, pin
        self._window = AHEAD * workers
        self._items = [spawn.Array("c", NAME_BYTES, lock=False) for _ in range(workers)]
        self._ends: list[Connection] = []
        self._processes = []
        for item in self._items:
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=_work, args=(theirs, plan, item), daemon=True)
            process.start()
            theirs.close()  # so that the worker hears when this process ends, and we when it does
            self._ends.append(ours)
            self._processes.append(process)
        self._idle = deque(range(workers))
        self._stop, self._stopped = spawn.Pipe(duplex=False)
        self._thread = threading.Thread(target=self._gather, name="crops", daemon=True)
        self._thread.start()
        with self._changed:
            self._assign()

    def take(self, number: int) -> Made:
        """A batch, which is waited for. Batches are taken in order. UserError if a worker died, met
        an error, or none makes any progress."""
        until = time.monotonic() + PATIENCE_S
        with self._changed:
            while number not in self._made:
                if self._error is not None:
                    raise self._error
                if not self._changed.wait(until - time.monotonic()):
                    raise self._stuck(number)
            made = self._made.pop(number)
            self._taken = number + 1
            self._assign()
        return made

    def close(self) -> None:
        """End all workers; what they had at hand is lost."""
        self._stopped.send_bytes(b"end")
        self._thread.join()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(END_S)
            if process.is_alive():
                process.kill()
                process.join()
        for end in (*self._ends, self._stop, self._stopped):
            end.close()

    def _assign(self) -> None:
        """Give idle workers the next batches that may be made; the caller holds the lock."""
        while self._idle and self._next < self._taken + self._window:
            if self._last is not None and self._next >= self._last:
                return
            worker = self._idle.popleft()
            try:
                self._ends[worker].send(self._next)
            except OSError:
                continue  # it died, which the gathering thread sees and reports
            self._next += 1

    def _gather(self) -> None:
        """Take in what workers send, until told to stop or one fails."""
        sentinels = {process.sentinel: n for n, process in enumerate(self._processes)}
        ends = {id(end): n for n, end in enumerate(self._ends)}
        while True:
            ready = wait([*self._ends, *sentinels, self._stop])
            if self._stop in ready:
                return
            senders = [ends[id(end)] for end in ready if id(end) in ends]
            dead = [sentinels[end] for end in ready if isinstance(end, int)]
            for worker in senders or dead:
                error = self._receive(worker) if worker in senders else self._death(worker)
                if error is not None:
                    with self._changed:
                        self._error = error
                        self._changed.notify_all()
                    return

    def _receive(self, worker: int) -> UserError | None:
        """Take in one batch. What ended the worker's work, if something did."""
        end = self._ends[worker]
        try:
            message = end.recv()
            if isinstance(message, UserError):
                return message
            number, skipped, arrays, shape = message
            images = torch.empty(shape, dtype=torch.uint8, pin_memory=self._pin)
            end.recv_bytes_into(memoryview(images.numpy()).cast("B"))
        except (EOFError, OSError):
            return self._death(worker)
        batch = _from_arrays(images, arrays)
        with self._changed:
            self._made[number] = batch, skipped
            self._idle.append(worker)
            self._assign()
            self._changed.notify_all()
        return None

    def _death(self, worker: int) -> UserError:
        process = self._processes[worker]
        process.join(END_S)
        return UserError(
            "A worker process died",
            f"It ended with exit code {process.exitcode} while it made {self._item(worker)}.",
            "If memory ran out (code -9), use fewer workers; else leave that item out, and report "
            "the message that the process printed.",
        )

    def _stuck(self, number: int) -> UserError:
        items = "; ".join(self._item(worker) for worker in range(len(self._items)))
        return UserError(
            "No batch in a long time",
            f"Batch {number} did not come within {PATIENCE_S:.0f} s; the workers are at: {items}.",
            "Check that the datasets' disk answers, then resume the run.",
        )

    def _item(self, worker: int) -> str:
        return self._items[worker].value.decode("utf-8", "replace") or "its start"


def _work(end: Connection, plan: CropPlan, item: Any) -> None:
    """A worker's life: a number comes, a batch goes, until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the consumer decides when it is over
    torch.set_num_threads(1)
    cv2.setNumThreads(1)

    def on_item(name: str) -> None:
        item.value = name.encode()[: NAME_BYTES - 1]

    try:
        try:
            maker = BatchMaker(plan)
            while True:
                number = end.recv()
                batch, skipped = maker.make(number, on_item)
                arrays = _to_arrays(batch)
                end.send((number, skipped, arrays, tuple(batch.images.shape)))
                end.send_bytes(memoryview(batch.images.numpy()).cast("B"))
        except UserError as error:
            end.send(error)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _to_arrays(batch: CropBatch) -> dict[str, np.ndarray]:
    """All but the images of a batch."""
    values = {item.name: getattr(batch, item.name) for item in fields(batch)}
    del values["images"]
    queries = values.pop("queries")
    values |= {"places": queries.places, "joints": queries.joints}
    return {name: value.numpy() for name, value in values.items()}


def _from_arrays(images: Tensor, arrays: dict[str, np.ndarray]) -> CropBatch:
    values = {name: torch.from_numpy(value) for name, value in arrays.items()}
    if images.is_pinned():
        values = {name: value.pin_memory() for name, value in values.items()}
    queries = Queries(values.pop("places"), values.pop("joints"))
    return CropBatch(images=images, queries=queries, **values)

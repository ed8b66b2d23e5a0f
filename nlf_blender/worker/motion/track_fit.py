# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits one body to all sightings of a person: one shape, then every frame with it.

The shape comes from frames spread over the track, fitted together; all frames then follow block by
block with that shape held, so that memory does not grow with the track. What comes out is kept in
the take's fits/, by the content of what went in: only people who changed are fitted again.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...body.npz_file import DAMAGED
from ...protocol.files import write_whole
from ...protocol.take import TakeInfo
from ..fit_people import SETTINGS, fit_chosen, fitted_points
from ..smpl.body_model import BodyModel
from ..smpl.fitting.fit import Fit
from ..smpl.fitting.start import FitStart
from .chunk_map import read_picked
from .take_rows import TakeRows

FITS_FOLDER = "fits"
VERSION = 1  # of what a fit is; raised when the same input gives another one
SHAPE_FRAMES = 100
BLOCK = 64  # frames fitted at a time
FIELDS = ("pose", "betas", "root", "turn_sigma", "error", "vertex_uncertainty")


@dataclass(frozen=True, eq=False)
class TrackFit:
    """Fits of n sightings of one person, in camera space; metres, radians.

    pose [n,J,3]: rotation vectors relative to the parent; betas [B]; root [n,3]: where the root
    joint is; turn_sigma [n,J]: standard deviation of each turn; error [n]: mean distance of fitted
    from localized points; vertex_uncertainty [V]: the localizer's, mean over the sightings.
    """

    pose: np.ndarray
    betas: np.ndarray
    root: np.ndarray
    turn_sigma: np.ndarray
    error: np.ndarray
    vertex_uncertainty: np.ndarray


@dataclass(frozen=True, eq=False)
class PersonRows:
    """Which rows of a take [n] are of one person, in the order of frames."""

    take: Path
    info: TakeInfo
    rows: TakeRows
    chosen: np.ndarray

    def key(self, body_sha256: str, share_shape: bool) -> str:
        """What a fit of these rows depends on, as a name of 16 hexadecimal digits."""
        digest = hashlib.sha256(f"{VERSION} {SETTINGS} {share_shape} {body_sha256}".encode())
        chunk, row = self.rows.chunk[self.chosen], self.rows.row[self.chosen]
        for index in np.unique(chunk):
            digest.update(self.info.chunks[index].sha256.encode())
            digest.update(np.ascontiguousarray(row[chunk == index], dtype="<i8").tobytes())
        return digest.hexdigest()[:16]

    def read(self, name: str, at: np.ndarray, columns: np.ndarray | slice) -> np.ndarray:
        """Columns of a field of points in some [m] of the person's rows, from their chunks."""
        picked, rows = self.chosen[at], self.rows
        return read_picked(self.file_of, name, rows.chunk[picked], rows.row[picked], columns)

    def file_of(self, chunk: int) -> Path:
        """The file of the take's chunk of this number."""
        return self.take / self.info.chunks[chunk].file


def kept_fit(folder: Path, key: str) -> TrackFit | None:
    """The fit of this key in a take's fits/, or None if it is not there, or damaged."""
    try:
        with np.load(_file(folder, key), allow_pickle=False) as file:
            return TrackFit(*(file[name] for name in FIELDS))
    except (OSError, *DAMAGED):
        return None  # it is made again


def keep_fit(folder: Path, key: str, fit: TrackFit) -> None:
    """Write a fit into a take's fits/. OSError from the disk."""
    folder.mkdir(exist_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, **{name: getattr(fit, name) for name in FIELDS})
    write_whole(_file(folder, key), buffer.getvalue())


def drop_other_fits(folder: Path, keys: set[str]) -> None:
    """Remove the fits that none of these keys leads to. OSError from the disk."""
    wanted = {_file(folder, key).name for key in keys}
    for path in folder.glob("person_*.npz"):
        if path.name not in wanted:
            path.unlink(missing_ok=True)


def _file(folder: Path, key: str) -> Path:
    return folder / f"person_{key}.npz"


def fit_track(
    person: PersonRows, body: BodyModel, share_shape: bool, on_block: Callable[[int], None]
) -> TrackFit:
    """Fit all sightings of one person. Without share_shape every frame has its own shape, and the
    person's is their mean. on_block(frames done) is called before each block."""
    count = len(person.chosen)
    own = person.rows.betas[person.chosen]
    betas = np.broadcast_to(_shared_betas(person, body), own.shape) if share_shape else own
    parts: list[dict[str, np.ndarray]] = []
    uncertainty = np.zeros(body.body.vertex_count)
    for first in range(0, count, BLOCK):
        on_block(first)
        at = np.arange(first, min(first + BLOCK, count))
        fit = _fit_rows(person, body, at, betas[at])
        parts.append(_arrays(fit, body))
        everywhere = person.read("uncertainty", at, slice(0, body.body.vertex_count))
        uncertainty += everywhere.sum(axis=0, dtype=np.float64)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    mean = betas.mean(axis=0, dtype=np.float64)
    return TrackFit(betas=mean, vertex_uncertainty=uncertainty / count, **joined)


def _shared_betas(person: PersonRows, body: BodyModel) -> np.ndarray:
    """The shape [B] of the person, from the surest frame in each of many equal parts."""
    sigma = person.rows.uncertainty[person.chosen]
    parts = np.array_split(np.arange(len(sigma)), min(SHAPE_FRAMES, len(sigma)))
    at = np.array([part[sigma[part].argmin()] for part in parts])
    return _fit_rows(person, body, at, None).betas[0].cpu().numpy()


def _fit_rows(person: PersonRows, body: BodyModel, at: np.ndarray, betas: np.ndarray | None) -> Fit:
    """The fit of some of the rows [m], with betas [m,B], or with shared ones that it finds."""
    model_device = body.v_template.device

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(model_device)

    used = fitted_points(body).numpy()
    rows = person.chosen[at]
    return fit_chosen(
        tensor(person.read("points", at, used)),
        tensor(person.read("uncertainty", at, used)),
        body,
        start=FitStart(tensor(person.rows.pose[rows]), tensor(person.rows.betas[rows])),
        known_betas=None if betas is None else tensor(betas),
        known_scale=torch.ones(len(at), device=model_device),
        shape_groups=torch.zeros(len(at), dtype=torch.long) if betas is None else None,
    )


def _arrays(fit: Fit, body: BodyModel) -> dict[str, np.ndarray]:
    root = body.rest_joints(fit.betas)[:, body.body.skeleton.root] + fit.translation
    named = {"pose": fit.pose, "root": root, "turn_sigma": fit.pose_sigma, "error": fit.error}
    return {name: tensor.cpu().numpy().astype(np.float64) for name, tensor in named.items()}

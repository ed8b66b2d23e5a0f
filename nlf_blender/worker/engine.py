# SPDX-License-Identifier: GPL-3.0-or-later
"""The loaded models of one worker, kept warm from job to job."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import torch

from ..body.body_data import BodyData, reduced_body_npz
from ..body.model_folder import find_bodies
from ..protocol.settings import LocalizeSettings
from .assets import ASSETS, OPEN_BODY
from .device import select_device
from .markers.placed_bodies import PlacedBodies
from .motion.solve_cache import SolveCache
from .nlf.canonical_space import SMPL_SPACE, CanonicalSpace
from .nlf.checkpoints import load_localizer
from .nlf.head import PointWeights
from .nlf.localizer import Localizer
from .people.finder import PeopleFinder
from .smpl.body_files import load_body
from .smpl.body_model import BodyModel
from .smpl.canonical.placement import CanonicalPlacement, canonical_points
from .smpl.fitting.fit import fitting_device


@dataclass(frozen=True)
class Models:
    """What a job needs, on its device. The point set is the body's V vertices, then J joints.

    body_file: the body as it goes into every take, made once. notes: what the user should know of
    how body and model go together. bodies: where canonical bodies are in
    the model's space.
    """

    device: torch.device
    finder: PeopleFinder
    localizer: Localizer
    body: BodyData
    body_file: bytes
    body_model: BodyModel
    point_weights: PointWeights
    bodies: PlacedBodies
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadedBody:
    """A body, as it goes into every result (made once), and its model on the CPU."""

    data: BodyData
    file: bytes
    model: BodyModel


class Engine:
    """Loads models on first use and keeps the last set, so that a warm worker starts at once."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] | None = None
        self._models: Models | None = None
        self._body_name = ""
        self._body: LoadedBody | None = None
        self.solve_cache = SolveCache()  # what solving a take again needs not do again

    def models(self, settings: LocalizeSettings) -> Models:
        """Models for these settings. UserError if a file or the device is not usable."""
        key = (settings.model, settings.model_data, settings.body, settings.device)
        if self._models is None or key != self._key:
            self._models = None  # free the old set's memory before the new one is loaded
            self._models, self._key = _load(settings), key
        self._models.bodies.folders = _folders(settings)
        return self._models

    def body(self, name: str) -> LoadedBody:
        """A body alone, without the localizer. UserError if its file is not usable."""
        if self._body is None or name != self._body_name:
            data = load_body(body_path(name))
            self._body = LoadedBody(data, reduced_body_npz(data), BodyModel(data))
            self._body_name = name
        return self._body


def body_path(name: str) -> Path:
    """The file of a body as settings name it."""
    return OPEN_BODY if name == "open" else Path(name)


def _load(settings: LocalizeSettings) -> Models:
    device = select_device(settings.device)
    body = load_body(body_path(settings.body))
    data_folder = Path(settings.model_data) if settings.model_data else None
    model = load_localizer(settings.model, device, ASSETS, data_folder, settings.trusted)
    localizer = Localizer(model)
    place = functools.partial(place_body, space=model.space, data_folder=data_folder)
    placement = place(body)
    return Models(
        device=device,
        finder=PeopleFinder(device, ASSETS),
        localizer=localizer,
        body=body,
        body_file=reduced_body_npz(body),
        body_model=BodyModel(body).to(fitting_device(device)),
        point_weights=localizer.point_weights(placement.points),
        bodies=PlacedBodies(placement, place, _folders(settings)),
        notes=(placement.how,) if placement.approximate else (),
    )


def _folders(settings: LocalizeSettings) -> tuple[Path, ...]:
    """Where body files are, but for those that are not there (any more)."""
    named = (*settings.body_folders, settings.model_data)
    return tuple(folder for folder in map(Path, filter(None, named)) if folder.is_dir())


def place_body(
    body: BodyData, space: CanonicalSpace, data_folder: Path | None
) -> CanonicalPlacement:
    """The body's points in the canonical space of a model. For official models, an SMPL file in
    the model's data folder tells where another body's surface is there."""
    reference = None
    if space.name == SMPL_SPACE and data_folder is not None:
        found = [file for file in find_bodies(data_folder).files if file.kind == "smpl"]
        reference = load_body(found[0].path) if found else None  # a neutral one comes first
    return canonical_points(body, space, reference)

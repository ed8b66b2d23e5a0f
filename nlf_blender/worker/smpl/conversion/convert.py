# SPDX-License-Identifier: GPL-3.0-or-later
"""Motions of one body model as motions of another that looks the same.

The source is posed; its surface tells where the target's vertices are (correspondence.py); the
target is fitted to these. That is the conversion of the NLF paper's supplement, with this
project's fitter.
"""

from __future__ import annotations

from dataclasses import fields

import torch
from torch import Tensor

from ...progress import Progress
from ..body_model import BodyModel
from ..fitting.fit import Fit, FitSettings, fit
from ..vertex_subset import choose_vertices
from .correspondence import CarriedVertices, Correspondence, closest_surface_correspondence

VERTICES_TO_FIT = 1024  # of the target
FRAMES_AT_ONCE = 256
FRAMES_FOR_SHAPE = 256  # evenly chosen frames of a person settle the shape that all share
LEAST_CONFIDENCE = 0.5  # of the vertices whose distances are reported


@torch.no_grad()
def convert(
    pose: Tensor,
    betas: Tensor,
    translation: Tensor,
    source: BodyModel,
    target: BodyModel,
    correspondence: Correspondence | None = None,
    settings: FitSettings | None = None,
    progress: Progress | None = None,
    shape_groups: Tensor | None = None,
) -> Fit:
    """The target's parameters whose surface is nearest to that of the posed source; metres.

    pose [T,Js,3] rotation vectors relative to the parent, betas [T,Bs], translation [T,3] of the
    source in T frames, in any number. correspondence: found by the closest surface if None.
    shape_groups [T]: frames with equal numbers share one shape; without, each has its own. The
    residuals [T,N] of the result are those of the target's vertices `fitted_vertices`. Joints are
    no evidence: bodies define them differently.
    UserError if the bodies cannot be aligned; ValueError if shapes do not agree.
    """
    frames = _check(pose, betas, translation, shape_groups, source)
    correspondence = correspondence or closest_surface_correspondence(source, target.body)
    work = _Work((pose, betas, translation), source, target, correspondence, settings)
    progress = progress or Progress()
    if shape_groups is None or frames <= FRAMES_FOR_SHAPE:
        known, scale = None, None
    else:
        known, scale = _shared_shapes(work, shape_groups, progress)
        shape_groups = None
    fits = []
    for first in range(0, max(frames, 1), FRAMES_AT_ONCE):
        progress.step("convert", first, frames)
        chosen = torch.arange(first, min(first + FRAMES_AT_ONCE, frames))
        fits.append(work.fit(chosen, known, scale, shape_groups))
    progress.step("convert", frames, frames)
    return _joined(fits)


def fitted_vertices(target: BodyModel) -> Tensor:
    """The vertices [N] of the target that `convert` fits."""
    return torch.from_numpy(choose_vertices(target.body, VERTICES_TO_FIT))


@torch.no_grad()
def surface_errors(
    pose: Tensor,
    betas: Tensor,
    translation: Tensor,
    source: BodyModel,
    target: BodyModel,
    correspondence: Correspondence,
    found: Fit,
) -> tuple[Tensor, Tensor]:
    """Mean and largest distance [T] of the target's vertices from where the source has them.

    Metres; over all vertices with a confident counterpart, not only those that were fitted.
    """
    device = target.v_template.device
    there = torch.from_numpy(correspondence.confidence >= LEAST_CONFIDENCE).nonzero()[:, 0]
    carried = correspondence.rows(there.to(device))
    means, worst = [], []
    for chosen in torch.arange(len(pose)).split(FRAMES_AT_ONCE):
        aims = _surface(pose, betas, translation, source, carried, chosen)
        parameters = (found.pose, found.betas, found.translation, found.scale)
        own = target(*(item[chosen] for item in parameters), there.to(device))
        distances = (own.vertices - aims).norm(dim=-1)
        means.append(distances.mean(1))
        worst.append(distances.amax(1))
    return torch.cat(means), torch.cat(worst)


class _Work:
    """A conversion's parts, to fit any frames of it."""

    def __init__(
        self,
        motion: tuple[Tensor, Tensor, Tensor],
        source: BodyModel,
        target: BodyModel,
        correspondence: Correspondence,
        settings: FitSettings | None,
    ) -> None:
        if correspondence.matrix.shape != (len(target.v_template), len(source.v_template)):
            raise ValueError(f"a correspondence of shape {correspondence.matrix.shape}")
        self.motion, self.source, self.target = motion, source, target
        self.indices = fitted_vertices(target)
        confidence = correspondence.confidence[self.indices.numpy()]
        self.weights = torch.from_numpy(confidence).to(target.v_template)
        self.carried = correspondence.rows(self.indices.to(target.v_template.device))
        self.settings = settings or FitSettings()

    def fit(
        self, chosen: Tensor, betas: Tensor | None, scale: Tensor | None, groups: Tensor | None
    ) -> Fit:
        """The target in these frames [K]; betas [T,B], scale [T], groups [T] of all frames."""
        return fit(
            _surface(*self.motion, self.source, self.carried, chosen),
            self.target,
            self.weights,
            vertex_indices=self.indices,
            settings=self.settings,
            known_betas=None if betas is None else betas[chosen],
            known_scale=None if scale is None else scale[chosen],
            shape_groups=None if groups is None else groups[chosen],
        )


def _surface(
    pose: Tensor,
    betas: Tensor,
    translation: Tensor,
    source: BodyModel,
    carried: CarriedVertices,
    chosen: Tensor,
) -> Tensor:
    """The carried vertices [K,N,3] in these frames [K]."""
    like = source.v_template
    motion = (item[chosen].to(like) for item in (pose, betas, translation))
    return carried.of(source(*motion, vertex_subset=carried.used).vertices)


def _shared_shapes(work: _Work, groups: Tensor, progress: Progress) -> tuple[Tensor, Tensor]:
    """Betas [T,B] and scale [T], the same for frames of a group, from some frames of each."""
    numbers, member = torch.unique(groups, return_inverse=True)
    shapes = []
    for group in range(len(numbers)):
        progress.step("shape", group, len(numbers))
        frames = (member == group).nonzero()[:, 0]
        count = min(len(frames), FRAMES_FOR_SHAPE)
        even = torch.linspace(0, len(frames) - 1, count).round().long()
        found = work.fit(frames[even], None, None, torch.zeros_like(groups))
        shapes.append((found.betas[0], found.scale[0]))
    betas, scale = (torch.stack(items) for items in zip(*shapes, strict=True))
    member = member.to(betas.device)
    return betas[member], scale[member]


def _joined(fits: list[Fit]) -> Fit:
    return Fit(
        **{
            field.name: torch.cat([getattr(item, field.name) for item in fits])
            for field in fields(Fit)
        }
    )


def _check(
    pose: Tensor, betas: Tensor, translation: Tensor, groups: Tensor | None, source: BodyModel
) -> int:
    """The number of frames T. ValueError if a shape is wrong."""
    frames = len(pose)
    joints = len(source.parents)
    if pose.shape != (frames, joints, 3):
        raise ValueError(f"pose of shape {tuple(pose.shape)} for {joints} joints")
    if betas.ndim != 2 or len(betas) != frames or betas.shape[1] > source.beta_count:
        raise ValueError(f"betas of shape {tuple(betas.shape)} for {frames} frames")
    if translation.shape != (frames, 3):
        raise ValueError(f"translation of shape {tuple(translation.shape)} for {frames} frames")
    if groups is not None and groups.shape != (frames,):
        raise ValueError(f"shape groups of shape {tuple(groups.shape)} for {frames} frames")
    return frames

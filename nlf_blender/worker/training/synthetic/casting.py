# SPDX-License-Identifier: GPL-3.0-or-later
"""Casts for the renderer: scenes drawn by their numbers, their people posed at once on a device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ....errors import UserError
from ...smpl.body_model import BodyModel, blend
from .bodies import open_body, pose_truths, skinning_transforms
from .pose_library import SPLITS, PoseLibrary, load_library
from .scene import Lighting, Scene
from .scenes import SceneMaker
from .stage import Cameras, Cast, Lights, People, chance

HELD_OUT_SEEDS = 1 << 40  # added to the seed, so that nothing of both splits is drawn alike


class Casting:
    """Makes casts of a split; poses: a library or its file, None for drawn poses alone."""

    def __init__(
        self,
        poses: PoseLibrary | Path | None,
        split: str = "train",
        device: torch.device | str = "cpu",
        body: BodyModel | None = None,
    ) -> None:
        if split not in SPLITS:
            raise UserError("Unknown split", f"{split!r}.", f"Choose one of {', '.join(SPLITS)}.")
        self.split = split
        self.body = (open_body() if body is None else body).to(device)
        library = load_library(poses) if isinstance(poses, Path) else poses
        self.maker = SceneMaker(self.body, library, split)

    def crops(self, seed: int, numbers: Sequence[int], side: int) -> Cast:
        """Pictures `numbers` of the stream of `seed`, each square and about its first person."""
        return self._cast(seed, numbers, side)

    def scenes(self, seed: int, numbers: Sequence[int], size: tuple[int, int]) -> Cast:
        """Pictures (width, height) of one to six people."""
        return self._cast(seed, numbers, size)

    def plan(self, seed: int, number: int, size: int | tuple[int, int]) -> Scene:
        """One scene; size: the side of a crop, or width and height of a whole picture."""
        seed = self._seed(seed)
        roles = [chance(seed, number, role) for role in ("people", "camera", "light")]
        if isinstance(size, int):
            return self.maker.crop(*roles, size)
        return self.maker.scene(*roles, size)

    def _seed(self, seed: int) -> int:
        return seed + (HELD_OUT_SEEDS if self.split == "held-out" else 0)

    def _cast(self, seed: int, numbers: Sequence[int], size: int | tuple[int, int]) -> Cast:
        scenes = [self.plan(seed, number, size) for number in numbers]
        device = self.body.v_template.device
        return Cast(
            seed=self._seed(seed),
            numbers=tuple(numbers),
            people=people_of(self.body, scenes),
            cameras=_cameras(scenes, device),
            lights=_lights([scene.lighting for scene in scenes], device),
            props=tuple(scene.props for scene in scenes),
        )


@torch.no_grad()
def people_of(body: BodyModel, scenes: Sequence[Scene]) -> People:
    """The people of all scenes, posed on the body's device."""
    device = body.v_template.device
    everyone = [person for scene in scenes for person in scene.people]
    counts = [len(scene.people) for scene in scenes]
    posed = pose_truths(body, [person.truth() for person in everyone])
    betas = _tensor([person.betas for person in everyone], device)
    scale = _tensor([person.scale for person in everyone], device)
    rest = body.rest_joints(betas)
    return People(
        picture=torch.from_numpy(np.repeat(np.arange(len(scenes)), counts)).to(device),
        owner=torch.from_numpy(np.concatenate([np.arange(n) for n in counts])).to(device),
        betas=betas,
        rotations=_tensor([person.rotations for person in everyone], device),
        translation=_tensor([person.translation for person in everyone], device),
        scale=scale,
        shaped=blend(body.v_template, body.shapedirs, betas),
        transforms=skinning_transforms(posed, rest, scale),
        vertices=posed.vertices,
        joints=posed.joints,
    )


def _cameras(scenes: Sequence[Scene], device: torch.device) -> Cameras:
    return Cameras(
        size=scenes[0].size,
        intrinsics=_tensor([scene.intrinsics for scene in scenes], device),
        up=_tensor([scene.up for scene in scenes], device),
        height=_tensor([scene.camera_height for scene in scenes], device),
    )


def _lights(lightings: Sequence[Lighting], device: torch.device) -> Lights:
    """All with as many lamps as the most have; the others are dark."""
    most = max(len(one.directions) for one in lightings)
    directions = np.zeros((len(lightings), most, 3))
    directions[..., 1] = -1.0
    colors = np.zeros_like(directions)
    for row, one in enumerate(lightings):
        directions[row, : len(one.directions)] = one.directions
        colors[row, : len(one.colors)] = one.colors
    return Lights(
        sky=_tensor([one.sky for one in lightings], device),
        ground=_tensor([one.ground for one in lightings], device),
        directions=_tensor(directions, device),
        colors=_tensor(colors, device),
        softness=_tensor([one.softness for one in lightings], device),
    )


def _tensor(values: object, device: torch.device) -> Tensor:
    return torch.as_tensor(np.asarray(values), dtype=torch.float32, device=device)

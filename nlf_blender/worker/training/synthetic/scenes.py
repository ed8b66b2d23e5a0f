# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes from random numbers: who is where, what they are on, the camera and the light."""

from __future__ import annotations

from numpy.random import Generator

from ...smpl.body_model import BodyModel
from .cameras import WorldCamera, crop_camera, scene_camera
from .figures import FigureModel
from .groups import CROP_COUNTS, SCENE_COUNTS, PeopleMaker
from .lighting import draw_lighting
from .placing import Placed
from .pose_library import PoseLibrary
from .poses import PoseSampler
from .scene import Prop, Scene, ScenePerson
from .shapes import ShapeSpace

MOST_HIDDEN = 0.6  # of the person whom a crop is about, by any other; whoever hides more goes


class SceneMaker:
    """Draws scenes of a split. library: recorded poses, of which those of the split are used; None
    for drawn poses alone."""

    def __init__(self, body: BodyModel, library: PoseLibrary | None, split: str = "train") -> None:
        model = FigureModel(body)
        poses = PoseSampler(None if library is None else library.split(split))
        self.people = PeopleMaker(model, ShapeSpace(model), poses, split)

    def crop(self, random: Generator, cameras: Generator, lights: Generator, side: int) -> Scene:
        """A square picture that is about its first person; others are where they come to be."""
        subject, *others = self.people.group(random, CROP_COUNTS)
        camera = crop_camera(cameras, subject, side)
        shown = [
            one
            for one in _in_view(others, camera)
            if camera.hidden(subject.points, one.points) < MOST_HIDDEN
        ]
        return _scene([subject, *shown], camera, lights)

    def scene(
        self, random: Generator, cameras: Generator, lights: Generator, size: tuple[int, int]
    ) -> Scene:
        """A picture (width, height) of one to six people."""
        people = self.people.group(random, SCENE_COUNTS)
        camera = scene_camera(cameras, people, size)
        return _scene([people[0], *_in_view(people[1:], camera)], camera, lights)


def _in_view(people: list[Placed], camera: WorldCamera) -> list[Placed]:
    """Those who are in the picture, and not at the lens."""
    return [person for person in people if camera.shows(person.points)]


def _scene(shown: list[Placed], camera: WorldCamera, lights: Generator) -> Scene:
    return Scene(
        size=camera.size,
        intrinsics=camera.intrinsics,
        up=camera.axes[:, 1].copy(),
        camera_height=float(camera.place[1]),
        people=tuple(_person(person, camera) for person in shown),
        props=tuple(_prop(one.seat, camera) for one in shown if one.seat is not None),
        lighting=draw_lighting(lights, camera.axes),
    )


def _person(placed: Placed, camera: WorldCamera) -> ScenePerson:
    rotations = placed.pose.local.copy()
    rotations[0] = camera.axes @ placed.posed.world[0]
    # the forward pass turns the body about the pelvis at rest
    translation = camera.seen(placed.pelvis) - placed.posed.figure.joints[0]
    shape = placed.shape
    return ScenePerson(shape.betas, rotations, translation, shape.scale, placed.pose.name)


def _prop(prop: Prop, camera: WorldCamera) -> Prop:
    return Prop(
        prop.kind, camera.axes @ prop.rotation, camera.seen(prop.place), prop.size, prop.seed
    )

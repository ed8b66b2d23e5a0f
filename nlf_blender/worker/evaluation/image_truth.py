# SPDX-License-Identifier: GPL-3.0-or-later
"""Where true people are in their picture: joints in pixels, and the boxes around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...body.arrays import Float64Array
from ..nlf.camera import Camera
from .items import BadItem, Item, JointLabel, TrueJoints, TruePerson


def joint_pixels(
    person: TruePerson, camera: Camera | None, labels: Sequence[JointLabel]
) -> Float64Array:
    """Pixels [L,2] of these joints: those annotated, or, if none is, as the true 3D joints are
    seen. NaN for those that nobody knows."""
    pixels = np.full((len(labels), 2), np.nan)
    rows = {label: row for row, label in enumerate(labels)}
    joints = person.joints
    if person.pixels is None and joints is not None and joints.absolute and camera is not None:
        pixels[[rows[label] for label in joints.labels]] = camera.project(joints.places)
    if person.pixels is not None:
        for label, place in zip(person.pixels.labels, person.pixels.places, strict=True):
            if np.isfinite(place).all():
                pixels[rows[label]] = place
    return pixels


def box_of(person: TruePerson, camera: Camera | None) -> Float64Array | None:
    """The person's box [4] (left, top, right, bottom): as given, else around all that is true of
    the person in the picture. None if nothing tells."""
    return person.box if person.box is not None else extent(person, camera)


def extent(person: TruePerson, camera: Camera | None) -> Float64Array | None:
    """The box [4] around the person's vertices and joints in the picture, None without any."""
    parts = [person.pixels.places] if person.pixels is not None else []
    if camera is not None:
        joints, mesh = person.joints, person.mesh
        if joints is not None and joints.absolute:
            parts.append(camera.project(joints.places))
        if mesh is not None:
            parts.append(camera.project(mesh.vertices))
    places = np.concatenate([np.zeros((0, 2)), *parts])
    return bounds(places)


def bounds(pixels: Float64Array) -> Float64Array | None:
    """The box [4] around the known of pixels [K,2]; None if it has no area."""
    known = pixels[np.isfinite(pixels).all(axis=1)]
    if len(known) < 2:
        return None
    box = np.concatenate([known.min(axis=0), known.max(axis=0)])
    return box if (box[2:] > box[:2]).all() else None


def within_picture(item: Item, size: tuple[int, int]) -> Item:
    """The item less 2D joints outside of its picture, of this width and height, with a note on
    each person who had some: nobody can have seen them. BadItem if nothing of a person is left, or
    if a box lies outside."""
    notes = list(item.notes)
    people: list[TruePerson] = []
    for row, person in enumerate(item.people):
        pixels = person.pixels
        if pixels is not None:
            inside = ((pixels.places >= -0.5) & (pixels.places < np.array(size) - 0.5)).all(axis=1)
            outside = pixels.known & ~inside
            if outside.any():
                names = ", ".join(pixels.labels[i][1] for i in np.flatnonzero(outside)[:3])
                more = f" and {outside.sum() - 3} more" if outside.sum() > 3 else ""
                notes.append(f"person {row + 1}: {names}{more} outside of the picture, left out")
                places = np.where(inside[:, None], pixels.places, np.nan)
                kept = TrueJoints(pixels.labels, places) if inside.any() else None
                person = replace(person, pixels=kept)
                if not known(person):
                    raise BadItem(f"all 2D joints of person {row + 1} are outside of the picture.")
        box = person.box
        if box is not None and not ((box[2:] > 0) & (box[:2] < np.array(size))).all():
            raise BadItem(f"the box of person {row + 1} is outside of the picture.")
        people.append(person)
    return replace(item, people=tuple(people), notes=tuple(notes))


def known(person: TruePerson) -> bool:
    """Whether anything is true of a person."""
    parts = (person.box, person.joints, person.pixels, person.mesh, person.mask)
    return any(part is not None for part in parts)

# SPDX-License-Identifier: GPL-3.0-or-later
"""All landmarks of the open body, found on first use."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ....body.arrays import Float64Array
from ....body.body_data import BodyData
from .arm import ARM, HAND, SHOULDER
from .body_shape import BodyShape
from .leg import FOOT, LEG
from .recipes import Landmarks
from .trunk import HEAD, PELVIS, TRUNK

REGIONS: Mapping[str, Landmarks] = {
    "head": HEAD,
    "trunk": TRUNK,
    "pelvis": PELVIS,
    "arm": {**SHOULDER, **ARM},
    "hand": HAND,
    "leg": LEG,
    "foot": FOOT,
}
LANDMARKS: Landmarks = {name: mark for marks in REGIONS.values() for name, mark in marks.items()}
_JOINTS = {
    "head": ("Neck", "Head"),
    "trunk": ("Spine1", "Spine2", "Spine3", "L_Collar"),
    "pelvis": ("Pelvis",),
    "arm": ("L_Shoulder", "L_Elbow", "L_Wrist"),
    "hand": ("L_Hand",),
    "leg": ("L_Hip", "L_Knee"),
    "foot": ("L_Ankle", "L_Foot"),
}
REGION_OF = {
    name: region for region, names in (*REGIONS.items(), *_JOINTS.items()) for name in names
}


class LandmarkAtlas:
    """Landmarks and joints of a body by name, on the left or in the middle."""

    def __init__(self, body: BodyData) -> None:
        self.shape = BodyShape(body)
        self._found: dict[str, Float64Array] = {}

    def at(self, name: str) -> Float64Array:
        """The place [3] of a landmark or joint, metres, canonical space. ValueError if there is
        none of this name, or if it cannot be found on this body."""
        if name not in self._found:
            known = LANDMARKS.get(name)
            self._found[name] = self.shape.joint(name) if known is None else known.recipe.find(self)
        return self._found[name]

    def title(self, name: str) -> str:
        """What it is called in a sentence."""
        if name in LANDMARKS:
            return LANDMARKS[name].title
        return f"the {joint_words(name)} joint"

    def place(self, name: str) -> str:
        """Where a landmark or joint is, in words and millimetres."""
        if name in LANDMARKS:
            return LANDMARKS[name].recipe.words(self)
        return f"{self.title(name)} of the open body"


def joint_words(name: str) -> str:
    """ "L_Hip" as "hip", "Spine1" as "spine 1"."""
    return re.sub(r"(\d)", r" \1", name.removeprefix("L_")).lower()

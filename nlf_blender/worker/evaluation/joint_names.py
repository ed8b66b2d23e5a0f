# SPDX-License-Identifier: GPL-3.0-or-later
"""Which joint a name of an evaluation set means, and where it is in a model's canonical space."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...body.arrays import Float64Array
from ...protocol.marker_set import OPEN
from ..training.datasets.joint_places import common_places, place_of
from ..training.datasets.joint_set_names import BUILT_IN, SMPL, smpl_style
from ..training.datasets.joint_sets import JointCatalogue
from .items import JointLabel

if TYPE_CHECKING:
    from ..engine import Models

SMPL_SET, SMPLX_SET = "smpl24", "smplx55"
COMMON_SET = "coco17"  # whose joints names without a set are, where it has them
_FAMILY = {"smpl24": "smpl", "smplh52": "smplh", "smplx55": "smplx"}
# Names that only SMPL's skeleton has: who uses one of them means SMPL's joints by the others, too.
_OWN_NAMES = frozenset(
    name for name in SMPL if name.endswith(("collar", "foot", "hand", "1", "2", "3"))
)


def joint_labels(names: Sequence[str], set_name: str = "") -> tuple[JointLabel, ...]:
    """The joints that names mean: those of the named set; else SMPL's if one of the names is
    SMPL's alone; else those that most sets share. ValueError naming the first unknown one, or one
    that is there twice; UserError if there is no such set."""
    plain = [_plain(name) for name in names]
    for index, name in enumerate(plain):
        if name in plain[:index]:
            raise ValueError(f"the joint '{names[index]}' is there twice")
    if set_name:
        known = JointCatalogue().get(set_name).joints
    elif _OWN_NAMES & set(plain) or any(name.startswith(("L_", "R_")) for name in names):
        set_name = SMPL_SET if set(plain) <= set(SMPL) else SMPLX_SET
        known = BUILT_IN[set_name][0]
        if not set(plain) <= set(known):  # SMPL's beside others', such as the nose
            set_name, known = "", tuple(common_places())
    else:
        known = tuple(common_places())
    for given, name in zip(names, plain, strict=True):
        if name not in known:
            near = difflib.get_close_matches(name, known, 3)
            hint = f"; nearest: {', '.join(near)}" if near else ""
            raise ValueError(f"unknown joint '{given}'{hint}")
    return tuple((set_name, name) for name in plain)


def canonical_joints(labels: Sequence[JointLabel], models: Models) -> Float64Array:
    """Where joints are in the canonical space of the model: [K,3] metres.

    Joints of sets that the model learnt (without a set: COCO's 17) are where it learnt them to be.
    SMPL's are those of the body that is localized, if that is of SMPL's family. All others are
    places on the open body, carried into the model's space. UserError if nothing tells how.
    """
    places = _in_model_space(np.stack([_open_place(label) for label in labels]), models)
    fitted = models.bodies.fitted
    joints = fitted.points[models.body.vertex_count :]
    own = [smpl_style(name) for name in models.body.skeleton.joint_names]
    learnt = models.localizer.model.space.joint_sets
    for row, (set_name, name) in enumerate(labels):
        if name in learnt.get(set_name or COMMON_SET, {}):
            places[row] = learnt[set_name or COMMON_SET][name]
        elif _FAMILY.get(set_name) and models.bodies.fitted_kind != OPEN and name in own:
            places[row] = joints[own.index(name)]
    return places


def _open_place(label: JointLabel) -> Float64Array:
    set_name, name = label
    return place_of(set_name, name) if set_name else common_places()[name]


def _in_model_space(places: Float64Array, models: Models) -> Float64Array:
    placement = models.bodies.of(OPEN)
    assert placement is not None  # it ships with the extension
    return placement.map.map(places)


def _plain(name: str) -> str:
    """A name as the joint sets write it: `left_hip` for `L_Hip`, `Left Hip` and `left-hip`."""
    return smpl_style(name.strip().replace(" ", "_").replace("-", "_"))

# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the joints of every set are on the canonical open body, in metres.

From the marker-set presets (their page says in words and millimetres where each is), and a few
places of its own. Training starts its learnt places here, and an evaluation looks for a joint here.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ....body.arrays import Float64Array
from ....body.body_data import load_body_npz
from ....errors import UserError
from ....protocol.marker_set import read_marker_set
from ...assets import OPEN_BODY
from ...markers.preset_files import marker_file
from .joint_set_names import HUMAN36M_17, OPENPOSE, smpl_style
from .joint_sets import JointCatalogue

Places = Mapping[str, Float64Array]
# Names of sets that are another joint's place: no set of points has them any nearer.
_LIKE = {
    "spine": "spine1",
    "spine4": "collars",
    "left_clavicle": "left_collar",
    "right_clavicle": "right_collar",
    "mouth_left": "jaw",
    "mouth_right": "jaw",
} | {
    f"{side}_{joint}": f"{side}_{other}"
    for side in ("left", "right")
    for joint, other in {
        "toe": "big_toe",
        "toe_end": "big_toe",
        "foot_index": "big_toe",
        "thumb": "thumb3",
        "thumb_end": "thumb3",
        "index": "index1",
        "pinky": "pinky1",
        "eye_inner": "eye",
        "eye_outer": "eye",
    }.items()
}
_SMPL_FAMILY = ("open24", "smpl24", "smplh52", "smplx55")


def start_places(catalogue: JointCatalogue) -> Float64Array:
    """The place [G,3] of every joint of the catalogue, in the order of its labels.

    A joint of a dataset's own set is where the common sets have its name. UserError if none has.
    """
    places = np.stack([place_of(*label.split("/", 1)) for label in catalogue.labels])
    mirrored = places[catalogue.mirror] * [-1.0, 1.0, 1.0]
    return (places + mirrored) / 2  # symmetric to the last digit


def place_of(set_name: str, joint: str) -> Float64Array:
    """The place [3] of a joint of a set; of one that is called so in no set here, UserError."""
    tables = [_of_family()] if set_name in _SMPL_FAMILY else [*_own(set_name), common_places()]
    for table in tables:
        if joint in table:
            return table[joint]
    raise UserError(
        "Unknown place",
        f"Nothing tells where {joint!r} of the joint set {set_name} is on the body.",
        "Call it as the joint of a common set is called, such as left_shoulder.",
    )


@functools.cache
def common_places() -> Places:
    """Places by the names that most sets share: COCO's joints and feet, `pelvis` in the middle of
    the hips, `thorax` and `spine` as Human3.6M's, SMPL's `neck` and `head`, `head_top`, the skull's
    top, and SMPL-X's other joints."""
    coco, human = _preset("coco_17"), _preset("human36m_17", HUMAN36M_17)
    feet = _preset("openpose_body_25", OPENPOSE)
    own = {
        "pelvis": human["pelvis"],
        "thorax": human["thorax"],
        "spine": human["spine"],
        "head_top": _head_top(),
        "collars": (_of_family()["left_collar"] + _of_family()["right_collar"]) / 2,
    }
    known = {**_of_family(), **feet, **coco, "neck": _of_family()["neck"], **own}
    known |= {name: known[other] for name, other in _LIKE.items() if name not in known}
    return MappingProxyType(known)


def _own(set_name: str) -> list[Places]:
    """Where a set has joints elsewhere than the common names say."""
    if set_name in ("h36m25", "h36m17"):
        return [_preset("human36m_17", HUMAN36M_17)]
    if set_name == "openpose25":
        return [_preset("openpose_body_25", OPENPOSE)]
    if set_name == "mpii16":  # its neck is where the head begins
        family = _of_family()
        return [{"neck": (family["neck"] + family["head"]) / 2}]
    if set_name.startswith("mpi_inf_3dhp"):
        return [{"spine": _of_family()["spine1"]}]
    return []


@functools.cache
def _of_family() -> Places:
    """SMPL's joints and SMPL-X's fingers, jaw and eyes, by names in SMPL-X's style."""
    joints = {**_preset("smpl_24"), **_preset("smplx_55")}
    return MappingProxyType({name.removesuffix("_smplhf"): at for name, at in joints.items()})


@functools.cache
def _preset(name: str, names: tuple[str, ...] | None = None) -> Places:
    """The markers of a preset, by names in the style of the joint sets, or by these names."""
    markers = read_marker_set(marker_file(name)).markers
    called = names or tuple(smpl_style(marker.name) for marker in markers)
    return MappingProxyType(
        {joint: np.array(marker.position) for joint, marker in zip(called, markers, strict=True)}
    )


def _head_top() -> Float64Array:
    """The highest vertex of the head: hands are higher in the canonical pose, but far aside."""
    vertices = load_body_npz(OPEN_BODY, posed=False).canonical_vertices
    assert vertices is not None  # the open body has them
    head = vertices[np.abs(vertices[:, 0]) < 0.12]
    top = head[head[:, 1].argmax()]
    return np.array([0.0, top[1], top[2]])

# SPDX-License-Identifier: GPL-3.0-or-later
"""Marker sets out of presets and landmarks, and the page that describes them."""

from __future__ import annotations

import numpy as np

from ....body.arrays import Float64Array
from ....body.body_data import BodyData
from ....body.sides import mirrored
from ....protocol.marker_set import OPEN, Color, Marker, MarkerSet
from .atlas import LANDMARKS, REGION_OF, LandmarkAtlas
from .keypoints import BODY_25, COCO_17, HUMAN36M_17, SMPL_24, SMPLX_55
from .presets import CMU_41, HELEN_HAYES, OPENSIM, OPTITRACK, PLUG_IN_GAIT, RIGHT, Preset, Row

PRESETS = (
    *(COCO_17, BODY_25, HUMAN36M_17, SMPL_24, SMPLX_55),
    *(PLUG_IN_GAIT, HELEN_HAYES, OPENSIM, OPTITRACK, CMU_41),
)
LIMBS = ("arm", "hand", "leg", "foot")  # whose sides are groups of their own
DECIMALS = 5  # of metres
# linear RGB by region, and by side for limbs: left reddish, right greenish
COLORS: dict[str, Color] = {
    "head": (1.0, 0.75, 0.1),
    "trunk": (0.75, 0.75, 0.8),
    "pelvis": (0.2, 0.45, 1.0),
    "left arm": (1.0, 0.15, 0.1),
    "left hand": (1.0, 0.35, 0.3),
    "left leg": (0.75, 0.05, 0.2),
    "left foot": (0.9, 0.15, 0.45),
    "right arm": (0.1, 0.8, 0.15),
    "right hand": (0.4, 0.95, 0.4),
    "right leg": (0.02, 0.5, 0.15),
    "right foot": (0.1, 0.65, 0.45),
}


def marker_sets(body: BodyData) -> dict[str, MarkerSet]:
    """Every marker set by its file's name without a suffix. ValueError if a landmark cannot be
    found on the body."""
    atlas = LandmarkAtlas(body)
    return {
        preset.file: MarkerSet(
            name=preset.name,
            description=preset.description,
            body=OPEN,
            markers=tuple(_marker(row, atlas) for row in preset.rows),
        )
        for preset in PRESETS
    }


def _marker(row: Row, atlas: LandmarkAtlas) -> Marker:
    place = np.round(atlas.at(row.landmark), DECIMALS)
    if row.side == RIGHT:
        place = mirrored(place)
    region = REGION_OF[row.landmark]
    group = f"{row.side} {region}" if row.side and region in LIMBS else region
    x, y, z = (float(number) + 0.0 for number in place)  # -0 becomes 0
    title = f"{atlas.title(row.landmark)}: " if row.landmark in LANDMARKS else ""
    side = f"{row.side} side, " if row.side else ""
    words = f"{side}{title}{atlas.place(row.landmark)}"
    return Marker(row.name, (x, y, z), group, COLORS[group], words)


def page(body: BodyData, presets: tuple[Preset, ...] = PRESETS) -> str:
    """README.md of the marker sets: what they are and where each marker and landmark is."""
    atlas, sets = LandmarkAtlas(body), marker_sets(body)
    lines = [INTRODUCTION]
    for preset in presets:
        found = sets[preset.file]
        lines += [f"## {found.name}\n", f"`{preset.file}.json`. {found.description}\n"]
        lines += ["| marker | place | x, y, z mm |", "| ------ | ----- | ---------: |"]
        lines += [_line(m.name, m.place, np.array(m.position)) for m in found.markers]
        lines.append("")
    lines += [
        LANDMARKS_TITLE,
        "| landmark | place | x, y, z mm |",
        "| -------- | ----- | ---------: |",
    ]
    lines += [_line(atlas.title(name), atlas.place(name), atlas.at(name)) for name in LANDMARKS]
    return "\n".join([*lines, ""])


def _line(name: str, place: str, position: Float64Array) -> str:
    mm = ", ".join(f"{round(1000 * number)}" for number in position)
    return f"| {name} | {place} | {mm} |"


LANDMARKS_TITLE = """## Landmarks

What the places above are told from, on the left and in the middle of the body.
"""
INTRODUCTION = """# Marker sets

Where each marker of the sets that come with the extension is, on the canonical open body. They were
made from the systems' public descriptions of their markers, in the words and millimetres below,
and from the open body alone; `python -m nlf_blender.worker.authoring.marker_sets` makes them and
this page again. Markers on the right are exact mirror images of those on the left. Those said to be
on the skin are on the surface of the mesh: a real marker's middle is its radius further out.

x is to the body's left, y up, z to its front, from the origin of the canonical space. Directions in
the table are those of a person who stands, on the left (in: towards the middle). Those of a leg are
meant as if it stood straight below its hip, those of an arm as if it were stretched out to the side
with the palm down and the thumb to the front; the canonical pose turns the legs 40 and the arms 30
degrees from there. Joints named in the table are the open body's.
"""

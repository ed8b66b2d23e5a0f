# SPDX-License-Identifier: GPL-3.0-or-later
"""Point sets in takes of known motion, for tests: rows made of the truth, no localizer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from nlf_blender.body.body_data import BodyData, load_body_npz
from nlf_blender.body.forward import posed_body
from nlf_blender.protocol.marker_set import OPEN
from nlf_blender.protocol.point_set import MARKERS, RIG, PointSet, RigInfo, write_point_set
from nlf_blender.protocol.rows import read_chunk
from nlf_blender.protocol.take import BODY_FILE, read_info
from nlf_blender.protocol.take_sets import (
    POINTS_FILE,
    SETS_FOLDER,
    TakeSet,
    write_set_chunk,
    write_take_set,
)
from nlf_blender.worker.markers.attachment import Attachment, attach, attached_body
from nlf_blender.worker.markers.attachment_file import write_attachment
from nlf_blender.worker.smpl.canonical.own_canonical import own_canonical

Rows = dict[str, np.ndarray]


def add_set(
    take: Path,
    slug: str,
    attachment: Attachment,
    points: Callable[[Rows], np.ndarray] | None = None,
    uncertainty: float = 0.02,
    *,
    given: PointSet | None = None,
) -> Path:
    """Write a set into a take: the folder. points: of the take's rows [R] the localized ones
    [R,K,3], if they are not those of the rows' own bodies; given: the set, if it matters."""
    body = load_body_npz(take / BODY_FILE)
    attached = attached_body(body, attachment)
    folder = take / SETS_FOLDER / slug
    folder.mkdir(parents=True)
    count = len(attachment.index)
    names = tuple(f"m{index}" for index in range(count))
    point_set = given or PointSet(slug, MARKERS, OPEN, attached.v_template, names, ("",) * count)
    write_point_set(folder / POINTS_FILE, point_set)
    write_attachment(folder, attachment)
    chunks = []
    for index, chunk in enumerate(read_info(take).chunks):
        rows = read_chunk(take, chunk)
        if points is not None:
            places = points(rows)
        else:
            bodies = zip(rows["pose"], rows["betas"], rows["translation"], strict=True)
            places = np.stack([posed_body(attached, *one).vertices for one in bodies])
        doubt = np.where(np.isnan(places).any(axis=2), np.nan, uncertainty)
        fields = {"points": places, "uncertainty": doubt}
        chunks.append(write_set_chunk(folder, index, chunk.sha256, fields))
    kind, home = point_set.kind, point_set.body
    write_take_set(folder, TakeSet(slug, kind, home, count, "0" * 64, tuple(chunks)))
    return folder


def rig_of(body: BodyData) -> tuple[Attachment, PointSet]:
    """A rig whose joints are the body's own, and that has no surface."""
    own = own_canonical(body)
    joints = own.joints
    rig = RigInfo(
        joint_names=body.skeleton.joint_names,
        parents=np.array(body.skeleton.parents),
        joints=joints,
        weights=np.eye(len(joints), dtype=np.float32),
        held=np.zeros(len(joints), dtype=bool),
    )
    return attach(own, joints), PointSet("rig", RIG, OPEN, joints, rig=rig)

# SPDX-License-Identifier: GPL-3.0-or-later
"""What a body file is, in words."""

from __future__ import annotations

from pathlib import Path

from ...body.body_data import BodyData
from ...body.model_folder import KIND_TITLES
from ...body.smpl_layout import PUBLISHED_VERTICES
from ..description import Description, size_row
from .body_files import is_star, load_body

UNKNOWN_LICENSE = "not named in the file"


def describe_body(path: Path) -> Description:
    """The kind of a body file, its sizes, and what it lacks. UserError if it is no body."""
    body = load_body(path)
    star = body.posedirs is None and is_star(path)
    return Description(
        kind=_kind(body, star),
        role="body",
        license=body.license or UNKNOWN_LICENSE,
        rows=_rows(path, body),
        missing=_missing(body, star),
        notes=_notes(body, star),
    )


def _kind(body: BodyData, star: bool) -> str:
    if not star and PUBLISHED_VERTICES.get(body.kind) != body.vertex_count:
        return f"body in the layout of {KIND_TITLES.get(body.kind, 'SMPL')}, {body.gender}"
    return f"{KIND_TITLES['star' if star else body.kind]} body, {body.gender}"


def _rows(path: Path, body: BodyData) -> tuple[tuple[str, str], ...]:
    hands = f"{body.hands.component_count} components" if body.hands else "none"
    return (
        ("name", body.name),
        ("gender", body.gender),
        ("vertices", str(body.vertex_count)),
        ("triangles", str(len(body.faces))),
        ("joints", str(body.joint_count)),
        ("betas", str(body.beta_count)),
        ("expressions", str(body.expression_count)),
        ("hand poses", hands),
        size_row(path),
    )


def _missing(body: BodyData, star: bool) -> tuple[str, ...]:
    missing: list[str] = []
    if body.posedirs is None and not star:
        missing.append("posedirs: joints bend without correctives; the publisher's file has them")
    if body.hands is None and body.kind in ("smplh", "smplx"):
        missing.append(
            "hands_mean, hands_components: no relaxed hands; the publisher's file has them, for "
            "SMPL-H the one that is merged with MANO"
        )
    if body.expression_dirs is None and body.kind == "smplx":
        missing.append("expressions: shapedirs has 10 components or fewer")
    return tuple(missing)


def _notes(body: BodyData, star: bool) -> tuple[str, ...]:
    notes: list[str] = []
    if star:
        notes.append("STAR's pose correctives are of quaternions: they are not used")
    if not body.kind:
        notes.append("the joints are not those of SMPL, SMPL-H or SMPL-X")
    return tuple(notes)

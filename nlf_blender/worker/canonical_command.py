# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker canonical-body`: a body with its own canonical points, for Blender."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from ..body.body_data import load_body_npz, reduced_body_npz
from ..errors import UserError
from ..protocol.files import write_whole
from ..protocol.marker_set import BODIES, OPEN
from .assets import OPEN_BODY
from .body_option import add_body_options, body_name


def add_canonical_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Make the command known."""
    parser = commands.add_parser(
        "canonical-body", help="the body on which markers are placed, as a small npz"
    )
    add_body_options(parser)
    parser.add_argument("--kind", choices=BODIES, help="fail if the body is of another kind")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the npz to write")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.set_defaults(run=_write)


def _write(options: argparse.Namespace) -> int:
    out: Path = options.out
    kind, data = canonical_body_npz(body_name(options), options.kind)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, data)
    except OSError as error:
        raise UserError(
            "Canonical body not written", f"{out}: {error.strerror}.", "Choose another folder."
        ) from error
    print(json.dumps({"file": str(out), "kind": kind}) if options.json else f"{kind}: {out}")
    return 0


def canonical_body_npz(name: str, wanted: str | None = None) -> tuple[str, bytes]:
    """The kind of a body, "open" or a file, and a reduced npz of it with its canonical points,
    without what poses it. UserError if it has none, or is not of the kind that is wanted."""
    from .smpl.body_files import load_body
    from .smpl.canonical.own_canonical import in_smpl_family, own_canonical

    if name == OPEN:
        body, kind = load_body_npz(OPEN_BODY), OPEN
    else:
        body = load_body(Path(name))
        kind = body.kind if in_smpl_family(body) else ""
    if kind not in BODIES:
        raise UserError(
            "Not a canonical body",
            f"{name} is no body of SMPL, SMPL-H or SMPL-X.",
            "Choose a file of one of these, or the open body.",
        )
    if wanted is not None and kind != wanted:
        raise UserError(
            "Another kind of body",
            f"{name} is of the kind '{kind}', not '{wanted}'.",
            f"Choose a file of '{wanted}', or add the canonical body '{kind}'.",
        )
    own = own_canonical(body)
    placed = replace(
        body,
        canonical_vertices=own.vertices,
        canonical_joints=own.joints,
        mirror_vertices=own.mirror,
        posedirs=None,
        hands=None,
        expression_dirs=None,
        joints_expression_dirs=None,
    )
    return kind, reduced_body_npz(placed, beta_count=1)

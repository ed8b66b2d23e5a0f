# SPDX-License-Identifier: GPL-3.0-or-later
"""`worker train wardrobe`: an archive of MakeHuman clothes and hair -> one npz for the renderer."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from .....body.body_data import load_body_npz
from .....errors import UserError
from ....assets import OPEN_BODY
from ....take_writer import disk_errors
from ..archives import read_texts
from .base_mesh import load_base_mesh
from .garment import save_garments
from .mhclo import read_clothes
from .pieces import garments_of, with_some_held_out, without_doubles

_SUFFIXES = (".mhclo", ".obj")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "archive",
        type=Path,
        help="a folder or a tar file (.tar, .tar.gz, .tar.xz) with .mhclo files beside their .obj; "
        "hair in a folder named hair",
    )
    parser.add_argument("--out", type=Path, required=True, help="the npz to write")


def run(options: argparse.Namespace) -> int:
    """Read the archive, write the wardrobe, print what is in it."""
    try:
        texts = read_texts(options.archive, _SUFFIXES)
    except ValueError as error:
        raise _unusable(options.archive, str(error)) from error
    body = load_body_npz(OPEN_BODY, posed=False)
    base = load_base_mesh(body)
    paths = sorted(path for path in texts if path.endswith(".mhclo"))
    if not paths:
        raise _unusable(options.archive, "there is no .mhclo file in it")
    found = [
        garment
        for path in paths
        for garment in garments_of(read_clothes(path, texts, len(base.vertices)), path, base, body)
    ]
    garments = with_some_held_out(without_doubles(found))
    with disk_errors(options.out, "start the same command again"):
        save_garments(options.out, garments, body.vertex_count)
    for garment in garments:
        note = "  (held out)" if garment.held_out else ""
        print(f"{garment.kind:8} {garment.name}: {len(garment.rest)} vertices{note}")
    counts = Counter(garment.kind for garment in garments)
    doubles = len(found) - len(garments)
    print(f"{options.out}: {dict(counts)}, {doubles} doubles left out")
    return 0


def _unusable(archive: Path, what: str) -> UserError:
    return UserError(
        "No clothes found",
        f"{archive}: {what}.",
        "Give a folder or tar file of MakeHuman clothes; render without a wardrobe if you have "
        "none.",
    )

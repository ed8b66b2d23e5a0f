# SPDX-License-Identifier: GPL-3.0-or-later
"""Body files of the SMPL family: npz and pickles, told by their content, not by their suffix."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ...body.body_data import BodyData, body_from_arrays
from ...body.model_folder import BodyFile, body_file
from ...body.npz_file import DAMAGED, npz_keys, read_npz
from ...body.posedirs import has_star_posedirs
from ...body.smpl_layout import ARRAY_KEYS, PUBLISHED_VERTICES, TEXT_KEYS
from ...errors import UserError
from ...protocol.files import file_sha256
from ...protocol.licenses import BODIES
from ..nlf.file_kind import HEAD_BYTES, OLD_TORCH_MARK, FileKind, file_kind

UV_NAMES = {"vt": "uv", "ft": "f_uv"}  # SMPL-X's
FIRST_BYTES_OF_PICKLES = (b"\x80", b"(", b"}", b"c")  # of protocols 2 and later, then 0 and 1
MODELS = (FileKind.NATIVE, FileKind.CROP_CHECKPOINT, FileKind.TORCHSCRIPT, FileKind.OLD_TORCH)
MOTION_KEYS = {"poses", "trans"}

Arrays = dict[str, np.ndarray]
Texts = dict[str, str]


def load_body(path: Path) -> BodyData:
    """The body in a file: SMPL, SMPL-H, SMPL-X, STAR (without its pose correctives), the open body,
    and others in this layout; with all its shape components and expressions.

    UserError names the file and what to do if it is missing, is something else, or is damaged.
    """
    pickled = _is_pickle(path)
    known = body_file(path)
    try:
        arrays, texts = _pickle(path) if pickled else _npz(path)
        _take_uv(arrays)
        texts.setdefault("name", known.title if known else path.stem)
        texts.setdefault("gender", known.gender if known else "neutral")
        texts.setdefault("sha256", file_sha256(path))
        body = body_from_arrays(arrays, **texts)
    except (OSError, *DAMAGED) as error:
        raise _not_a_body(path, error) from error
    if body.license:
        return body
    return replace(body, license=_license(body, known, has_star_posedirs(arrays, body.joint_count)))


def is_star(path: Path) -> bool:
    """Whether a body file's pose correctives are STAR's, which `load_body` leaves out."""
    arrays, _ = _pickle(path) if _is_pickle(path) else _npz(path)
    return has_star_posedirs(arrays, np.shape(arrays["weights"])[1])


def _is_pickle(path: Path) -> bool:
    """Whether a file is a pickle; else it may be an npz. UserError if it is surely no body."""
    if path.is_dir():
        raise UserError(
            "Not a body file",
            f"{path} is a folder.",
            "Choose a body file in it, such as SMPL_NEUTRAL.pkl.",
        )
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError as error:
        raise UserError(
            "Body file not found", f"{path} does not exist.", "Choose the body file again."
        ) from error
    except OSError as error:
        raise UserError(
            "Body file not readable",
            f"{path}: {error.strerror}.",
            "Check the file's permissions and that its disk is there, then try again.",
        ) from error
    if head.startswith(FIRST_BYTES_OF_PICKLES) and OLD_TORCH_MARK not in head:
        return True
    if file_kind(path) in MODELS:
        raise UserError(
            "A model, not a body",
            f"{path} is a localizer's checkpoint.",
            "Choose it as the model, and a file such as SMPL_NEUTRAL.pkl as the body.",
        )
    return False


def _npz(path: Path) -> tuple[Arrays, Texts]:
    arrays = read_npz(path, (*ARRAY_KEYS, *TEXT_KEYS, *UV_NAMES))
    if "v_template" not in arrays and set(npz_keys(path)) >= MOTION_KEYS:
        raise ValueError("it holds a motion, not a body")
    texts = {key: str(arrays.pop(key)) for key in TEXT_KEYS if key in arrays}
    return arrays, texts


def _pickle(path: Path) -> tuple[Arrays, Texts]:
    from .body_pickle import read_body_pickle  # loads scipy, which the open body can spare

    return read_body_pickle(path, UV_NAMES)


def _take_uv(arrays: Arrays) -> None:
    """SMPL-X's texture coordinates, if they belong to its triangles, under our names."""
    uv, face_uv = (arrays.pop(name, None) for name in UV_NAMES)
    if uv is None or face_uv is None or np.shape(arrays.get("f")) != face_uv.shape:
        return
    if uv.ndim != 2 or uv.shape[1] != 2 or uv.dtype.kind != "f" or not np.isfinite(uv).all():
        return
    if (
        face_uv.size
        and face_uv.dtype.kind in "iu"
        and 0 <= face_uv.min() <= face_uv.max() < len(uv)
    ):
        arrays["uv"], arrays["f_uv"] = uv, face_uv


def _license(body: BodyData, known: BodyFile | None, star: bool) -> str:
    """The licence of a file that does not name it, by its name and mesh; "" if it is unknown."""
    if star:
        return BODIES["star"]
    if known is not None:
        return BODIES[known.kind]
    published = PUBLISHED_VERTICES.get(body.kind) == body.vertex_count
    return BODIES[body.kind] if published else ""


def _not_a_body(path: Path, error: Exception) -> UserError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    fix = "Choose an npz or pkl file in SMPL's layout, or the open body."
    if "is missing" in reason:
        fix = (
            "Get the whole file from its publisher: programs that convert it may leave arrays out."
        )
    elif "cut off" in reason or "Truncated" in reason or "not finite" in reason:
        fix = "Get the file from its publisher again: it is damaged."
    return UserError("Not a body file", f"{path}: {reason}.", fix)

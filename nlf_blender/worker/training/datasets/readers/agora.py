# SPDX-License-Identifier: GPL-3.0-or-later
"""AGORA's own tables and fits.

The tables are published as pickles of pandas, which are not opened here; the guide has the lines
that turn one into an npz with a row for each person: `imgPath`, `X`, `Y`, `Z`, `Yaw`, `camX`,
`camY`, `camZ`, `camYaw` (Unreal's centimetres and degrees), `gender`, `kid`, `isValid` and
`gt_path_smplx`. The fits that this names are looked for beside the npz: npz, or AGORA's pickles of
arrays, which are read without running what they say.

A body's place depends on the joints of its shape, so SMPL-X's files are needed (`bodies`). Children
are left out: their shape is none of SMPL-X's. Poses, places and cameras as in AGORA's evaluation
code (Patel et al. 2021); expressions are left out.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .....body.arrays import Float64Array
from .....body.body_data import BodyData
from .....body.forward import skinned, unposed_body
from .....body.model_folder import choose_body
from .....body.npz_file import DAMAGED, read_npz
from .....body.rotations import matrix_from_rotvec
from .....errors import UserError
from ....smpl.body_files import load_body
from ....smpl.safe_pickle import load_arrays
from ..example import BodyTruth, PersonTruth
from ..report import Unusable
from .cameras import camera_matrix
from .npz_columns import Columns, numbers, read_columns, text
from .parameters_npz import gender_of
from .source import Annotation, Item, ReaderOptions, Size, Source, box_around, rows_of

PLACES = ("X", "Y", "Z", "Yaw", "camX", "camY", "camZ", "camYaw")
NEEDED = ("imgPath", "gender", "kid", "isValid", "gt_path_smplx", *PLACES)
FIX = "Make the npz from AGORA's table with the lines in the guide."
SENSOR_MM = (36.0, 20.25)
CENTIMETRE = 1e-2
GROUND = np.array([0.0, -1.7, 0.0])  # of scenes whose camera the table gives
# SMPL's axes to OpenCV's (x right, y down, z forward), for a person who faces the camera.
TO_CAMERA = np.diag([1.0, -1.0, -1.0])
FIT_PARTS = ("global_orient", "body_pose", "jaw_pose", "leye_pose", "reye_pose")
HANDS = ("left_hand_pose", "right_hand_pose")
FIT_KEYS = (*FIT_PARTS, *HANDS, "betas", "transl")


@dataclass(frozen=True)
class SceneCamera:
    """A camera of AGORA's: focal length in mm, place in Unreal's centimetres, yaw and pitch in
    degrees. on_ground: whether the place counts from the ground."""

    focal: float
    place: tuple[float, float, float]
    yaw: float
    pitch: float
    on_ground: bool


# By a part of the image's name; other images have their cameras in the table.
SCENES = {
    "hdri": SceneCamera(50, (0, 0, 170), 0, 0, False),
    "cam00": SceneCamera(18, (400, -275, 265), 135, 30, False),
    "cam01": SceneCamera(18, (400, 225, 265), -135, 30, False),
    "cam02": SceneCamera(18, (-490, 170, 265), -45, 30, False),
    "cam03": SceneCamera(18, (-490, -275, 265), 45, 30, False),
    "ag2": SceneCamera(28, (0, 0, 170), 0, 15, False),
}


def read_agora(options: ReaderOptions) -> Source:
    """The valid adults of AGORA's tables. UserError if a table is damaged, or no bodies given."""
    if options.bodies is None:
        raise UserError(
            "Body files missing",
            "AGORA's places depend on the joints of SMPL-X's bodies.",
            "Give the folder with SMPLX_MALE.npz, SMPLX_FEMALE.npz and SMPLX_NEUTRAL.npz.",
        )
    items: list[Item] = []
    for path in options.annotations:
        columns = read_columns(path, NEEDED, (), FIX)
        reader = _Reader(columns, path.parent, options.bodies)
        names = [text(columns, "imgPath", row) for row in range(len(columns["imgPath"]))]
        items += [
            Item(name, _picture(options.images, name), partial(reader.annotate, name, tuple(rows)))
            for name, rows in rows_of(names).items()
        ]
    return Source(items, ("smplx",))


def _picture(folder: Path, name: str) -> Path:
    """The picture in its full or its smaller size, whichever is there."""
    small = folder / name.replace(".png", "_1280x720.png")
    return small if small.exists() else folder / name


class _Reader:
    """Annotations out of one table."""

    def __init__(self, columns: Columns, fits: Path, bodies: Path) -> None:
        self.columns, self.fits = columns, fits
        self.body = functools.cache(lambda gender: load_body(choose_body(bodies, "smplx", gender)))

    def annotate(self, path: str, rows: tuple[int, ...], size: Size) -> Annotation:
        """The people in these rows, who are in one picture; children and those that AGORA marks as
        not valid are left out."""
        camera = next((found for part, found in SCENES.items() if part in path), None)
        if camera is None:
            values = [float(self.columns[name][rows[0]]) for name in PLACES[4:]]
            camera = SceneCamera(28, (values[0], values[1], values[2]), values[3], 0, True)
        focal = [side * camera.focal / sensor for side, sensor in zip(size, SENSOR_MM, strict=True)]
        center = ((size[0] - 1) / 2, (size[1] - 1) / 2)
        intrinsics = camera_matrix((focal[0], focal[1]), center)
        kept = [
            row for row in rows if self.columns["isValid"][row] and not self.columns["kid"][row]
        ]
        if not kept:
            raise Unusable("only children, or people marked as not valid")
        people = tuple(self._person(row, camera, intrinsics, size) for row in kept)
        return Annotation(people, intrinsics)

    def _person(
        self, row: int, camera: SceneCamera, intrinsics: Float64Array, size: Size
    ) -> PersonTruth:
        gender = gender_of(text(self.columns, "gender", row))
        body: BodyData = self.body(gender)
        truth = replace(self._fit(row, body), gender=gender)
        turn, shift = world_to_camera(numbers_of(self.columns, row), camera)
        rest = unposed_body(body, truth.betas)
        # vertices p turn to turn (p + translation) + shift; the root turns about its own joint
        root = rest.joints[body.skeleton.root]
        rotations = truth.rotations.copy()
        rotations[body.skeleton.root] = turn @ rotations[body.skeleton.root]
        translation = turn @ (root + truth.translation) + shift - root
        vertices = skinned(body, rest, rotations, translation).vertices
        if vertices[:, 2].min() <= 0:
            raise Unusable("person behind the camera")
        projected = vertices @ intrinsics.T
        box = box_around(projected[:, :2] / projected[:, 2:], size)
        return PersonTruth(box, replace(truth, rotations=rotations, translation=translation))

    def _fit(self, row: int, body: BodyData) -> BodyTruth:
        """The fit as it is stored, in SMPL's axes."""
        path = self.fits / text(self.columns, "gt_path_smplx", row)
        arrays = _fit_arrays(path)
        missing = [key for key in FIT_KEYS if key not in arrays]
        if missing:
            raise Unusable("fit of another layout", f"{path.name} has no {missing[0]}")
        values = {key: np.asarray(arrays[key], np.float64).reshape(-1) for key in FIT_KEYS}
        if body.hands is not None:  # AGORA's hands are relative to SMPL-X's mean ones
            values[HANDS[0]] = values[HANDS[0]] + body.hands.left_mean
            values[HANDS[1]] = values[HANDS[1]] + body.hands.right_mean
        pose = np.concatenate([values[key] for key in (*FIT_PARTS, *HANDS)])
        rotations = matrix_from_rotvec(pose.reshape(-1, 3))
        return BodyTruth("smplx", values["betas"][: body.beta_count], rotations, values["transl"])


def numbers_of(columns: Columns, row: int) -> dict[str, float]:
    """A person's place in the world: X, Y, Z in centimetres, Yaw in degrees."""
    return {name: float(numbers(columns, name, row, ())) for name in PLACES[:4]}


def world_to_camera(
    place: dict[str, float], camera: SceneCamera
) -> tuple[Float64Array, Float64Array]:
    """How points of a fit, in SMPL's axes, come into the camera: a rotation [3,3] and, after it, a
    shift [3] in metres."""
    offset = _from_unreal((place["X"], place["Y"], place["Z"]))
    position = _from_unreal(camera.place) + (GROUND if camera.on_ground else 0.0)
    view = _about(0, camera.pitch) @ _about(1, -camera.yaw)
    return view @ _about(1, place["Yaw"] - 90) @ TO_CAMERA, view @ (offset - position)


def _from_unreal(place: tuple[float, float, float]) -> Float64Array:
    """Unreal's centimetres (x forward, y right, z up) in metres, y down and z forward."""
    x, y, z = place
    return np.array([y, -z, x]) * CENTIMETRE


def _about(axis: int, degrees: float) -> Float64Array:
    return matrix_from_rotvec(np.eye(3)[axis] * math.radians(degrees))


def _fit_arrays(path: Path) -> dict[str, Any]:
    """The arrays of a fit: of the npz or the pickle of this name."""
    for suffix in (".npz", ".pkl"):
        found = path.with_suffix(suffix)
        if not found.is_file():
            continue
        try:
            return dict(read_npz(found, FIT_KEYS) if suffix == ".npz" else load_arrays(found))
        except (OSError, *DAMAGED) as error:
            raise Unusable("fit damaged", f"{found.name}: {error}") from error
        except UserError as error:  # of the pickle
            raise Unusable(error.title.lower(), error.detail.rstrip(".")) from error
    raise Unusable("fit gone", str(path.with_suffix(".pkl")))

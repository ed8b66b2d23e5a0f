# SPDX-License-Identifier: GPL-3.0-or-later
"""An example as the members of a shard, and back: the picture, NAME.json and NAME.<part>.

Members are told by their endings, that is what follows the first dot: `jpg` or `png`, `json`, and
for person 0 `p0.rotations.npy`, `p0.mask.png` and so on. Arrays are float32 but for numbers of
vertices and bits. README.md lists them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ....protocol.json_fields import (
    Json,
    as_bool,
    as_float,
    as_floats,
    as_int,
    as_list,
    as_object,
    as_str,
    optional,
)
from .example import BodyTruth, Example, Joints2D, Joints3D, MeshTruth, PersonTruth, SurfacePixels
from .pictures import PICTURE_ENDINGS, decoded
from .report import Unusable

Members = dict[str, bytes]


def encode(example: Example, picture: tuple[str, bytes]) -> Members:
    """The members of an example by their endings. picture: its ending and its bytes."""
    arrays: Members = {}
    people = [_encode_person(person, f"p{n}.", arrays) for n, person in enumerate(example.people)]
    camera = None if example.intrinsics is None else _numbers(example.intrinsics)
    data = {
        "size": list(example.size),
        "intrinsics": camera,
        "distortion": _numbers(example.distortion),
        "up": None if example.up is None else _numbers(example.up),
        "people": people,
    }
    return {picture[0]: picture[1], "json": json.dumps(data).encode(), **arrays}


def _encode_person(person: PersonTruth, prefix: str, arrays: Members) -> Json:
    """What the JSON says of a person; larger arrays become members."""

    def keep(ending: str, array: np.ndarray, dtype: type = np.float32) -> None:
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.ascontiguousarray(array, dtype), allow_pickle=False)
        arrays[f"{prefix}{ending}.npy"] = buffer.getvalue()

    data: Json = {"box": _numbers(person.box)}
    for key, sets in (("joints_3d", person.joints_3d), ("joints_2d", person.joints_2d)):
        if sets:
            data[key] = [_named(joints) for joints in sets]
        for joints in sets:
            array = joints.positions if isinstance(joints, Joints3D) else joints.pixels
            keep(f"{key}.{joints.joint_set}", array)
    if person.body is not None:
        body = person.body
        data["body"] = {"kind": body.kind, "gender": body.gender, "scale": float(body.scale)}
        data["body"] |= {"betas": _numbers(body.betas), "translation": _numbers(body.translation)}
        keep("rotations", body.rotations)
    if person.mesh is not None:
        data["mesh"] = {"kind": person.mesh.kind}
        keep("vertices", person.mesh.vertices)
    if person.surface is not None:
        data["surface"] = {"kind": person.surface.kind}
        keep("surface_pixels", person.surface.pixels)
        keep("surface_corners", person.surface.corners, np.int32)
        keep("surface_weights", person.surface.weights)
    if person.visible is not None:
        data["visible"] = len(person.visible)
        keep("visible", np.packbits(person.visible), np.uint8)
    if person.mask is not None:
        data["mask"] = True
        options = (cv2.IMWRITE_PNG_BILEVEL, 1)
        png = cv2.imencode(".png", person.mask.astype(np.uint8) * 255, options)[1]
        arrays[f"{prefix}mask.png"] = png.tobytes()
    return data


def decode(name: str, members: Mapping[str, bytes]) -> Example:
    """The example of these members. ValueError or KeyError if one is missing or damaged; the
    picture is decoded when it is asked for, with Unusable then."""
    ending = next((ending for ending in PICTURE_ENDINGS if ending in members), None)
    if ending is None:
        raise Unusable("image gone")
    data = as_object(json.loads(members["json"]), "the annotation")
    width, height = (as_int(side, "size") for side in as_list(data.get("size"), "size"))
    picture, size = members[ending], (width, height)
    people = enumerate(as_list(data.get("people"), "people"))
    camera = data.get("intrinsics")
    return Example(
        name=name,
        image=lambda: decoded(picture, size),
        size=size,
        people=tuple(
            _PersonMembers(as_object(item, "a person"), f"p{number}.", members).person(size)
            for number, item in people
        ),
        intrinsics=None if camera is None else np.array(camera, np.float64).reshape(3, 3),
        distortion=np.array(data.get("distortion", []), np.float64).reshape(-1),
        up=optional(data.get("up"), _vector, "up"),
    )


def _named(joints: Joints3D | Joints2D) -> Json:
    absolute = {"absolute": joints.absolute} if isinstance(joints, Joints3D) else {}
    return {"set": joints.joint_set, **absolute}


class _PersonMembers:
    """What the JSON says of one person, and the members that belong to it."""

    def __init__(self, data: Json, prefix: str, members: Mapping[str, bytes]) -> None:
        self.data, self.prefix, self.members = data, prefix, members

    def person(self, size: tuple[int, int]) -> PersonTruth:
        data = self.data
        return PersonTruth(
            box=_vector(data.get("box"), "box"),
            body=optional(data.get("body"), self._body, "body"),
            mesh=optional(data.get("mesh"), self._mesh, "mesh"),
            joints_3d=tuple(map(self._joints_3d, as_list(data.get("joints_3d", []), "joints_3d"))),
            joints_2d=tuple(map(self._joints_2d, as_list(data.get("joints_2d", []), "joints_2d"))),
            surface=optional(data.get("surface"), self._surface, "surface"),
            mask=self._mask(size) if data.get("mask") else None,
            visible=optional(data.get("visible"), self._visible, "visible"),
        )

    def _array(self, ending: str, dtype: type = np.float64) -> Any:
        raw = self.members.get(f"{self.prefix}{ending}.npy")
        if raw is None:
            raise Unusable("part gone", f"{self.prefix}{ending}.npy")
        return np.lib.format.read_array(io.BytesIO(raw), allow_pickle=False).astype(dtype)

    def _body(self, value: object, what: str) -> BodyTruth:
        item = as_object(value, what)
        return BodyTruth(
            kind=as_str(item.get("kind"), "kind"),
            betas=_vector(item.get("betas"), "betas"),
            rotations=self._array("rotations"),
            translation=_vector(item.get("translation"), "translation"),
            gender=as_str(item.get("gender", "neutral"), "gender"),
            scale=as_float(item.get("scale", 1.0), "scale"),
        )

    def _mesh(self, value: object, what: str) -> MeshTruth:
        return MeshTruth(_text(value, "kind", what), self._array("vertices"))

    def _joints_3d(self, value: object) -> Joints3D:
        name = _text(value, "set", "joints_3d")
        absolute = as_bool(as_object(value, "joints_3d").get("absolute", True), "absolute")
        return Joints3D(name, self._array(f"joints_3d.{name}"), absolute)

    def _joints_2d(self, value: object) -> Joints2D:
        name = _text(value, "set", "joints_2d")
        return Joints2D(name, self._array(f"joints_2d.{name}"))

    def _surface(self, value: object, what: str) -> SurfacePixels:
        corners = self._array("surface_corners", np.int64)
        pixels, weights = self._array("surface_pixels"), self._array("surface_weights")
        return SurfacePixels(_text(value, "kind", what), pixels, corners, weights)

    def _visible(self, value: object, what: str) -> NDArray[np.bool_]:
        bits, count = self._array("visible", np.uint8), as_int(value, what)
        if bits.shape != (-(-count // 8),):
            raise Unusable("visible vertices of another number", f"{bits.size} bytes for {count}")
        return np.unpackbits(bits, count=count).astype(bool)

    def _mask(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        png = self.members.get(f"{self.prefix}mask.png")
        raw = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE) if png else None
        if raw is None or raw.shape != size[::-1]:
            raise Unusable("mask gone, broken, or of another size than its picture")
        return raw > 127


def _text(value: object, key: str, what: str) -> str:
    return as_str(as_object(value, what).get(key), f"{key} of {what}")


def _vector(value: object, what: str) -> np.ndarray:
    return np.array(as_floats(value, what), np.float64)


def _numbers(array: np.ndarray) -> list[Any]:
    return np.asarray(array, np.float64).tolist()

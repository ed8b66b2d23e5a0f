# SPDX-License-Identifier: GPL-3.0-or-later
"""Dresses the people of a cast: skin, painted clothes, garments and hair as groups of meshes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .....body.arrays import Float64Array
from .....body.body_data import BodyData, load_body_npz
from ....assets import OPEN_BODY
from ..normals import rings, vertex_normals
from ..pose_library import SPLITS
from ..stage import Cast, Clothing, Look, MeshGroup, chance, device_of
from .face import Face
from .fitting import Fabric, fabric_of, fitted
from .garment import load_garments
from .outfits import Outfit, draw_outfit
from .painted import Painted, hemmed, inner, inside_by, lifted, patches_of, stand_off
from .skirts import skirts


def open_wardrobe(path: Path | None, split: str, device: torch.device | str) -> Wardrobe:
    """The garments of a file made by `worker train wardrobe`; without one, painted clothes and
    skirts alone.

    split: "train" or "held-out": garments of the one are never worn in the other. UserError if
    the file cannot be read; ValueError for an unknown split.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r}; there are {', '.join(SPLITS)}")
    body = load_body_npz(OPEN_BODY, posed=False)
    garments = skirts(body)
    if path is not None:
        garments += load_garments(path, body.vertex_count)
    chosen = [garment for garment in garments if garment.held_out == (split == "held-out")]
    where = torch.device(device)
    return Wardrobe(body, [fabric_of(one, body.v_template, where) for one in chosen], where)


class Wardrobe:
    """What there is to wear, on a device."""

    def __init__(self, body: BodyData, fabrics: Sequence[Fabric], device: torch.device) -> None:
        self.fabrics = list(fabrics)
        self.joints = body.joints_template
        self.stock: dict[str, list[int]] = {}
        for number, fabric in enumerate(self.fabrics):
            self.stock.setdefault(fabric.garment.kind, []).append(number)
        self.patches = patches_of(body, device)
        self.face = Face(body)
        faces = body.faces.astype(np.int64)
        self.faces = torch.as_tensor(faces, device=device)
        self.rings = rings(faces, body.vertex_count).to(device)
        self.rest = torch.as_tensor(body.v_template, dtype=torch.float32, device=device)

    def outfits(self, cast: Cast) -> list[Outfit]:
        """One for each person; the same in whichever batch a picture is drawn."""
        drawn: dict[int, np.random.Generator] = {}
        result = []
        for picture in cast.people.picture.tolist():
            if picture not in drawn:
                drawn[picture] = chance(cast.seed, cast.numbers[picture], "clothes")
            result.append(draw_outfit(drawn[picture], self.stock, self.joints))
        return result

    @torch.no_grad()
    def dress(self, cast: Cast) -> Clothing:
        """The people of a cast with all that they wear."""
        if not len(cast.people.vertices):
            return Clothing((), ())
        return _Dressing(self, cast, self.outfits(cast)).clothing()


class _Dressing:
    """The groups of one cast, as they come."""

    def __init__(self, wardrobe: Wardrobe, cast: Cast, outfits: list[Outfit]) -> None:
        self.wardrobe, self.people, self.outfits = wardrobe, cast.people, outfits
        self.device = device_of(cast)
        self.looks: list[Look] = []
        self.normals = vertex_normals(cast.people.vertices, wardrobe.faces, wardrobe.rings)
        shape = cast.people.vertices.shape[:2]
        self.hidden = torch.zeros(shape, dtype=torch.bool, device=self.device)

    def clothing(self) -> Clothing:
        garments = self._garments()
        painted = self._painted()
        return Clothing((self._skin(), *painted, *garments), tuple(self.looks))

    def _group(
        self, vertices: Tensor, rows: Tensor, looks: Sequence[Look], two_sided: bool, **mesh: Tensor
    ) -> MeshGroup:
        first = len(self.looks)
        self.looks += looks
        return MeshGroup(
            vertices=vertices,
            picture=self.people.picture[rows],
            owner=self.people.owner[rows],
            look=torch.arange(first, len(self.looks), device=self.device),
            two_sided=two_sided,
            **mesh,
        )

    def _rows(self, people: list[int]) -> Tensor:
        return torch.tensor(people, dtype=torch.int64, device=self.device)

    def _floats(self, values: list[Float64Array]) -> Tensor:
        return torch.from_numpy(np.stack(values).astype(np.float32)).to(self.device)

    def _garments(self) -> list[MeshGroup]:
        """One group for each garment that is worn; notes what they hide."""
        worn: dict[int, list[tuple[int, Look]]] = defaultdict(list)
        for person, outfit in enumerate(self.outfits):
            for number, look in outfit.worn:
                worn[number].append((person, look))
        groups = []
        for number, wearers in sorted(worn.items()):
            fabric = self.wardrobe.fabrics[number]
            rows = self._rows([person for person, _ in wearers])
            vertices = fitted(fabric, self.people, self.normals, rows)
            self.hidden[rows] |= fabric.covers
            groups.append(self._group(
                vertices, rows, [look for _, look in wearers], True,
                faces=fabric.faces, rings=fabric.rings, rest=fabric.rest,
            ))  # fmt: skip
        return groups

    def _painted(self) -> list[MeshGroup]:
        """One group for each region, of what garments do not hide; notes what they hide in turn."""
        worn: dict[str, list[tuple[int, Painted]]] = defaultdict(list)
        for person, outfit in enumerate(self.outfits):
            for piece in outfit.painted:
                worn[piece.region].append((person, piece))
        # of two pieces the later region is worn under the earlier
        order = ("upper", "lower", "feet", "hands", "scalp")
        return [self._region(name, worn[name]) for name in order if worn[name]]

    def _region(self, name: str, wearers: list[tuple[int, Painted]]) -> MeshGroup:
        patch = self.wardrobe.patches[name]
        rows = self._rows([person for person, _ in wearers])
        pieces = [piece for _, piece in wearers]
        depth = self._floats([inside_by(patch, piece) for piece in pieces])
        heights = self._floats([stand_off(patch, piece) for piece in pieces])
        vertices = lifted(patch, self.people, self.normals, rows, heights)
        vertices = hemmed(vertices, depth, patch)
        mask = depth > 0
        under = self.hidden[rows][:, patch.vertices]
        shown = ~_all_corners(~mask, patch.faces) & ~_all_corners(under, patch.faces)
        hides = torch.zeros_like(self.hidden[rows])
        hides[:, patch.vertices] = inner(mask, patch.faces)
        self.hidden[rows] |= hides
        return self._group(
            vertices, rows, [piece.look for piece in pieces], True,
            faces=patch.faces, rings=patch.rings, rest=patch.rest, shown=shown,
        )  # fmt: skip

    def _skin(self) -> MeshGroup:
        wardrobe, everyone = self.wardrobe, torch.arange(len(self.outfits), device=self.device)
        tint = np.stack([wardrobe.face.tint(outfit) for outfit in self.outfits])
        return self._group(
            self.people.vertices, everyone, [outfit.skin for outfit in self.outfits], False,
            faces=wardrobe.faces, rings=wardrobe.rings, rest=wardrobe.rest,
            tint=torch.from_numpy(tint).to(self.device),
            shown=~_all_corners(self.hidden, wardrobe.faces),
        )  # fmt: skip


def _all_corners(mask: Tensor, faces: Tensor) -> Tensor:
    """Whether all corners of each face [F,3] are in mask [N,V]: [N,F]."""
    first, second, third = faces.unbind(1)
    return mask[:, first] & mask[:, second] & mask[:, third]

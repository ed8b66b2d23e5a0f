# SPDX-License-Identifier: GPL-3.0-or-later
"""How accurate markers are beside the body's own vertices, on rendered people with truth.

The default model localizes points on the skin between vertices, middles of bones and joints, beside
the body, in frames of rendered clips. A point's truth is its attachment to the true posed body. Its
error stands beside that of the vertices nearest to it: same frames, same people; a point inside is
compared with several. Errors are without what all of a body's points are off by, most of it its
distance; absolute ones are in camera space. Points a few millimetres off would hide behind the
model's own errors: what shows them is how far a point is from where the body's localized points
have its place. A picture is also mirrored, with its markers and boxes: a crop and its mirror image
are the same numbers but for roundings of the crop's view. The target is a ratio of 1.05.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from nlf_blender.body.forward import skinned, unposed_body
from nlf_blender.protocol.marker_set import OPEN
from nlf_blender.protocol.point_set import MESH, PointSet
from nlf_blender.protocol.settings import LocalizeSettings
from nlf_blender.worker.engine import Engine, Models
from nlf_blender.worker.markers.attachment import Attachment
from nlf_blender.worker.markers.placing import PlacedPoints, place_points
from nlf_blender.worker.nlf.camera import Camera
from nlf_blender.worker.nlf.crops import CropSpec
from nlf_blender.worker.nlf.localized import LocalizedPerson

from . import report
from .report import Row, number, say

SKIN_POINTS = 1000
AROUND = 8  # vertices nearest to a point inside that it is compared with
DOUBTFUL = 0.3  # metres of uncertainty
KINDS = SKIN, BONES, JOINTS = ("on the skin", "middles of bones", "joints")
MIRRORED = "mirrored, at most"
HEAD = "points|count|error mm|nearest vertices mm|ratio|absolute mm|their ratio|off place mm"
MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Points:
    """The points [K] of the benchmark: kind [K]: an index into KINDS; nearest [K,AROUND]: vertices
    near them, and how many of those count [K]."""

    placed: PlacedPoints
    canonical: np.ndarray
    kind: np.ndarray
    nearest: np.ndarray
    counted: np.ndarray


def points_of(models: Models) -> Points:
    """Points on and in the open body, which is the one that is fitted."""
    own = models.bodies.fitted.own
    random = np.random.default_rng(5)
    corners = own.vertices[own.body.faces]
    edges = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(edges, axis=1)
    chosen = random.choice(len(area), SKIN_POINTS, p=area / area.sum())
    shares = random.dirichlet(np.ones(3), SKIN_POINTS)
    skin = np.einsum("kc,kcx->kx", shares, corners[chosen])
    parents = np.array(own.body.skeleton.parents)
    bones = (own.joints[parents >= 0] + own.joints[parents[parents >= 0]]) / 2
    points = np.concatenate([skin, bones, own.joints])
    kind = np.repeat([0, 1, 2], [len(skin), len(bones), len(own.joints)])
    point_set = PointSet("points", MESH, OPEN, points)
    placed = place_points(point_set, models.bodies.fitted, OPEN, models.bodies.of)
    nearest = cKDTree(own.vertices).query(points, AROUND)[1]
    return Points(placed, points, kind, nearest, np.where(kind == 0, 1, AROUND))


def on_body(attachment: Attachment, vertices: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Where attached points [K,3] are on a posed body, less what they stand off from it."""
    there = np.concatenate([vertices, joints])[attachment.index]
    return np.einsum("kc,kcx->kx", attachment.share, there)


@dataclass(frozen=True, eq=False)
class Shot:
    """A frame, the true vertices [P,V,3] and joints [P,J,3] of its people in camera space, and
    where they are looked for."""

    image: np.ndarray
    camera: Camera
    vertices: np.ndarray
    joints: np.ndarray
    specs: list[CropSpec]


def shots(models: Models, scenes: list[str], frames: int) -> list[Shot]:
    """Frames of rendered clips, spread over each."""
    from rendered_clip import LARGE, Painter, truth_of

    found: list[Shot] = []
    for scene in scenes:
        say(f"frames of the scene '{scene}'")
        truth = truth_of(LARGE, scene)
        painter = Painter(truth, 3)
        camera = Camera.create(truth.intrinsics)
        for row in np.linspace(0, LARGE.frames - 1, frames).astype(int):
            people = [_true_body(truth, person, row) for person in range(len(truth.walks))]
            vertices, joints = (np.stack(part) for part in zip(*people, strict=True))
            image = painter.frame(row)
            pixels = np.stack([camera.project(body) for body in vertices])
            size = [truth.size.width - 1, truth.size.height - 1]
            inside = ((pixels >= 0) & (pixels <= size)).all(axis=(1, 2))
            boxes = np.concatenate([pixels.min(axis=1), pixels.max(axis=1)], axis=1)[inside]
            looked = models.finder.people_in_boxes(image, boxes.tolist())
            specs = [person.crop for person in looked]
            found.append(Shot(image, camera, vertices[inside], joints[inside], specs))
    return found


def _true_body(truth, person: int, row: int) -> tuple[np.ndarray, np.ndarray]:
    motion, body = truth.walks[person].motion, truth.body
    unposed = unposed_body(body, motion.betas)
    place = motion.root[row] - unposed.joints[body.skeleton.root]
    posed = skinned(body, unposed, motion.rotations[row], place)
    return truth.to_camera(posed.vertices), truth.to_camera(posed.joints)


def localized(
    models: Models, shot: Shot, points: np.ndarray, variations: int
) -> list[LocalizedPerson]:
    """The people of a frame; points [K,3] of the model's canonical space beside their bodies."""
    weights = models.localizer.point_weights(points)
    return models.localizer.localize(
        [shot.image], [shot.specs], [shot.camera], models.point_weights, variations, beside=weights
    )[0]


def errors(models: Models, points: Points, taken: list[Shot], variations: int) -> list[Row]:
    """A row for each kind of points."""
    kept: list[tuple[np.ndarray, ...]] = []
    doubts: list[np.ndarray] = []
    attachment = points.placed.attachment
    for shot in taken:
        people = localized(models, shot, points.placed.points, variations)
        for person, vertices, joints in zip(people, shot.vertices, shot.joints, strict=True):
            beside = person.beside
            assert beside is not None
            body = person.points[: len(vertices)] - vertices
            mine = beside.points - on_body(attachment, vertices, joints)
            whole = body.mean(axis=0)
            place = on_body(attachment, *np.split(person.points, [len(vertices)]))
            off = (mine - whole, body - whole, mine, body, beside.points - place)
            kept.append(tuple(np.linalg.norm(each, axis=1) for each in off))
            doubts.append(beside.uncertainty)
    means = (np.mean(part, axis=0) for part in zip(*kept, strict=True))
    mine, body, absolute, body_absolute, apart = means
    rows: list[Row] = []
    for kind, what in enumerate(KINDS):
        chosen = points.kind == kind
        row = {"points": what, "count": int(chosen.sum()), "people": len(kept)}
        row |= _compared("", points, chosen, mine, body)
        row |= _compared("absolute_", points, chosen, absolute, body_absolute)
        row["apart_mm"] = 1000 * float(apart[chosen].mean())
        row["doubtful"] = float(np.mean(np.stack(doubts)[:, chosen] > DOUBTFUL))
        rows.append(row)
    return rows


def _compared(
    prefix: str, points: Points, chosen: np.ndarray, mine: np.ndarray, body: np.ndarray
) -> Row:
    near = [
        body[some[:count]].mean()
        for some, count in zip(points.nearest[chosen], points.counted[chosen], strict=True)
    ]
    error, nearest = 1000 * float(mine[chosen].mean()), 1000 * float(np.mean(near))
    return {
        f"{prefix}error_mm": error,
        f"{prefix}nearest_mm": nearest,
        f"{prefix}ratio": error / nearest,
    }


def mirrored(shot: Shot) -> Shot:
    """A frame as in a mirror; its truth is not."""
    width = shot.image.shape[1]
    intrinsics = shot.camera.intrinsics.copy()
    intrinsics[0, 2] = width - 1 - intrinsics[0, 2]
    specs = [
        replace(s, center=(width - 1 - s.center[0], s.center[1]), roll=-s.roll) for s in shot.specs
    ]
    image = np.ascontiguousarray(shot.image[:, ::-1])
    return replace(shot, image=image, camera=Camera.create(intrinsics), specs=specs)


def mirror_error(models: Models, points: Points, taken: list[Shot], variations: int) -> float:
    """How far markers in a mirrored picture are at most from the mirrored ones, millimetres."""
    worst = 0.0
    for shot in taken:
        plain = localized(models, shot, points.placed.points, variations)
        other = localized(models, mirrored(shot), points.placed.points * MIRROR, variations)
        for one, two in zip(plain, other, strict=True):
            assert one.beside is not None and two.beside is not None
            apart = np.abs(one.beside.points - two.beside.points * MIRROR).max()
            worst = max(worst, 1000 * float(apart))
    return worst


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this part."""
    parser.add_argument("--frames", type=int, default=6, help="of each rendered clip")
    parser.add_argument("--scenes", nargs="*", default=None, help="of tests/rendered_clip.py")
    parser.add_argument(
        "--variations",
        type=int,
        default=2,
        help="of each crop; a mirrored picture gives mirrored points with 2 only",
    )
    parser.add_argument("--device", default="auto")


def run(options: argparse.Namespace) -> list[Row]:
    """Measure with the default model, and give the rows."""
    return measured(Engine().models(LocalizeSettings(device=options.device)), options)


def measured(models: Models, options: argparse.Namespace) -> list[Row]:
    """Rows for each kind of points, and one for pictures in a mirror."""
    from rendered_clip import SCENES

    points = points_of(models)
    taken = shots(models, options.scenes or list(SCENES), options.frames)
    say(f"{sum(len(shot.specs) for shot in taken)} people")
    rows = errors(models, points, taken, options.variations)
    worst = mirror_error(models, points, taken[:: options.frames], options.variations)
    return [*rows, {"points": MIRRORED, "count": len(points.kind), "error_mm": worst}]


def table(rows: list[Row]) -> str:
    """The rows as a table."""
    names = ("error_mm", "nearest_mm", "ratio", "absolute_error_mm", "absolute_ratio", "apart_mm")
    lines = [
        [
            row["points"],
            str(row["count"]),
            *(number(row[name]) if name in row else "" for name in names),
        ]
        for row in rows
    ]
    return report.table(HEAD.split("|"), lines)

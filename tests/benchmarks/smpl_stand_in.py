# SPDX-License-Identifier: GPL-3.0-or-later
"""A body in the place of SMPL's, whose files are licensed, with a known way to the open body.

Another mesh and mean person, whose joints lie in the body where SMPL's do, standing where SMPL
stands; and points of the open body, on its skin and within, whose places on it are known by
construction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nlf_blender.body.body_data import BodyData
from nlf_blender.body.skeleton import SMPL_SKELETON
from nlf_blender.worker.nlf.canonical_space import SMPL_SPACE, CanonicalBody, CanonicalSpace
from nlf_blender.worker.smpl.canonical.body_fit import FittedBody
from nlf_blender.worker.smpl.canonical.canonical_pose import CanonicalPose, canonical_pose
from nlf_blender.worker.smpl.canonical.joint_fit import fit_to_joints
from nlf_blender.worker.smpl.canonical.mean_joints import mean_canonical_joints, mean_rest_joints
from nlf_blender.worker.smpl.canonical.own_canonical import own_canonical
from nlf_blender.worker.smpl.closest_surface import ClosestSurface
from nlf_blender.worker.smpl.surface_normals import vertex_normals
from nlf_blender.worker.smpl.vertex_subset import choose_vertices

from .remesh import barycentric_matrix
from .second_body import remeshed_person

SAME_SURFACE = 0.004  # metres; farther from the other mesh are tongue and eyes, which it lacks
CHORDS = 1000  # between opposite places of the skin, at most
LEAST_CHORD, MOST_CHORD, CHORD_WIDTH = 0.01, 0.35, 0.006  # metres


@dataclass(frozen=True, eq=False)
class StandIn:
    """body: as a file of SMPL's would give it; pose: it in canonical pose; matrix [V2,V]: where on
    the open body its vertices are; vertices [S]: those of the open body that have a place on it,
    with that place surface [S,3]; inside, inside_there [K,3]: points within the open body, and
    where they are in the stand-in; metres."""

    body: BodyData
    pose: CanonicalPose
    matrix: object
    vertices: np.ndarray
    surface: np.ndarray
    inside: np.ndarray
    inside_there: np.ndarray

    def space(self, whole: bool) -> CanonicalSpace:
        """A model's space that lists its vertices, or 1024 of them, and its joints."""
        chosen = slice(None) if whole else choose_vertices(self.body, 1024)
        listed = CanonicalBody(self.pose.vertices[chosen], self.pose.joints, whole)
        return CanonicalSpace(SMPL_SPACE, {"smpl": listed})


def stand_in(body: BodyData, mean_person: float, seed: int = 0) -> StandIn:
    """The stand-in made from the open body; mean_person: how unlike it is, standard deviations."""
    other, matrix = remeshed_person(body, mean_person)
    other = replace(other, joints_template=other.joints_template + _other_definitions(body))
    move = (mean_canonical_joints() - canonical_pose(other).joints).mean(axis=0)
    other = replace(
        other,
        v_template=other.v_template + move,
        joints_template=other.joints_template + move,
        kind="smpl",
        name="stand-in",
    )
    pose = canonical_pose(other)
    near = ClosestSurface(matrix @ body.v_template, other.faces).query(body.v_template)
    places = barycentric_matrix(other.faces[near.face], near.barycentric, other) @ pose.vertices
    there = np.flatnonzero(near.distances < SAME_SURFACE)
    start, end, share = _chords(body, there, np.random.default_rng(seed))
    skin = body.canonical_vertices
    inside = share * skin[start] + (1 - share) * skin[end]
    inside_there = share * places[start] + (1 - share) * places[end]
    return StandIn(other, pose, matrix, there, places[there], inside, inside_there)


def _other_definitions(body: BodyData) -> np.ndarray:
    """How far [24,3] SMPL's joints are from the open body's in the same person, measured where both
    have the same knees, ankles, elbows and wrists."""
    own = own_canonical(body).at_rest()
    placed = fit_to_joints(FittedBody(own), SMPL_SKELETON, mean_rest_joints()).points
    return mean_rest_joints() - placed[-body.joint_count :]


def _chords(
    body: BodyData, skin: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices [K] and those straight through the body from them, and where between them [K,1]."""
    vertices = body.canonical_vertices[skin]
    normals = vertex_normals(body.canonical_vertices, body.faces)[skin]
    starts, ends = [], []
    for start in rng.choice(len(skin), CHORDS, replace=False):
        away = vertices - vertices[start]
        depth = -away @ normals[start]
        aside = np.linalg.norm(away + depth[:, None] * normals[start], axis=1)
        facing = normals @ normals[start] < -0.5
        found = np.flatnonzero(
            (depth > LEAST_CHORD) & (depth < MOST_CHORD) & (aside < CHORD_WIDTH) & facing
        )
        if len(found):
            starts.append(skin[start])
            ends.append(skin[found[depth[found].argmin()]])
    return np.array(starts), np.array(ends), rng.uniform(0.15, 0.85, (len(starts), 1))

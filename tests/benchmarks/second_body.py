# SPDX-License-Identifier: GPL-3.0-or-later
"""A second body made from the open body, unlike it in everything that a conversion must bridge.

Other vertices and triangles, no tongue, another skeleton with other names (no joints in the hands,
a twist joint in each forearm), another rest pose, another mean person, a shape basis of its own,
softer skinning, and a skin that is not where the open body's is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy import sparse

from nlf_blender.body.body_data import BodyData
from nlf_blender.body.skeleton import Skeleton
from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.smpl.closest_surface import ClosestSurface
from nlf_blender.worker.smpl.surface_normals import vertex_normals

from .remesh import barycentric_matrix, fewer_vertices, split_edges

LONGEST_EDGE = 0.03  # metres: longer ones are split in two
BETAS = 12
MEAN_PERSON = 0.7  # standard deviations of the first betas that make its mean person
SKIN_OFFSET, SKIN_WAVE = 0.003, 0.15  # metres: bumps and hollows, and how far it is between them
SOFTER = 0.8  # exponent of the skinning weights
REST_DEGREES = {"Shoulder": -50.0, "Hip": 8.0}  # about z, mirrored on the right: an A-pose
DROPPED = ("L_Hand", "R_Hand")


def second_body(body: BodyData) -> BodyData:
    """The second body made from the open body."""
    result, _ = remeshed_person(body, MEAN_PERSON)
    return _other_names(_with_forearm_twist(_without_joints(_at_rest_in_a_pose(result))))


def remeshed_person(body: BodyData, mean_person: float) -> tuple[BodyData, sparse.csr_matrix]:
    """Another mesh, mean person and shape basis with the body's own joints and rest pose.

    mean_person: standard deviations of the first betas between the two mean persons. With it the
    matrix [V2,V] that says where on the body each of its vertices was.
    """
    choice, faces = fewer_vertices(body)
    matrix, faces = split_edges(body.v_template[choice], faces, LONGEST_EDGE)
    columns = sparse.csr_matrix(
        (np.ones(len(choice)), (range(len(choice)), choice)), (len(choice), body.vertex_count)
    )
    result = resampled(body, matrix @ columns, faces)
    surface = ClosestSurface(result.v_template, result.faces).query(body.v_template)
    carried = barycentric_matrix(result.faces[surface.face], surface.barycentric, result)
    regressor = np.asarray(body.joint_regressor @ carried)
    result = replace(result, joint_regressor=regressor, weights=_softer(result.weights))
    person = _another_person(_with_joints_of_regressor(result), mean_person)
    return person, (matrix @ columns).tocsr()


def shuffled_body(body: BodyData, seed: int = 0) -> BodyData:
    """The same body with its vertices in another order and more of them: long edges are split."""
    order = np.random.default_rng(seed).permutation(body.vertex_count)
    matrix, faces = split_edges(body.v_template, body.faces, LONGEST_EDGE)
    old, added = matrix[: body.vertex_count], matrix[body.vertex_count :]
    place = np.argsort(order)
    numbers = np.concatenate([place, np.arange(body.vertex_count, matrix.shape[0])])
    result = resampled(body, sparse.vstack([old[order], added]).tocsr(), numbers[faces])
    regressor = np.zeros((body.joint_count, result.vertex_count))
    regressor[:, : body.vertex_count] = body.joint_regressor[:, order]
    return replace(result, joint_regressor=regressor)


def resampled(body: BodyData, matrix: sparse.csr_matrix, faces: np.ndarray) -> BodyData:
    """The body with vertices [V2] that are weighted means, by matrix [V2,V], of its own."""

    def carried(array: np.ndarray | None) -> np.ndarray | None:
        if array is None:
            return None
        flat = matrix @ array.reshape(len(array), -1).astype(np.float64)
        return flat.reshape(-1, *array.shape[1:])

    return BodyData(
        v_template=carried(body.v_template),
        shapedirs=carried(body.shapedirs),
        weights=carried(body.weights),
        faces=faces,
        skeleton=body.skeleton,
        joints_template=body.joints_template,
        joints_shapedirs=body.joints_shapedirs,
        posedirs=carried(body.posedirs),
        name="second",
        license=body.license,
    )


def _softer(weights: np.ndarray) -> np.ndarray:
    softer = weights**SOFTER
    return softer / softer.sum(axis=1, keepdims=True)


def _with_joints_of_regressor(body: BodyData) -> BodyData:
    regressor = body.joint_regressor
    directions = np.einsum("jv,vcb->jcb", regressor, body.shapedirs, optimize=True)
    return replace(body, joints_template=regressor @ body.v_template, joints_shapedirs=directions)


def _another_person(body: BodyData, mean_person: float) -> BodyData:
    """Another mean person with bumps on its skin, and principal components of its own."""
    rng = np.random.default_rng(7)
    mean = rng.normal(size=body.beta_count) * mean_person
    template = body.v_template + body.shapedirs @ mean
    wave = np.sin(template * (2 * np.pi / SKIN_WAVE) + rng.uniform(0, 6, 3)).prod(axis=1)
    template = template + SKIN_OFFSET * wave[:, None] * vertex_normals(template, body.faces)
    mixing = rng.normal(size=(body.beta_count, body.beta_count))
    flat = body.shapedirs.reshape(-1, body.beta_count) @ np.linalg.qr(mixing)[0]
    axes, sizes, _ = np.linalg.svd(flat, full_matrices=False)
    directions = (axes * sizes)[:, :BETAS].reshape(-1, 3, BETAS)
    return _with_joints_of_regressor(replace(body, v_template=template, shapedirs=directions))


def _at_rest_in_a_pose(body: BodyData) -> BodyData:
    """The body with REST_DEGREES as its rest pose.

    With G the orientations of the new rest, its rotation R' of a joint j with parent p stands for
    R = G_p^T R' G_j, so that R - I is linear in R' - I, and the pose correctives follow.
    """
    joints = body.joint_count
    pose = torch.zeros(1, joints, 3, dtype=torch.float64)
    for name, degrees in REST_DEGREES.items():
        for side, sign in (("L", 1.0), ("R", -1.0)):
            pose[0, body.skeleton.index(f"{side}_{name}"), 2] = np.deg2rad(sign * degrees)
    betas = torch.cat([torch.zeros(1, body.beta_count), torch.eye(body.beta_count)]).double()
    model = BodyModel(body).double()
    posed = model(pose.expand(len(betas), -1, -1), betas, torch.zeros(len(betas), 3).double())
    vertices, rest = posed.vertices.numpy(), posed.joints.numpy()
    turned = posed.orientations[0].numpy()
    blended = np.einsum("vj,jac->vac", body.weights, turned)
    blocks = body.posedirs.reshape(-1, 3, joints - 1, 3, 3)
    children = [joint for joint, parent in enumerate(body.skeleton.parents) if parent >= 0]
    above = turned[[body.skeleton.parents[joint] for joint in children]]
    blocks = np.einsum(
        "vac,vckij,kmi,knj->vakmn", blended, blocks, above, turned[children], optimize=True
    )
    return replace(
        body,
        v_template=vertices[0],
        shapedirs=np.moveaxis(vertices[1:] - vertices[0], 0, -1),
        joints_template=rest[0],
        joints_shapedirs=np.moveaxis(rest[1:] - rest[0], 0, -1),
        posedirs=blocks.reshape(len(blocks), 3, -1),
        joint_regressor=None,
    )


def _without_joints(body: BodyData) -> BodyData:
    """The body without the joints DROPPED: their vertices follow the parents."""
    skeleton = body.skeleton
    weights = body.weights.copy()
    gone = [skeleton.index(name) for name in DROPPED]
    for joint in gone:
        weights[:, skeleton.parents[joint]] += weights[:, joint]
    kept = [joint for joint in range(body.joint_count) if joint not in gone]
    parents = [skeleton.parents[joint] for joint in kept]
    blocks = body.posedirs.reshape(len(weights), 3, -1, 9)
    return replace(
        body,
        weights=weights[:, kept],
        skeleton=Skeleton(
            tuple(skeleton.joint_names[joint] for joint in kept),
            tuple(-1 if parent < 0 else kept.index(parent) for parent in parents),
        ),
        joints_template=body.joints_template[kept],
        joints_shapedirs=body.joints_shapedirs[kept],
        posedirs=blocks[:, :, [joint - 1 for joint in kept if joint]].reshape(len(weights), 3, -1),
    )


def _with_forearm_twist(body: BodyData) -> BodyData:
    """The body with a joint in the middle of each forearm, which the half to the wrist follows."""
    skeleton, weights = body.skeleton, body.weights
    names, parents = list(skeleton.joint_names), list(skeleton.parents)
    rest, directions, posedirs = [body.joints_template], [body.joints_shapedirs], [body.posedirs]
    for side in ("L", "R"):
        elbow, wrist = skeleton.index(f"{side}_Elbow"), skeleton.index(f"{side}_Wrist")
        start, end = body.joints_template[[elbow, wrist]]
        along = (body.v_template - start) @ (end - start) / ((end - start) ** 2).sum()
        share = np.clip(2 * along - 0.5, 0, 1) * weights[:, elbow]
        weights = np.column_stack([weights, share])
        weights[:, elbow] -= share
        parents[wrist] = len(names)
        names.append(f"{side}_Forearm_Twist")
        parents.append(elbow)
        rest.append((start + end)[None] / 2)
        directions.append(body.joints_shapedirs[[elbow, wrist]].mean(axis=0, keepdims=True))
        posedirs.append(np.zeros((*body.posedirs.shape[:2], 9)))
    return replace(
        body,
        weights=weights,
        skeleton=Skeleton(tuple(names), tuple(parents)),
        joints_template=np.concatenate(rest),
        joints_shapedirs=np.concatenate(directions),
        posedirs=np.concatenate(posedirs, axis=2),
    )


def _other_names(body: BodyData) -> BodyData:
    names = tuple(
        name.replace("L_", "left_").replace("R_", "right_").lower()
        for name in body.skeleton.joint_names
    )
    return replace(body, skeleton=Skeleton(names, body.skeleton.parents))

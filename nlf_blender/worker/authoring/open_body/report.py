# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures that tell how good the open body is; they go into its provenance."""

from __future__ import annotations

from typing import Any

import numpy as np

from .geometry import MIRROR, Array
from .pose_correctives import corrective_gaps, mirrored_correctives
from .pose_targets import PoseTarget
from .regressor import joint_errors
from .rig_dump import RigDump
from .shape_space import ShapeSpace
from .t_pose import PosedSamples

REPORTED_COMPONENTS = (10, 16)


def shape_figures(space: ShapeSpace, held_out: Array) -> dict[str, Any]:
    """Explained variance (%) and mean vertex error (mm) on held-out bodies [S,V,3], per B."""
    figures: dict[str, Any] = {}
    for count in REPORTED_COMPONENTS:
        rebuilt = space.bodies(space.betas(held_out, count))
        error = np.linalg.norm(rebuilt - held_out, axis=-1) * 1e3
        figures[f"B={count}"] = {
            "explained_percent": round(float(space.explained[count - 1]) * 100, 3),
            "held_out_mean_mm": round(float(error.mean()), 3),
            "held_out_area_weighted_mean_mm": round(float((error @ space.areas).mean()), 3),
        }
    sizes = np.sqrt(np.square(space.directions).sum(1).T @ space.areas) * 1e3
    figures["rms_at_beta_1_mm"] = [round(float(size), 2) for size in sizes]
    return figures


def regressor_figures(regressor: Array, held_out: PosedSamples) -> dict[str, float]:
    """Joint error (mm) on held-out bodies, and the noise of a joint per noise of its vertices."""
    error = joint_errors(regressor, held_out.vertices, held_out.joints) * 1e3
    gain = np.sqrt(np.square(regressor).sum(1))
    return {
        "held_out_mean_mm": round(float(error.mean()), 3),
        "held_out_worst_joint_mm": round(float(error.mean(0).max()), 3),
        "noise_gain_mean": round(float(gain.mean()), 3),
        "noise_gain_worst": round(float(gain.max()), 3),
    }


def corrective_figures(target: PoseTarget, posedirs: Array) -> dict[str, float]:
    """Mean gap (mm) to the full rig before and after the pose correctives, held-out poses."""
    before, after = corrective_gaps(target, posedirs) * 1e3
    return {"gap_before_mm": round(float(before), 3), "gap_after_mm": round(float(after), 3)}


def asymmetry_figures(arrays: dict[str, Array], mirror: Array, dump: RigDump) -> dict[str, float]:
    """Largest differences (mm) between the two sides, of the file and of Anny's own samples."""
    directions = np.moveaxis(arrays["shapedirs"], -1, 0)
    points = {
        "v_template": arrays["v_template"],
        "shapedirs": directions,
        "canonical_vertices": arrays["canonical_vertices"],
        "anny_samples": dump.vertices
        + np.tensordot(dump.coefficients[:50], dump.shapes, axes=1).astype(np.float64),
    }
    found = {
        name: float(np.abs(value[..., mirror, :] * MIRROR - value).max()) * 1e3
        for name, value in points.items()
    }
    posedirs = arrays["posedirs"]
    found["posedirs"] = float(np.abs(mirrored_correctives(posedirs, mirror) - posedirs).max()) * 1e3
    return {name: round(value, 4) for name, value in found.items()}

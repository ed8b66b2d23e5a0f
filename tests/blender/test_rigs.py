# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs of artists: what is taken of them, and the motion that comes back."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np
import pytest
from rig_fixtures import (
    OPEN_BODY,
    add_body,
    add_metarig,
    add_mpfb,
    as_solved,
    bind_skin,
    bone_matrices,
    canonical_heads,
    known_motion,
)

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.errors import UserError
from nlf_blender.scene.rigs.apply_rig import apply_rig
from nlf_blender.scene.rigs.collect_rig import CollectedRig, collect_rig
from nlf_blender.scene.rigs.rig_surface import MOST_POINTS
from nlf_blender.scene.rigs.skin_weights import LEAST_WEIGHT
from nlf_blender.scene.rigs.uniform import axes_of

FRAMES = 4
START = 11


@pytest.fixture
def body() -> bpy.types.Object:
    obj = add_body()
    obj.location = (0.3, 0.1, 1.0)
    bpy.context.view_layer.update()
    return obj


def collected(rig: bpy.types.Object, body: bpy.types.Object, **wanted: bool) -> CollectedRig:
    return collect_rig(rig, body, bpy.context.scene, **wanted)


def off_degrees(rig: bpy.types.Object, names: tuple[str, ...], wanted: np.ndarray) -> float:
    """The largest turn between bones as they are and as they should be [J,4,4]."""
    axes = axes_of(bone_matrices(rig, names)[:, :3, :3])
    cosine = (np.einsum("jab,jab->j", axes, wanted[:, :3, :3]) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).max())


def check_motion(rig: bpy.types.Object, body: bpy.types.Object, found: CollectedRig) -> None:
    info = found.points.rig
    known = known_motion(rig, body, info, FRAMES, 1.3)
    rig.location.x += 2.0  # wherever the artist put it since
    bpy.context.view_layer.update()
    apply_rig(rig, as_solved(info, known, start=START))
    for row in range(FRAMES):
        bpy.context.scene.frame_set(START + row)
        assert off_degrees(rig, info.joint_names, known.matrices[row]) < 0.1
        places = bone_matrices(rig, info.joint_names)[:, :3, 3]
        np.testing.assert_allclose(places, known.matrices[row, :, :3, 3], atol=1e-3)


def test_a_rigify_metarig_is_taken_as_it_is_posed(body: bpy.types.Object) -> None:
    rig = add_metarig(body)
    found = collected(rig, body)
    info = found.points.rig
    np.testing.assert_allclose(info.joints, canonical_heads(rig, body, info.joint_names), atol=1e-5)
    free = {n for n, held in zip(info.joint_names, info.held, strict=True) if not held}
    limbs = ("upper_arm", "forearm", "hand", "thigh", "shin", "foot", "toe", "shoulder")
    assert {f"{limb}.{side}" for limb in limbs for side in "LR"} <= free
    assert {f"spine.00{number}" for number in range(1, 7)} <= free
    assert info.joint_names[0] == "spine"
    small = ("f_", "thumb", "palm", "lip", "brow", "breast", "pelvis", "heel", "face")
    assert not [name for name in free if name.startswith(small)]
    assert len(found.points.points) <= 2300
    np.testing.assert_allclose(info.weights.sum(axis=1), 1.0, atol=1e-5)
    with_fingers = collected(rig, body, fingers=True).points.rig
    np.testing.assert_allclose(with_fingers.weights.sum(axis=1), 1.0, atol=1e-5)
    assert not with_fingers.held[with_fingers.joint_names.index("f_index.02.L")]


def test_a_metarig_moves_as_solved(body: bpy.types.Object) -> None:
    rig = add_metarig(body)
    check_motion(rig, body, collected(rig, body))


def test_a_made_up_rig_moves_as_solved(body: bpy.types.Object) -> None:
    """All rotation modes, rolls, bones that do not inherit, a second root, a scaled object."""
    rig = add_mpfb(body)
    found = collected(rig, body)
    info = found.points.rig
    assert info.joint_names[0] == "root" and "ground" not in info.joint_names
    assert (info.parents < 0).sum() == 2
    check_motion_of_two_roots(rig, body, found)


def check_motion_of_two_roots(
    rig: bpy.types.Object, body: bpy.types.Object, found: CollectedRig
) -> None:
    """The second root goes with the first, which Blender's own evaluation does not do."""
    info = found.points.rig
    known = known_motion(rig, body, info, FRAMES, 1.3)
    applied = apply_rig(rig, as_solved(info, known, start=START))
    second = int(np.flatnonzero(info.parents < 0)[1])
    others = np.arange(len(info.joint_names)) != second
    for row in range(FRAMES):
        bpy.context.scene.frame_set(START + row)
        assert off_degrees(rig, info.joint_names, known.matrices[row]) < 0.1
        places = bone_matrices(rig, info.joint_names)[:, :3, 3]
        wanted = known.matrices[row, :, :3, 3]
        np.testing.assert_allclose(places[others], wanted[others], atol=1e-3)
        gap = np.linalg.norm(info.joints[second] - info.joints[0]) * 1.3
        assert np.linalg.norm(places[second] - places[0]) == pytest.approx(gap, abs=1e-3)
    assert applied.action.users


def test_the_skin_is_that_of_the_rigs_own_mesh(body: bpy.types.Object) -> None:
    rig = add_mpfb(body)
    bind_skin(rig, body)
    points = collected(rig, body).points
    info = points.rig
    middles = np.array([points.points[info.weights[:, j] > 0.9].mean(axis=0) for j in range(3)])
    assert np.isfinite(middles).all()
    skin = info.weights[len(info.joints) :]
    assert ((skin == 0) | (skin == 1)).all()  # as bound, not by nearness
    assert 500 < len(skin) <= 2100


def test_without_a_mesh_the_skin_follows_as_the_bodys_own(body: bpy.types.Object) -> None:
    rig, data = add_mpfb(body), load_body_npz(OPEN_BODY)
    info = collect_rig(rig, body, bpy.context.scene, fingers=True).points
    skin = info.points[-MOST_POINTS:]
    vertices = np.array([np.abs(data.canonical_vertices - p).sum(axis=1).argmin() for p in skin])
    for bone, joint in (("clavicle.L", "L_Collar"), ("upperleg01.R", "R_Hip"), ("neck01", "Neck")):
        weights = info.rig.weights[-MOST_POINTS:, info.rig.joint_names.index(bone)]
        own = data.weights[vertices, data.skeleton.joint_names.index(joint)]
        assert (own > 0.3).sum() > 20
        np.testing.assert_allclose(weights, own, atol=1.2 * LEAST_WEIGHT)
    palm = collect_rig(rig, body, bpy.context.scene).points.points
    fingers = data.canonical_vertices[
        data.weights[:, data.skeleton.joint_names.index("L_Hand")] > 0.9
    ]
    assert np.abs(palm[:, None] - fingers[None]).sum(axis=2).min() > 1e-4  # they bend by themselves
    body.vertex_groups.clear()
    by_nearness = collect_rig(rig, body, bpy.context.scene).points.rig.weights
    np.testing.assert_allclose(by_nearness.sum(axis=1), 1.0, atol=1e-5)


def test_the_action_before_is_kept(body: bpy.types.Object) -> None:
    rig = add_mpfb(body)
    found = collected(rig, body)
    before = bpy.data.actions.new("By hand")
    rig.animation_data_create().action = before
    known = known_motion(rig, body, found.points.rig, 2, 1.0)
    applied = apply_rig(rig, as_solved(found.points.rig, known))
    assert rig.animation_data.action == applied.action != before
    assert before.use_fake_user
    assert any("By hand" in note for note in applied.notes)


def test_a_rig_may_keep_its_size(body: bpy.types.Object) -> None:
    rig = add_mpfb(body)
    found = collected(rig, body)
    known = known_motion(rig, body, found.points.rig, 2, 2.0)
    before = rig.scale.copy()
    apply_rig(rig, as_solved(found.points.rig, known, start=START), "RIG")
    assert rig.scale == before
    bpy.context.scene.frame_set(START)
    place = bone_matrices(rig, found.points.rig.joint_names)[0, :3, 3]
    np.testing.assert_allclose(place, known.motion["root"][0] / 2, atol=1e-4)


def test_a_rig_elsewhere_is_refused(body: bpy.types.Object) -> None:
    rig = add_mpfb(body)
    rig.location.x += 1.0
    bpy.context.view_layer.update()
    with pytest.raises(UserError, match="does not stand in the canonical body"):
        collect_rig(rig, body, bpy.context.scene)
    rig.location.x -= 1.0
    rig.scale.x *= 1.2
    bpy.context.view_layer.update()
    with pytest.raises(UserError, match="Uneven scale"):
        collect_rig(rig, body, bpy.context.scene)


def test_a_rig_without_the_bones_is_refused(body: bpy.types.Object) -> None:
    rig = add_mpfb(body)
    found = collect_rig(rig, body, bpy.context.scene)
    known = known_motion(rig, body, found.points.rig, 2, 1.0)
    bare = replace(found.points.rig, bone_axes=None)
    with pytest.raises(UserError, match="Rig without axes"):
        apply_rig(rig, as_solved(bare, known))
    rig.data.bones["wrist.L"].name = "hand.L"
    with pytest.raises(UserError, match="Bones are missing"):
        apply_rig(rig, as_solved(found.points.rig, known))
    assert rig.animation_data is None or rig.animation_data.action is None

# SPDX-License-Identifier: GPL-3.0-or-later
"""Bones that mirror and connect, the heat map's colours and its switch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
import scene_fixtures as fixtures

from nlf_blender.body.body_data import BodyData
from nlf_blender.body.skeleton import mirrored_name
from nlf_blender.scene import import_take, set_heatmap
from nlf_blender.scene.heatmap import HEAT_SWITCH, UNCERTAINTY, heat_colors


def still_fit(body: BodyData, betas: np.ndarray) -> fixtures.FitParameters:
    """A fit in the T-pose."""
    pose = np.zeros((body.joint_count, 3), dtype=np.float32)
    return fixtures.FitParameters(pose, betas.astype(np.float32), np.array([0.0, 0.0, 3.0]))


def imported_rig(folder: Path, body: BodyData, betas: np.ndarray) -> bpy.types.Object:
    take = fixtures.write_take(folder / "a.take", body, [still_fit(body, betas)])
    return import_take(bpy.context.scene, take).people[0].rig


def test_left_and_right_bones_mirror(tmp_path: Path) -> None:
    body = fixtures.make_body()
    # vertices decide the length of end bones: mirror them too
    mirrored = list(body.skeleton.mirrored())
    per_joint = body.v_template.reshape(body.joint_count, -1, 3)
    weights = body.weights.reshape(body.joint_count, -1, body.joint_count)
    for joint, other in enumerate(mirrored):
        per_joint[other] = per_joint[joint] * (-1.0, 1.0, 1.0)
        weights[other] = weights[joint][:, mirrored]
    rig = imported_rig(tmp_path, body, np.zeros(body.beta_count))
    flip = np.diag([-1.0, 1.0, 1.0])
    sided = 0
    for bone in rig.data.bones:
        other = rig.data.bones[mirrored_name(bone.name)]
        sided += other != bone
        axes, other_axes = (np.array(b.matrix_local.to_3x3()) for b in (bone, other))
        assert np.allclose(np.array(bone.tail_local) * (-1, 1, 1), other.tail_local, atol=1e-6)
        # a mirrored frame is left-handed: its x axis points the other way
        assert np.allclose(flip @ axes @ flip, other_axes, atol=1e-5)
    assert sided == 18


def test_bones_point_at_their_children_and_connect(tmp_path: Path) -> None:
    body = fixtures.make_body()
    rig = imported_rig(tmp_path, body, np.random.default_rng(1).normal(size=body.beta_count))
    bones = rig.data.bones
    for parent, child in [("L_Hip", "L_Knee"), ("Pelvis", "Spine1"), ("Spine3", "Neck")]:
        assert bones[child].use_connect
        assert np.allclose(bones[parent].tail_local, bones[child].head_local, atol=1e-6)
    assert not bones["L_Hip"].use_connect
    assert not bones["R_Collar"].use_connect
    up = np.array(bones["Head"].tail_local) - np.array(bones["Head"].head_local)
    toes = np.array(bones["L_Foot"].tail_local) - np.array(bones["L_Foot"].head_local)
    hand = np.array(bones["R_Hand"].tail_local) - np.array(bones["R_Hand"].head_local)
    assert up[2] > 0.02 and np.abs(up[:2]).max() < 1e-6
    assert toes[1] < -0.02
    assert hand[0] < -0.02
    # z up, facing -y, left at +x
    assert bones["L_Wrist"].head_local.x > 0.5
    assert bones["Head"].head_local.z > bones["L_Knee"].head_local.z + 0.5
    assert bones["L_Foot"].head_local.y < bones["L_Ankle"].head_local.y


def test_joints_in_one_place_still_make_bones(tmp_path: Path) -> None:
    body = fixtures.make_body()
    joints = body.joints_template.copy()
    neck, head = body.skeleton.index("Neck"), body.skeleton.index("Head")
    joints[head] = joints[neck]
    body = replace(body, joints_template=joints, joints_shapedirs=0 * body.joints_shapedirs)
    rig = imported_rig(tmp_path, body, np.zeros(body.beta_count))
    assert len(rig.data.bones) == body.joint_count
    assert rig.data.bones["Neck"].length >= 0.0099
    assert not rig.data.bones["Head"].use_connect


def test_heat_colours_grow_lighter_and_stop_at_full_scale() -> None:
    colors = heat_colors(np.linspace(0.0, UNCERTAINTY.full_scale, 50), UNCERTAINTY.full_scale)
    assert colors.shape == (50, 4)
    assert colors.min() >= 0.0 and colors.max() <= 1.0
    luminance = colors[:, :3] @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(luminance) > 0).all()
    assert np.array_equal(heat_colors(np.array([5.0]), UNCERTAINTY.full_scale), colors[-1:])
    assert colors[0, 2] > 3 * colors[0, 0]  # blue at the sure end
    assert colors[-1, 0] > 3 * colors[-1, 2]  # yellow at the unsure one
    assert colors[-1, 1] > 3 * colors[-1, 2]


@pytest.fixture
def two_people(tmp_path: Path) -> list[bpy.types.Object]:
    body = fixtures.make_body()
    fits = [fixtures.random_fit(body, seed) for seed in (1, 2)]
    result = import_take(bpy.context.scene, fixtures.write_take(tmp_path / "a.take", body, fits))
    return [obj for person in result.people for obj in (person.points, person.body)]


def test_the_switch_turns_points_alone(two_people: list[bpy.types.Object]) -> None:
    set_heatmap(two_people, True)
    assert [obj.get(HEAT_SWITCH) for obj in two_people] == [1.0, None, 1.0, None]
    set_heatmap(two_people[:1], False)
    assert [obj.get(HEAT_SWITCH) for obj in two_people] == [0.0, None, 1.0, None]


def test_people_have_colours_of_their_own(two_people: list[bpy.types.Object]) -> None:
    first, second = (two_people[i].data.materials[0] for i in (0, 2))
    assert first == two_people[1].data.materials[0]
    assert tuple(first.diffuse_color) != tuple(second.diffuse_color)

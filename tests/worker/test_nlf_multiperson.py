# SPDX-License-Identifier: GPL-3.0-or-later
"""The multi-person interface, with the default model on painted people."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from painted_person import paint_person

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.errors import UserError
from nlf_blender.worker.nlf.multiperson import MultipersonLocalizer
from nlf_blender.worker.smpl.body_model import BodyModel

ASSETS = Path(__file__).resolve().parents[2] / "nlf_blender" / "assets"
PAINTED = paint_person()
HEIGHT, WIDTH = PAINTED.image.shape[:2]
FRAME = np.array([PAINTED.joint_pixels.min(axis=0) - 25, PAINTED.joint_pixels.max(axis=0) + 25])
BOX = [*FRAME[0], *(FRAME[1] - FRAME[0])]


@pytest.fixture(scope="module")
def people() -> MultipersonLocalizer:
    torch.set_num_threads(1)
    return MultipersonLocalizer.load("default", "cpu")


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return BodyModel(load_body_npz(ASSETS / "open_body.npz"))


@pytest.fixture(scope="module")
def points(body: BodyModel) -> np.ndarray:
    assert body.body.canonical_joints is not None
    return np.asarray(body.body.canonical_joints)


def _placed() -> np.ndarray:
    extrinsics = np.eye(4)
    extrinsics[:3, :3] = cv2.Rodrigues(np.array([0.1, -0.2, 0.05]))[0]
    extrinsics[:3, 3] = [0.2, -1.3, 0.4]
    return extrinsics


def test_several_images_with_different_numbers_of_boxes(
    people: MultipersonLocalizer, points: np.ndarray
) -> None:
    second = cv2.resize(PAINTED.image, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    matrices = np.stack([PAINTED.intrinsics, PAINTED.intrinsics * [[0.5], [0.5], [1]]])
    matrices[1, :2, 2] -= 0.25
    result = people.estimate_poses(
        [PAINTED.image, PAINTED.image, second],
        [[BOX, BOX], [], np.array([BOX]) / 2],
        points,
        num_aug=1,
        intrinsics=matrices[[0, 0, 1]],
    )
    assert [part.shape for part in result.poses3d] == [(2, 24, 3), (0, 24, 3), (1, 24, 3)]
    assert [part.shape for part in result.poses2d] == [(2, 24, 2), (0, 24, 2), (1, 24, 2)]
    assert [part.shape for part in result.uncertainties] == [(2, 24), (0, 24), (1, 24)]
    assert [part.shape for part in result.boxes] == [(2, 5), (0, 5), (1, 5)]
    assert np.abs(result.poses3d[0][0] - result.poses3d[0][1]).max() < 1e-5
    assert np.abs(result.poses3d[0][0] - result.poses3d[2][0]).max() < 0.1  # half the pixels
    seen = (result.poses3d[0] @ PAINTED.intrinsics.T)[0]
    assert np.abs(result.poses2d[0][0] - seen[:, :2] / seen[:, 2:]).max() < 0.01


def test_world_space_is_camera_space_moved(
    people: MultipersonLocalizer, points: np.ndarray
) -> None:
    weights = people.get_weights_for_canonical_points(points)
    image, boxes, extrinsics = [PAINTED.image], [[BOX]], _placed()
    up = extrinsics[:3, :3].T @ [0.0, -1.0, 0.0]  # so that crops stay as they are
    options = {"num_aug": 1, "intrinsics": PAINTED.intrinsics}
    camera = people.estimate_poses(image, boxes, weights, **options)
    world = people.estimate_poses(
        image, boxes, weights, extrinsics=extrinsics, world_up=up, **options
    )
    moved = world.poses3d[0] @ extrinsics[:3, :3].T + extrinsics[:3, 3]
    assert np.abs(moved - camera.poses3d[0]).max() < 1e-3
    assert np.abs(world.poses2d[0] - camera.poses2d[0]).max() < 0.1


def test_options_reach_the_crops(people: MultipersonLocalizer, points: np.ndarray) -> None:
    weights = people.get_weights_for_canonical_points(points)

    def localized(**options: object) -> np.ndarray:
        return people.estimate_poses([PAINTED.image], [[BOX]], weights, **options).poses3d[0]

    plain = localized(num_aug=1)
    for change in (
        {"antialias_factor": 2},
        {"default_fov_degrees": 50.0},
        {"distortion": [-0.1, 0.02, 0.0, 0.0]},
        {"world_up": (0.2, -1.0, 0.0)},
    ):
        moved = np.abs(localized(num_aug=1, **change) - plain).max()
        assert 1e-5 < moved < 1.5, change
    turned = [localized(num_aug=4, rot_aug_max_degrees=angle) for angle in (0.0, 20.0)]
    assert np.abs(turned[0] - turned[1]).max() > 1e-4
    people.pad_white_pixels = True
    assert np.abs(localized(num_aug=1) - plain).max() > 1e-5
    people.pad_white_pixels = False
    with pytest.raises(TypeError, match="antialias"):
        localized(antialias=2)


def test_found_people_are_fitted(people: MultipersonLocalizer, body: BodyModel) -> None:
    empty = np.full((120, 160, 3), 90, np.uint8)
    result = people.detect_parametric([PAINTED.image, empty], body, extrinsics=_placed())
    vertices, joints = body.body.vertex_count, body.body.joint_count
    for index, count in enumerate((1, 0)):
        assert result.pose[index].shape == (count, joints, 3)
        assert result.trans[index].shape == (count, 3)
        for kind in ("", "_nonparam"):
            assert getattr(result, f"vertices3d{kind}")[index].shape == (count, vertices, 3)
            assert getattr(result, f"joints2d{kind}")[index].shape == (count, joints, 2)
        assert result.vertex_uncertainties[index].shape == (count, vertices)
        assert result.joint_uncertainties[index].shape == (count, joints)
        assert result.boxes[index].shape == (count, 5)
    fitted, own = result.vertices3d[0], result.vertices3d_nonparam[0]
    assert np.linalg.norm(fitted - own, axis=-1).mean() < 0.1
    assert np.abs(result.joints2d[0] - result.joints2d_nonparam[0]).mean() < 25
    posed = body(*(torch.from_numpy(getattr(result, name)[0]) for name in
                   ("pose", "betas", "trans")))  # fmt: skip
    assert np.abs(posed.vertices.numpy() - fitted).max() < 1e-5


def test_given_boxes_are_fitted(people: MultipersonLocalizer, body: BodyModel) -> None:
    result = people.estimate_parametric([PAINTED.image], [[[*BOX, 0.3]]], body)
    assert result.boxes[0][0, 4] == pytest.approx(0.3)
    assert result.betas[0].shape == (1, 10)


def test_implausible_people_are_suppressed(
    people: MultipersonLocalizer, points: np.ndarray
) -> None:
    again = [[*np.add(BOX, [3, 2, -5, -4]), 0.6]]
    far = [[WIDTH - 40, 5, 30, 30, 0.9]]
    options = {"detector_threshold": 0.01, "detector_nms_iou_threshold": 1.0, "max_detections": 9}
    extra = [again + far]
    every, kept = (
        people.detect_poses(
            [PAINTED.image], points, extra_boxes=extra, suppress_implausible_poses=s, **options
        )
        for s in (False, True)
    )
    assert len(every.boxes[0]) == 3
    assert 1 <= len(kept.boxes[0]) < 3
    assert len(kept.poses3d[0]) == len(kept.uncertainties[0]) == len(kept.boxes[0])


def test_without_a_finder_nobody_is_found(people: MultipersonLocalizer, points: np.ndarray) -> None:
    alone = MultipersonLocalizer(people.localizer)
    with pytest.raises(UserError, match="find") as caught:
        alone.detect_poses([PAINTED.image], points)
    assert "boxes" in caught.value.fix
    assert len(alone.estimate_poses([PAINTED.image], [[BOX]], points, num_aug=1).poses3d[0]) == 1

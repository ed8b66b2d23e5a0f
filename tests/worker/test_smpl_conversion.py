# SPDX-License-Identifier: GPL-3.0-or-later
"""Motions survive the way to another body model, and back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from conversion_examples import Motion, Pair, motion_of, second_pair, shuffled_pair

from nlf_blender.worker.progress import Progress
from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.smpl.conversion import convert as conversion
from nlf_blender.worker.smpl.conversion.convert import convert, surface_errors
from nlf_blender.worker.smpl.fitting.fit import Fit


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    """Measuring needs none."""
    with torch.no_grad():
        yield


@pytest.fixture
def second() -> Pair:
    return second_pair()


@pytest.fixture
def shuffled() -> Pair:
    return shuffled_pair()


def millimetres(model: BodyModel, motion: Motion, found: Fit) -> torch.Tensor:
    """Distances [T,V] between the vertices of a motion and of a fit of the same body."""
    posed = (
        model(*item).vertices for item in (motion, (found.pose, found.betas, found.translation))
    )
    first, last = posed
    return 1000 * (first - last).norm(dim=-1)


def test_the_same_body_with_other_vertices_comes_back_as_it_was(shuffled: Pair) -> None:
    assert shuffled.there.confidence.min() > 0.999
    motion = motion_of(shuffled.model)
    found = convert(*motion, shuffled.model, shuffled.other, shuffled.there)
    # it is the same body: the parameters themselves must be those that went in
    posed = shuffled.other(found.pose, found.betas, found.translation)
    torch.testing.assert_close(posed.joints, shuffled.model(*motion).joints, atol=3e-4, rtol=0)
    torch.testing.assert_close(found.betas, motion[1], atol=0.05, rtol=0)
    back = convert(
        found.pose, found.betas, found.translation, shuffled.other, shuffled.model, shuffled.back
    )
    assert millimetres(shuffled.model, motion, back).mean() < 0.1
    assert millimetres(shuffled.model, motion, back).max() < 3


def test_a_body_that_is_other_in_everything(second: Pair) -> None:
    motion = motion_of(second.model, 16)
    found = convert(*motion, second.model, second.other, second.there)
    mean, worst = surface_errors(*motion, second.model, second.other, second.there, found)
    assert mean.mean() < 4e-3
    assert (worst >= mean).all() and worst.max() < 0.1, "its hands cannot bend"
    back = convert(
        found.pose, found.betas, found.translation, second.other, second.model, second.back
    )
    assert millimetres(second.model, motion, back).mean() < 4.5


def test_a_motion_of_the_simpler_body_comes_back(second: Pair) -> None:
    motion = motion_of(second.other, 16)
    found = convert(*motion, second.other, second.model, second.back)
    back = convert(
        found.pose, found.betas, found.translation, second.model, second.other, second.there
    )
    assert millimetres(second.other, motion, back).mean() < 3.5


def test_frames_share_one_shape_in_any_number(
    second: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pose, betas, translation = motion_of(second.model, 11)
    groups = torch.tensor([0, 7] * 5 + [7])
    betas = betas[groups // 7]
    arguments = (pose, betas, translation, second.model, second.other, second.there)
    at_once = convert(*arguments, shape_groups=groups)
    monkeypatch.setattr(conversion, "FRAMES_AT_ONCE", 4)
    monkeypatch.setattr(conversion, "FRAMES_FOR_SHAPE", 5)
    steps = []
    progress = Progress(listener=lambda stage, done, *_: steps.append((stage, done)))
    in_parts = convert(*arguments, progress=progress, shape_groups=groups)
    assert ("convert", 8) in steps and steps[-1] == ("convert", 11)
    for found in (at_once, in_parts):
        assert len(found.pose) == 11
        for group in (0, 7):
            own = found.betas[groups == group]
            torch.testing.assert_close(own, own[:1].expand_as(own), atol=1e-6, rtol=0)
        assert (found.betas[0] - found.betas[1]).abs().max() > 0.1
    torch.testing.assert_close(in_parts.betas, at_once.betas, atol=0.15, rtol=0)
    each = convert(*arguments)
    assert (each.betas[0] - each.betas[2]).abs().max() > 1e-4, "each frame has its own shape"


def test_wrong_shapes_are_refused(second: Pair) -> None:
    pose, betas, translation = motion_of(second.model, 2)
    bodies = second.model, second.other, second.there
    for wrong in (
        (pose[:, :5], betas, translation),
        (pose, betas[:1], translation),
        (pose, torch.zeros(2, 99), translation),
        (pose, betas, translation[:, :2]),
    ):
        with pytest.raises(ValueError, match="of shape"):
            convert(*wrong, *bodies)
    with pytest.raises(ValueError, match="correspondence of shape"):
        convert(pose, betas, translation, second.model, second.other, second.back)
    with pytest.raises(ValueError, match="shape groups"):
        convert(pose, betas, translation, *bodies, shape_groups=torch.zeros(3))

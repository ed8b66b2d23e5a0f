# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the localizer looks for somebody whom landmarks framed."""

from __future__ import annotations

import numpy as np
import pytest

from nlf_blender.worker.people.person import BODY_CIRCLE, BOX_MARGIN, CIRCLE_MARGIN, Frame, Person


def test_the_localizer_sees_more_than_the_circle_that_landmarks_tell() -> None:
    frame = Frame.from_hips(np.array([400.0, 300.0]), np.array([500.0, 300.0]))
    assert frame.side == pytest.approx(200 * CIRCLE_MARGIN)
    crop = frame.crop
    assert crop.center == (400, 300)
    assert crop.size == pytest.approx((200 * CIRCLE_MARGIN * BODY_CIRCLE,) * 2)
    assert crop.size[0] > frame.side
    assert crop.roll == pytest.approx(np.pi / 2)
    assert Person(np.zeros(4), 1.0, frame, np.zeros((33, 3))).crop == crop


def test_a_frame_comes_back_from_a_takes_row() -> None:
    frame = Frame(np.array([40.0, 30.0]), 20.0, 0.3)
    again = Frame.from_row(frame.row)
    assert again.crop == frame.crop
    assert again.side == frame.side


def test_the_frame_of_a_box_is_an_upright_square_about_it() -> None:
    frame = Frame.of_box(np.array([10.0, 20.0, 50.0, 120.0]))
    assert frame.center.tolist() == [30, 70]
    assert frame.side == pytest.approx(100 * BOX_MARGIN) and frame.side > 100
    assert frame.roll == 0
    assert Frame.of_box(np.full(4, 7.0)).side > 0

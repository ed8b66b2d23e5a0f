# SPDX-License-Identifier: GPL-3.0-or-later
"""The localizer as a whole, with a model that knows the answer and with the default model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from painted_person import paint_person
from torch import Tensor, nn

from nlf_blender.errors import UserError
from nlf_blender.protocol.take import ModelInfo
from nlf_blender.worker.device import select_device
from nlf_blender.worker.nlf import crop_plan
from nlf_blender.worker.nlf.camera import Camera
from nlf_blender.worker.nlf.checkpoints import load_localizer
from nlf_blender.worker.nlf.crops import Augmentation, CropSpec, CropView
from nlf_blender.worker.nlf.head import HeadOutput, PointWeights, mirror_points
from nlf_blender.worker.nlf.localized import LocalizedPerson
from nlf_blender.worker.nlf.localizer import Localizer
from nlf_blender.worker.nlf.model import CropStyle, LocalizerModel

ASSETS = Path(__file__).resolve().parents[2] / "nlf_blender" / "assets"
POINTS = 60
LENS = [-0.12, 0.03, 0.001, -0.001, 0.0]


class KnowingHead(nn.Module):
    """Answers with the truth, as seen by the views that the localizer was given, in order."""

    crop_side, stride = 256, 32

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(1))
        self.awaited: list[tuple[CropView, np.ndarray]] = []
        self.batches: list[int] = []
        self.room = 1000

    def read(
        self, features: Tensor, readouts: list[PointWeights], flips: list[bool]
    ) -> list[HeadOutput]:
        if len(features) > self.room:
            raise torch.OutOfMemoryError("no room")
        self.batches.append(len(features))
        mine, self.awaited = self.awaited[: len(features)], self.awaited[len(features) :]
        for (view, _), flip in zip(mine, flips, strict=True):
            assert flip == (np.linalg.det(view.rotation) < 0)
        pixels = np.stack([view.project(truth) for view, truth in mine])
        turned = np.stack([truth @ view.rotation.T for view, truth in mine])
        turned -= turned.mean(axis=1, keepdims=True) - 1.1
        shape = (len(mine), POINTS)
        output = HeadOutput(
            torch.from_numpy(pixels).float(),
            torch.from_numpy(turned).float() * (1 + features.mean(dim=(1, 2, 3)))[:, None, None],
            torch.full(shape, 0.05),
        )
        return [output] * len(readouts)


class Pixels(nn.Module):
    """A backbone whose features are no features: zero, or `in_half` where half is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.in_half = [0.0]  # batch after batch; the last one stays

    def forward(self, images: Tensor) -> Tensor:
        assert not torch.backends.cudnn.allow_tf32
        half = torch.is_autocast_enabled(images.device.type)
        value = self.in_half[0] if half else 0.0
        if half and len(self.in_half) > 1:
            self.in_half.pop(0)
        return torch.full((len(images), 1, 8, 8), value)


def _body(place: tuple[float, float, float], seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.uniform(-0.5, 0.5, (POINTS, 3)) * [0.6, 1.7, 0.5]) + place


def _spec(camera: Camera, body: np.ndarray, roll: float = 0.0) -> CropSpec:
    pixels = camera.project(body)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    return CropSpec.square(tuple((low + high) / 2), float((high - low).max()) * 1.3, roll)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> tuple[Localizer, KnowingHead]:
    """A localizer whose model is told the view and the truth of every crop that is planned."""
    head = KnowingHead()
    style = CropStyle(linear_light=False, gamma_range=(1.0, 1.0), aligned=True)
    model = LocalizerModel(Pixels(), head, style, ModelInfo("known", "0" * 64, "none"))
    original = crop_plan.crop_view
    truths: list[np.ndarray] = []

    def recording(
        camera: Camera, spec: CropSpec, side: int, augmentation: Augmentation
    ) -> CropView:
        view = original(camera, spec, side, augmentation)
        nearest = min(truths, key=lambda t: np.abs(camera.project(t).mean(0) - spec.center).max())
        head.awaited.append((view, nearest))
        return view

    monkeypatch.setattr(crop_plan, "crop_view", recording)
    head.truths = truths
    return Localizer(model), head


def _two_scenes(head: KnowingHead) -> tuple[list, list, list, list]:
    """Two images of different sizes, the second with a lens; three people."""
    cameras = [
        Camera.create([[500.0, 0, 319.5], [0, 500.0, 239.5], [0, 0, 1]]),
        Camera.create([[700.0, 0, 399.5], [0, 690.0, 299.5], [0, 0, 1]], LENS),
    ]
    bodies = [
        [_body((-0.9, 0.1, 3.5), 1), _body((0.8, 0.2, 4.5), 2)],
        [_body((0.7, -0.2, 3.8), 3)],
    ]
    head.truths.extend(body for group in bodies for body in group)
    images = [np.zeros((480, 640, 3), np.uint8), np.zeros((600, 800, 3), np.uint8)]
    specs = [
        [_spec(camera, body, 0.2 * index) for index, body in enumerate(group)]
        for camera, group in zip(cameras, bodies, strict=True)
    ]
    return images, specs, cameras, bodies


NO_WEIGHTS = PointWeights(torch.zeros(POINTS, 1), torch.zeros(POINTS, 1))


@pytest.mark.parametrize("num_aug", [1, 2, 5])
@pytest.mark.parametrize("batch_size", [0, 1, 4, 64])
def test_every_person_gets_the_known_answer(
    known: tuple[Localizer, KnowingHead], num_aug: int, batch_size: int
) -> None:
    localizer, head = known
    images, specs, cameras, bodies = _two_scenes(head)
    heard: list[tuple[int, int]] = []
    results = localizer.localize(
        images, specs, cameras, NO_WEIGHTS, num_aug, batch_size, lambda *x: heard.append(x)
    )
    assert [len(group) for group in results] == [2, 1]
    for camera, group, truths in zip(cameras, results, bodies, strict=True):
        for person, truth in zip(group, truths, strict=True):
            distance = np.linalg.norm(truth.mean(axis=0))
            # flips, turns and lens undone; the official ridge leaves a little of the distance
            assert np.abs(person.points - truth).max() < 1e-3 * distance
            assert np.abs(person.points_2d - camera.project(truth)).max() < 0.3
            assert person.uncertainty == pytest.approx(np.full(POINTS, 0.15), abs=1e-5)
    assert max(head.batches) <= (batch_size or sum(head.batches))
    assert heard[-1] == (3 * num_aug, 3 * num_aug)
    assert [done for done, _ in heard] == list(np.cumsum(head.batches))


def test_nobody_is_no_error(known: tuple[Localizer, KnowingHead]) -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    camera = np.diag([10.0, 10.0, 1.0])
    assert known[0].localize([image, image], [[], []], [camera, camera], NO_WEIGHTS) == [[], []]


def test_what_progress_raises_ends_the_work(known: tuple[Localizer, KnowingHead]) -> None:
    localizer, head = known
    images, specs, cameras, _ = _two_scenes(head)

    def cancel(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        localizer.localize(images, specs, cameras, NO_WEIGHTS, 1, 1, cancel)
    assert head.batches == [1]


def test_a_full_gpu_gets_smaller_batches(known: tuple[Localizer, KnowingHead]) -> None:
    localizer, head = known
    images, specs, cameras, bodies = _two_scenes(head)
    head.room = 2
    results = localizer.localize(images, specs, cameras, NO_WEIGHTS, 5, 8)
    assert head.batches == [2] * 7 + [1]
    assert np.abs(results[1][0].points - bodies[1][0]).max() < 5e-3
    head.room = 0
    with pytest.raises(UserError, match="memory") as caught:
        localizer.localize(images, specs, cameras, NO_WEIGHTS, 5, 8)
    assert "CPU" in caught.value.fix


@pytest.mark.parametrize(
    ("in_half", "used"),
    [
        ([1e-5], [True, False, True, True]),  # the first crop in both precisions
        ([0.01], [True, False, False, False]),
        ([float("inf")], [True, False, False, False]),
        ([1e-5, float("inf")], [True, False, True, False, False]),
    ],
    ids=["near", "far", "not finite", "not finite later on"],
)
def test_half_precision_is_used_where_it_suffices(
    known: tuple[Localizer, KnowingHead],
    monkeypatch: pytest.MonkeyPatch,
    in_half: list[float],
    used: list[bool],
) -> None:
    localizer, head = known
    images, specs, cameras, bodies = _two_scenes(head)
    localizer.model.backbone.in_half = list(in_half)
    monkeypatch.setattr(localizer, "_half", True)
    compute, halves = localizer._features, []

    def watched(images: Tensor, half: bool) -> Tensor:
        if halves and halves[-1] and not half:
            head.awaited.insert(0, last[0])  # the same crop comes again
        halves.append(half)
        last[:] = head.awaited[:1]
        return compute(images, half)

    last: list[tuple[CropView, np.ndarray]] = []
    monkeypatch.setattr(localizer, "_features", watched)
    results = localizer.localize(images, specs, cameras, NO_WEIGHTS, 1, 1)
    assert halves == used
    for result, body in zip([*results[0], *results[1]], [*bodies[0], *bodies[1]], strict=True):
        assert np.abs(result.points - body).max() < 5e-3


def test_images_that_are_not_rgb_bytes_are_refused(known: tuple[Localizer, KnowingHead]) -> None:
    camera = np.diag([10.0, 10.0, 1.0])
    for image in (np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3)), np.zeros((9, 9), np.uint8)):
        with pytest.raises(ValueError, match="RGB"):
            known[0].localize([image], [[CropSpec.square((4, 4), 4)]], [camera], NO_WEIGHTS)


@pytest.fixture(scope="module")
def default() -> Localizer:
    torch.set_num_threads(1)
    return Localizer(load_localizer("default", "cpu", ASSETS))


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    with np.load(ASSETS / "open_body.npz") as body:
        return np.concatenate([body["canonical_vertices"][::40], body["canonical_joints"]])


def _painted() -> tuple[np.ndarray, np.ndarray, list[CropSpec]]:
    painted = paint_person()
    hips = painted.joint_pixels[0]
    specs = [CropSpec.square((hips[0] + 3 * i, hips[1]), 560.0 + 10 * i, 0.05 * i)
             for i in range(8)]  # fmt: skip
    return painted.image, painted.intrinsics, specs


def _largest_difference(first: list[LocalizedPerson], second: list[LocalizedPerson]) -> float:
    pairs = zip(first, second, strict=True)
    return max(float(np.abs(a.points - b.points).max()) for a, b in pairs)


def test_batches_of_one_and_of_eight_agree(default: Localizer, points: np.ndarray) -> None:
    image, intrinsics, specs = _painted()
    weights = default.point_weights(points)
    one, eight = (
        default.localize([image], [specs], [intrinsics], weights, batch_size=size)[0]
        for size in (1, 8)
    )
    assert _largest_difference(one, eight) < 0.0002
    assert np.ptp([person.points[0] for person in one], axis=0).max() > 0.001


def test_points_beside_the_body_change_nothing_and_are_as_good(
    default: Localizer, points: np.ndarray
) -> None:
    image, intrinsics, specs = _painted()
    body = default.point_weights(points)
    chosen = np.arange(0, len(points), 7)
    beside = default.point_weights(points[chosen])
    alone, both = (
        default.localize([image], [specs[:3]], [intrinsics], body, 2, beside=extra)[0]
        for extra in (None, beside)
    )
    for one, other in zip(alone, both, strict=True):
        assert one.beside is None and other.beside is not None
        assert one.points.tobytes() == other.points.tobytes()
        assert one.uncertainty.tobytes() == other.uncertainty.tobytes()
        assert np.abs(other.beside.points - other.points[chosen]).max() < 1e-4
        assert np.abs(other.beside.uncertainty - other.uncertainty[chosen]).max() < 1e-4


class KeptFeatures:
    """Features of all crops of one call, for the next."""

    def __init__(self) -> None:
        self.kept: dict[int, Tensor] = {}

    def given(self, first: int, count: int) -> Tensor | None:
        if first not in self.kept:
            return None
        return torch.stack([self.kept[first + index] for index in range(count)])

    def made(self, first: int, features: Tensor) -> None:
        assert first not in self.kept
        self.kept |= {first + index: item.clone() for index, item in enumerate(features)}


def test_features_that_were_kept_need_no_image(default: Localizer, points: np.ndarray) -> None:
    image, intrinsics, specs = _painted()
    weights, kept = default.point_weights(points), KeptFeatures()
    first = default.localize([image], [specs], [intrinsics], weights, 2, features=kept)[0]
    assert len(kept.kept) == 2 * len(specs)
    nothing = np.zeros_like(image)
    again = default.localize([nothing], [specs], [intrinsics], weights, 2, features=kept)[0]
    assert _largest_difference(first, again) == 0


def test_a_mirrored_picture_gives_the_mirrored_person(
    default: Localizer, points: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, intrinsics, specs = _painted()
    (plain,) = default.localize([image], [specs[2:3]], [intrinsics], default.point_weights(points))[
        0
    ]
    monkeypatch.setattr(crop_plan, "crop_variations", lambda *_: [Augmentation(flip=True)])
    spec = specs[2]
    other = CropSpec((image.shape[1] - 1 - spec.center[0], spec.center[1]), spec.size, -spec.roll)
    mirrored_set = default.point_weights(mirror_points(torch.from_numpy(points)).numpy())
    (mirrored,) = default.localize(
        [np.ascontiguousarray(image[:, ::-1])], [[other]], [intrinsics], mirrored_set
    )[0]
    assert np.abs(mirrored.points * [-1, 1, 1] - plain.points).max() < 0.0005
    assert np.abs(mirrored.uncertainty - plain.uncertainty).max() < 0.0005


def test_augmentation_stays_close_to_the_plain_result(
    default: Localizer, points: np.ndarray
) -> None:
    image, intrinsics, specs = _painted()
    weights = default.point_weights(points)
    (plain,), (merged,) = (
        default.localize([image], [specs[:1]], [intrinsics], weights, count)[0] for count in (1, 4)
    )
    relative = [person.points - person.points.mean(axis=0) for person in (plain, merged)]
    assert 0.001 < np.linalg.norm(relative[0] - relative[1], axis=1).mean() < 0.1


def test_readouts_are_cached_in_memory_and_on_disk(
    default: Localizer, points: np.ndarray, tmp_path: Path
) -> None:
    folder = tmp_path / "made on demand"
    first = Localizer(default.model, folder)
    weights = first.point_weights(points)
    assert first.point_weights(points.copy()) is weights
    (file,) = folder.iterdir()
    asked: list[int] = []
    second = Localizer(default.model, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(default.model.heatmap_head, "point_weights", asked.append)
        assert torch.equal(second.point_weights(points).mirrored_codes, weights.mirrored_codes)
    assert asked == []
    file.write_bytes(b"damaged")
    assert torch.equal(Localizer(default.model, folder).point_weights(points).codes, weights.codes)
    assert file.stat().st_size > 1000
    assert Localizer(default.model, folder).point_weights(points[1:]).codes.shape[0] == (
        len(points) - 1
    )
    assert len(list(folder.iterdir())) == 2


def test_a_cache_that_cannot_be_written_does_no_harm(
    default: Localizer, points: np.ndarray, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    weights = Localizer(default.model, tmp_path / "file").point_weights(points[:5])
    assert len(weights) == 5


@pytest.mark.parametrize("bad", [np.zeros((4, 2)), np.zeros(3), np.full((2, 3), np.nan)])
def test_what_is_no_point_set_is_refused(default: Localizer, bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="canonical points"):
        default.point_weights(bad)


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    for cuda, mps, auto in ((True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=cuda: there)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda there=mps: there)
        assert select_device("auto").type == auto
        assert select_device("cpu").type == "cpu"
    for missing in ("cuda", "mps", "tpu"):
        with pytest.raises(UserError) as caught:
            select_device(missing)
        assert "cpu" in caught.value.fix

# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes of footage for tests, made of known motion, without any footage or localizer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nlf_blender.body.body_data import BodyData, load_body_npz, reduced_body_npz
from nlf_blender.body.forward import posed_body
from nlf_blender.body.rotations import matrix_from_rotvec, rotvec_from_matrix
from nlf_blender.protocol.rows import write_chunk
from nlf_blender.protocol.settings import LocalizeSettings
from nlf_blender.protocol.take import (
    BODY_FILE,
    VIDEO,
    CameraInfo,
    ModelInfo,
    SourceInfo,
    TakeInfo,
    write_info,
)
from nlf_blender.worker.people.appearance import PARTS, SIZE
from tests.body_examples import OPEN_BODY

FPS = 30.0
WIDTH, HEIGHT, FOCAL = 1280, 720, 900.0


def open_body() -> BodyData:
    """The open body as a take has it."""
    return load_body_npz(OPEN_BODY)


def swinging(body: BodyData, count: int, phase: float = 0.0) -> np.ndarray:
    """Rotation vectors [T,J,3] of somebody upright before the camera who swings arms and legs."""
    skeleton = body.skeleton
    wave = np.sin(2 * np.pi * 1.0 * np.arange(count) / FPS + phase)
    pose = np.zeros((count, body.joint_count, 3))
    pose[:, skeleton.root] = rotvec_from_matrix(np.diag([1.0, -1.0, -1.0]))  # y down, facing us
    for side, sign in (("L", 1.0), ("R", -1.0)):
        pose[:, skeleton.index(f"{side}_Hip"), 0] = -0.1 + 0.5 * sign * wave
        pose[:, skeleton.index(f"{side}_Knee"), 0] = 0.4 - 0.3 * sign * wave
        pose[:, skeleton.index(f"{side}_Shoulder"), 2] = -1.2 * sign
        pose[:, skeleton.index(f"{side}_Elbow"), 1] = -sign * (0.5 + 0.3 * wave)
    return pose


@dataclass
class Actor:
    """Somebody in a take: pose [T,J,3], translation [T,3] camera space, betas [B], the frames in
    which they are seen and their tracklet there. noise: of pose in radians; spread: of points in
    metres; hidden: frames in which the localizer missed them."""

    pose: np.ndarray
    translation: np.ndarray
    betas: np.ndarray
    tracklet: int
    noise: float = 0.0
    spread: float = 0.0
    hidden: frozenset[int] = frozenset()
    appearance: np.ndarray = field(default_factory=lambda: colour(0))


def colour(number: int) -> np.ndarray:
    """What somebody looks like who wears one colour, and is seen whole."""
    histograms = np.zeros((PARTS, (SIZE - PARTS) // PARTS), dtype=np.float32)
    histograms[:, number % histograms.shape[1]] = 1.0
    return np.concatenate([histograms.ravel(), np.ones(PARTS, dtype=np.float32)])


def actor(body: BodyData, count: int, tracklet: int, **options: object) -> Actor:
    """Somebody who walks on the spot, 4 m away, to the right of those with smaller numbers."""
    translation = np.tile([1.2 * tracklet - 0.6, 0.3, 4.0], (count, 1))
    translation[:, 0] += 0.2 * np.sin(2 * np.pi * 0.3 * np.arange(count) / FPS)
    betas = np.random.default_rng(tracklet).normal(size=10) * 0.5
    return Actor(
        swinging(body, count, tracklet),
        translation,
        betas,
        tracklet,
        appearance=colour(tracklet),
        **options,
    )


def write_take(
    folder: Path, body: BodyData, actors: list[Actor], chunk_frames: int = 40, seed: int = 1
) -> TakeInfo:
    """Write a whole take of these people, who are all there for the same number of frames."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BODY_FILE).write_bytes(reduced_body_npz(body))
    count = len(actors[0].pose)
    rng = np.random.default_rng(seed)
    parts = [range(count)[first : first + chunk_frames] for first in range(0, count, chunk_frames)]
    chunks = [
        write_chunk(folder, index, _chunk(body, actors, part, rng))
        for index, part in enumerate(parts)
    ]
    matrix = (FOCAL, 0.0, (WIDTH - 1) / 2, 0.0, FOCAL, (HEIGHT - 1) / 2, 0.0, 0.0, 1.0)
    info = TakeInfo(
        source=SourceInfo(VIDEO, "clip.mp4", "0" * 64, WIDTH, HEIGHT, frame_count=count, fps=FPS),
        camera=CameraInfo(matrix),
        model=ModelInfo("test", "0" * 64, "CC0-1.0"),
        body=ModelInfo(body.name, body.sha256, body.license),
        settings=LocalizeSettings().to_json(),
        software="test",
        created="2026-01-01T00:00:00+00:00",
        chunks=tuple(chunks),
    )
    write_info(folder, info)
    return info


def _chunk(
    body: BodyData, actors: list[Actor], frames: range, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    rows = [
        _row(body, who, frame, rng) for frame in frames for who in actors if frame not in who.hidden
    ]
    names = rows[0].keys() if rows else ()
    return {
        **{name: np.stack([row[name] for row in rows]) for name in names},
        "frames": np.array(frames),
        "times": np.array(frames) / FPS,
        "cuts": np.zeros(len(frames), dtype=bool),
    }


def _row(body: BodyData, who: Actor, frame: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    turns = rng.normal(size=(body.joint_count, 3)) * who.noise / np.sqrt(3)
    pose = rotvec_from_matrix(matrix_from_rotvec(who.pose[frame]) @ matrix_from_rotvec(turns))
    posed = posed_body(body, pose, who.betas, who.translation[frame])
    points = np.concatenate([posed.vertices, posed.joints])
    points = points + rng.normal(size=points.shape) * who.spread
    pixels = points[:, :2] / points[:, 2:] * FOCAL + (np.array([WIDTH, HEIGHT]) - 1) / 2
    box = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
    side = float((box[2:] - box[:2]).max()) * 1.2
    return {
        "frame": np.array(frame),
        "timestamp": np.array(frame / FPS),
        "track": np.array(who.tracklet),
        "box": box,
        "score": np.array(0.9),
        "points": points,
        "uncertainty": np.full(len(points), max(who.spread, 0.01)),
        "pose": pose,
        "betas": who.betas,
        "translation": who.translation[frame],
        "scale": np.array(1.0),
        "fit_error": np.array(who.spread),
        "crop": np.array([*(box[:2] + box[2:]) / 2, side, 0.0]),
        "appearance": who.appearance,
    }

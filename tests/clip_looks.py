# SPDX-License-Identifier: GPL-3.0-or-later
"""How the people and the backdrop of rendered clips look: colours per vertex, some stand-off.

Simple on purpose, and never changed: the figures that the documents give for rendered clips depend
on it. Training's renderer is `worker/training/synthetic`.
"""

from __future__ import annotations

import cv2
import numpy as np
from clip_body import ClipBody
from numpy.random import Generator

from nlf_blender.worker.training.synthetic.skeleton import INDEX

LIGHT_SKIN = np.array([0.95, 0.78, 0.68])
DARK_SKIN = np.array([0.32, 0.20, 0.14])


def random_color(random: Generator, saturation: float = 1.0, darkest: float = 0.05) -> np.ndarray:
    """RGB in 0..1."""
    hsv = [random.uniform(0, 360), random.uniform(0, saturation), random.uniform(darkest, 1)]
    return cv2.cvtColor(np.array([[hsv]], np.float32), cv2.COLOR_HSV2RGB)[0, 0]


class Wardrobe:
    """Regions of the body's surface that clothes and hair cover, at rest."""

    def __init__(self, body: ClipBody) -> None:
        self.body = body
        part, rest = body.part, body.template

        def of(*names: str) -> np.ndarray:
            return np.isin(part, [INDEX[name] for name in names])

        def pair(name: str) -> np.ndarray:
            return of(f"left_{name}", f"right_{name}")

        head = body.joints[INDEX["head"]]
        above, ahead = rest[:, 1] - head[1], rest[:, 2] - head[2]
        self.head = of("head")
        self.scalp = self.head & ((above > 0.10) | ((ahead < -0.02) & (above > -0.02)))
        self.eyes = self.head & (np.abs(above - 0.055) < 0.012) & (ahead > 0.06)
        self.eyes &= np.abs(np.abs(rest[:, 0]) - 0.032) < 0.014
        self.mouth = self.head & (np.abs(above + 0.015) < 0.008) & (ahead > 0.06)
        self.mouth &= np.abs(rest[:, 0]) < 0.024
        self.trunk = of("spine1", "spine2", "spine3") | pair("collar")
        self.hips, self.upper_arms, self.forearms = of("pelvis"), pair("shoulder"), pair("elbow")
        self.hands, self.thighs, self.shins = (
            pair("wrist") | pair("hand"),
            pair("hip"),
            pair("knee"),
        )
        self.feet = pair("ankle") | pair("foot")
        self.along_arm = np.abs(rest[:, 0])
        self.height = rest[:, 1]

    def dress(self, random: Generator, shaped: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Colours [V,3] in 0..1 and how far clothes and hair stand off the skin [V] metres."""
        tone = random.random() ** 0.7
        skin = (LIGHT_SKIN * (1 - tone) + DARK_SKIN * tone) * random.uniform(0.85, 1.1)
        colors = np.tile(skin, (len(shaped), 1)).astype(np.float32)
        stand_off = np.zeros(len(shaped), np.float32)
        for region, thickest in self._garments(random):
            colors[region] = _cloth(random, shaped[region])
            stand_off[region] = _folds(random, shaped[region]) * random.uniform(0, thickest)
        if random.random() < 0.9:
            colors[self.scalp] = random_color(random, 0.6, 0.02) * random.uniform(0.2, 1)
            stand_off[self.scalp] = random.uniform(0, 0.05) * _folds(random, shaped[self.scalp])
        colors[self.eyes] = [0.1, 0.08, 0.08]
        colors[self.mouth] = skin * [0.75, 0.45, 0.45]
        return np.clip(colors * _mottle(random, shaped)[:, None], 0, 1), stand_off

    def _garments(self, random: Generator) -> list[tuple[np.ndarray, float]]:
        garments: list[tuple[np.ndarray, float]] = []
        if random.random() < 0.95:
            trousers = self.hips | self.thighs
            length = random.random()
            if length < 0.65:
                trousers = trousers | self.shins
            elif length < 0.9:
                knee = self.body.joints[INDEX["left_knee"]][1]
                trousers = trousers & (self.height > knee + random.uniform(-0.05, 0.3))
            garments.append((trousers, 0.035))
        if random.random() < 0.92:
            shirt = self.trunk | (self.hips & (random.random() < 0.5))
            sleeve = random.random()
            if sleeve < 0.5:
                shirt = shirt | self.upper_arms | self.forearms
            elif sleeve < 0.9:
                shoulder = self.body.joints[INDEX["left_shoulder"]][0]
                end = shoulder + random.uniform(0.05, 0.22)
                shirt = shirt | (self.upper_arms & (self.along_arm < end))
            garments.append((shirt, 0.04))
        if random.random() < 0.9:
            garments.append((self.feet, 0.012))
        if random.random() < 0.1:
            garments.append((self.hands, 0.005))
        return garments


def _waves(random: Generator, points: np.ndarray, count: int, fastest: float) -> np.ndarray:
    """A random smooth function at points [N,3], about -1..1."""
    total = np.zeros(len(points))
    for _ in range(count):
        total += np.sin(points @ (random.normal(size=3) * random.uniform(8, fastest))
                        + random.uniform(0, 6))  # fmt: skip
    return total / count


def _cloth(random: Generator, points: np.ndarray) -> np.ndarray:
    base = random_color(random, float(random.choice([0.2, 1.0])), 0.04)
    colors = np.tile(base, (len(points), 1))
    kind = random.random()
    if kind < 0.2:
        axis = points[:, int(random.integers(3))]
        stripes = np.sin(axis * random.uniform(40, 160) + random.uniform(0, 6))
        colors = np.where((stripes > random.uniform(-0.5, 0.5))[:, None], colors,
                          random_color(random))  # fmt: skip
    elif kind < 0.5:
        patches = _waves(random, points, 4, 60) > 0
        other = base * random.uniform(0.3, 0.9) + random_color(random) * 0.2
        colors = np.where(patches[:, None], colors, other)
    return colors


def _folds(random: Generator, points: np.ndarray) -> np.ndarray:
    return 0.75 + 0.25 * _waves(random, points, 3, 40)


def _mottle(random: Generator, points: np.ndarray) -> np.ndarray:
    return 1 + 0.12 * _waves(random, points, 3, 90)


def shade(random: Generator, normals: np.ndarray) -> np.ndarray:
    """Light per vertex [V,3]: ambient and one to three lamps, mostly from above and in front."""
    light = random.uniform(0.15, 0.7) * (1 + random.normal(size=3) * 0.05)
    shaded = np.tile(light, (len(normals), 1))
    for _ in range(random.integers(1, 4)):
        direction = random.normal(size=3) + np.array([0, -0.7, -0.5])
        direction /= np.linalg.norm(direction)
        lit = np.clip(normals @ direction, 0, None)[:, None]
        shaded += lit * (random.uniform(0.2, 0.8) * (1 + random.normal(size=3) * 0.08))
    return (shaded * random.uniform(0.7, 1.2)).astype(np.float32)


def background(random: Generator, side: int) -> np.ndarray:
    """A picture [side,side,3] in 0..1 of noise, a horizon, things."""
    image = np.zeros((side, side, 3), np.float32) + random_color(random, 0.6, 0.1)
    detail = random.integers(4)
    if detail >= 1:
        for cells in (4, 9, 24, 64):
            noise = random.random((cells, cells, 3 if random.random() < 0.5 else 1))
            noise = cv2.resize(noise.astype(np.float32), (side, side),
                               interpolation=cv2.INTER_CUBIC)  # fmt: skip
            image += (noise.reshape(side, side, -1) - 0.5) * random.uniform(0, 0.5)
    if detail >= 2:
        horizon = int(side * random.uniform(0.3, 0.9))
        image[horizon:] = image[horizon:] * 0.3 + random_color(random, 0.6, 0.1) * 0.7
    if random.random() < 0.85:
        for _ in range(random.integers(0, 14)):
            _draw_thing(random, image)
    if random.random() < 0.4:
        image = cv2.GaussianBlur(image, (0, 0), random.uniform(0.5, 5))
    return np.clip(image, 0, 1)


def _draw_thing(random: Generator, image: np.ndarray) -> None:
    side = len(image)
    color = tuple(float(value) for value in random_color(random, 0.8))
    first, second = random.integers(-40, side + 40, (2, 2)).tolist()
    kind = random.integers(5)
    if kind == 0:
        cv2.rectangle(image, first, second, color, -1)
    elif kind == 1:
        axes = random.integers(5, 80, 2).tolist()
        cv2.ellipse(image, first, axes, random.uniform(0, 180), 0, 360, color, -1)
    elif kind <= 3:
        cv2.line(image, first, second, color, int(random.integers(1, 14)))
    else:
        corners = random.integers(-40, side + 40, (4, 2)).astype(np.int32)
        cv2.fillPoly(image, [corners], color)

# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person wears, by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator

from .....body.arrays import Float64Array
from ..skeleton import INDEX
from ..stage import Look
from . import looks
from .painted import Painted, random_waves

HATS, CAPS, GLOVES, BARE_CHEST, BAREFOOT, BALD = 0.08, 0.08, 0.04, 0.04, 0.15, 0.08
WHOLE_SUIT, SKIRTS = 0.12, 0.12
ONE_CLOTH = 0.35  # of those in a skirt or tracksuit, whose top is of the same cloth
# Of those who have the choice, who wears MakeHuman's rather than painted clothes.
FITTED = {"top": 0.6, "trousers": 0.5, "shoes": 0.65, "hair": 0.7}
_THINNEST = 0.002  # metres: less, and the skin shows through the rasteriser's rounding


@dataclass(frozen=True, eq=False)
class Outfit:
    """worn: numbers of garments with their looks; painted: pieces of the body's own surface; skin
    and hair: their looks; stubble, makeup: 0..1, how dark a beard and how red the lips are."""

    skin: Look
    hair: Look
    worn: list[tuple[int, Look]] = field(default_factory=list)
    painted: list[Painted] = field(default_factory=list)
    stubble: float = 0.0
    makeup: float = 0.0


def draw_outfit(
    random: Generator, stock: Mapping[str, Sequence[int]], joints: Float64Array
) -> Outfit:
    """An outfit. stock: numbers of the garments there are, by kind (see garment.KINDS); joints
    [24,3]: of the body's template, which tell how long a sleeve is."""
    outfit = Outfit(looks.skin(random), looks.hair(random), stubble=_stubble(random),
                    makeup=random.random() * (random.random() < 0.4))  # fmt: skip
    tailor = _Tailor(random, stock, joints, outfit)
    if not (random.random() < WHOLE_SUIT and tailor.fitted("suit", tailor.cloth())):
        below = tailor.dress_legs()
        tailor.dress_chest(below if random.random() < ONE_CLOTH else None)
    tailor.dress_feet()
    tailor.dress_head()
    if random.random() < GLOVES:
        wrist = joints[INDEX["left_wrist"], 0]
        end = wrist + random.uniform(-0.1, 0.02)
        tailor.paint("hands", looks.leather(random), 0.006, reach=(end, np.inf))
    return outfit


def _stubble(random: Generator) -> float:
    return random.uniform(0.2, 1) if random.random() < 0.25 else 0.0


@dataclass
class _Tailor:
    """Adds one piece after another to an outfit."""

    random: Generator
    stock: Mapping[str, Sequence[int]]
    joints: Float64Array
    outfit: Outfit

    def cloth(self) -> Look:
        return looks.camouflage(self.random) if self.chance(0.05) else looks.cloth(self.random)

    def chance(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def fitted(self, kind: str, look: Look) -> bool:
        """Put on a garment of the kind; False if there is none."""
        numbers = self.stock.get(kind, ())
        if len(numbers):
            self.outfit.worn.append((int(self.random.choice(numbers)), look))
        return len(numbers) > 0

    def chosen(self, kind: str, look: Look) -> bool:
        """Put on a garment of the kind as often as FITTED says."""
        return self.chance(FITTED[kind]) and self.fitted(kind, look)

    def paint(
        self,
        region: str,
        look: Look,
        thickest: float,
        low: float = -np.inf,
        high: float = np.inf,
        reach: tuple[float, float] = (-np.inf, np.inf),
        neckline: float = 0.0,
    ) -> None:
        """Cover a part of a region, tightly or up to `thickest` metres off the skin."""
        thickness = _THINNEST + self.random.random() ** 1.5 * thickest
        waves = random_waves(self.random) if thickness > 0.005 else None
        if waves is None:
            look = replace(look, folds=look.folds * 0.3)
        self.outfit.painted.append(
            Painted(region, look, thickness, low, high, reach, neckline, waves)
        )

    def height(self, joint: str) -> float:
        return float(self.joints[INDEX[joint], 1])

    def dress_legs(self) -> Look:
        """A skirt, trousers, shorts, tights, or briefs; their cloth."""
        random = self.random
        look = looks.denim(random) if self.chance(0.3) else self.cloth()
        if self.chance(SKIRTS) and self.fitted("skirt", look):
            crotch = self.height("left_hip") - 0.08
            self.paint("lower", self.cloth(), 0.0, crotch, self.height("pelvis") + 0.05)
            return look
        if self.chosen("trousers", look):
            return look
        waist = self.height("pelvis") + random.uniform(0.03, 0.12)
        knee, ankle = self.height("left_knee"), self.height("left_ankle")
        crotch = self.height("left_hip") - 0.08
        kind = random.choice(["long", "short", "tights", "briefs"], p=[0.55, 0.27, 0.11, 0.07])
        low = {
            "long": ankle + random.uniform(-0.03, 0.1),
            "short": random.uniform(knee - 0.08, crotch - 0.05),
            "tights": ankle + random.uniform(-0.05, 0.25),
            "briefs": crotch + random.uniform(-0.02, 0.05),
        }[str(kind)]
        thickest = {"long": 0.03, "short": 0.035}.get(str(kind), 0.0)
        self.paint("lower", look, thickest, low, waist)
        return look

    def dress_chest(self, look: Look | None) -> None:
        """A shirt, jacket, vest or a band, of `look` or another cloth; some chests are bare."""
        random, look = self.random, look or self.cloth()
        if self.chance(BARE_CHEST) or self.chosen("top", look):
            return
        shoulder, wrist = (self.joints[INDEX[f"left_{name}"], 0] for name in ("shoulder", "wrist"))
        hem = self.height("pelvis") + random.uniform(-0.16, 0.1)
        top, neckline = self.height("neck") + 0.05, random.uniform(0.07, 0.15)
        kind = random.choice(["long", "short", "none", "band"], p=[0.4, 0.42, 0.12, 0.06])
        reach = {
            "long": wrist - abs(random.normal()) * 0.05,
            "short": random.uniform(shoulder + 0.06, wrist - 0.15),
            "none": shoulder + random.uniform(-0.015, 0.03),
            "band": shoulder,
        }[str(kind)]
        if kind == "band":
            hem, top = self.height("spine2") + 0.02, self.height("spine3") + 0.05
        thickest = {"long": 0.035, "short": 0.03}.get(str(kind), 0.012)
        self.paint("upper", look, thickest, hem, top, (-np.inf, reach), neckline)

    def dress_feet(self) -> None:
        """Shoes, boots or socks."""
        if self.chance(BAREFOOT) or self.chosen("shoes", looks.leather(self.random)):
            return
        top = self.height("left_ankle") + self.random.uniform(-0.02, 0.2)
        self.paint("feet", looks.leather(self.random), 0.012, high=top)

    def dress_head(self) -> None:
        """Hair, with a hat now and then."""
        hair = self.outfit.hair
        wears_hat = self.chance(HATS) and self.fitted("hat", self.cloth())
        if not wears_hat and self.chance(CAPS):
            low = self.height("head") + self.random.uniform(0.03, 0.08)
            self.outfit.painted.append(
                Painted("scalp", self.cloth(), self.random.uniform(0.004, 0.02), low)
            )
            wears_hat = True
        if self.chance(BALD):
            return
        if wears_hat:  # hair must go under it
            self.outfit.painted.append(Painted("scalp", hair, _THINNEST))
        elif not self.chosen("hair", hair):
            self.paint("scalp", hair, 0.04)

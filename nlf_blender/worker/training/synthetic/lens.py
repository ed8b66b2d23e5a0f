# SPDX-License-Identifier: GPL-3.0-or-later
"""From light to pixels as a camera does it: focus, motion, exposure, colour, noise, JPEG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, pad

from .jpeg import through_jpeg
from .noise import GRAINS, Noise

_MIDDLE_GREY = 0.16  # mean light that automatic exposure goes for
_KNEE, _ABOVE_KNEE = 0.65, 0.4  # light from which highlights are held back, and by how much
_PIVOT = 0.45  # the value that contrast leaves as it is
_REACH = 3  # of a blur's kernel, in standard deviations
_COARSENESS = (1, 2, 3, 4)  # pixels of a person who was small in the photo, as multiples
_LUMA = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True)
class Lens:
    """One picture's camera. behind, focus: blur of the background, of all, standard deviation in
    pixels of a 256 px picture. motion [2]: pixels while the shutter is open. coarseness: of
    _COARSENESS. exposure: stops. balance [3]: gains. contrast; saturation; vignette 0..1; grain:
    noise at middle grey. grain_start: which noise. quality: of JPEG, 0 for none."""

    behind: float
    focus: float
    motion: NDArray[np.float64]
    coarseness: int
    exposure: float
    balance: NDArray[np.float64]
    contrast: float
    saturation: float
    vignette: float
    grain: float
    grain_start: int
    quality: float


def random_lens(random: Generator) -> Lens:
    """A camera as any: mostly without faults that one would notice."""

    def some(share: float, value: float) -> float:
        return value if random.random() < share else 0.0

    angle, length = random.uniform(0, np.pi), some(0.1, random.uniform(2, 8))
    warmth = random.normal() * 0.12
    return Lens(
        behind=some(0.5, random.uniform(0.7, 5)),
        focus=some(0.3, random.uniform(0.4, 1.5)),
        motion=np.array([np.cos(angle), np.sin(angle)]) * length,
        coarseness=int(random.choice(_COARSENESS, p=(0.8, 0.11, 0.06, 0.03))),
        exposure=float(random.normal() * 0.45),
        balance=np.exp(np.array([warmth, random.normal() * 0.03, -warmth])),
        contrast=float(np.exp(random.normal() * 0.18)),
        saturation=some(0.97, float(np.exp(random.normal() * 0.25))),
        vignette=some(0.3, random.uniform(0, 0.6)),
        grain=some(0.7, 0.03 * random.random() ** 2),
        grain_start=int(random.integers(GRAINS)),
        quality=some(0.6, random.uniform(30, 95)),
    )


def defocused(light: Tensor, lenses: Sequence[Lens], size: tuple[int, int]) -> Tensor:
    """Backgrounds [P,h,w,3] out of focus and enlarged to pictures of `size` (width, height)."""
    image = _channels_first(light)
    sigma = _on([lens.behind for lens in lenses], light) * _scale(image.shape[-2:])
    image = _blurred(image, sigma)
    if image.shape[-2:] != size[::-1]:
        image = interpolate(image, size[::-1], mode="bilinear")
    return _channels_last(image)


def developed(light: Tensor, lenses: Sequence[Lens], noise: Noise) -> Tensor:
    """Light [P,H,W,3] as the pictures [P,H,W,3] uint8 sRGB that the cameras make of it."""
    scale = _scale(light.shape[1:3])
    image = _blurred(_channels_first(light), _on([lens.focus for lens in lenses], light) * scale)
    image = _moved(image, lenses, scale)
    image = _coarse(image, lenses)
    luma = light.new_tensor(_LUMA).view(1, 3, 1, 1)
    mean = (image * luma).sum(1).mean((1, 2)).clamp(min=1e-3)
    gain = (_MIDDLE_GREY / mean) ** 0.8 * 2 ** _on([lens.exposure for lens in lenses], light)
    balance = _on([lens.balance for lens in lenses], light)
    image = (image * (gain[:, None] * balance)[..., None, None]).mul_(_vignettes(image, lenses))
    image = _exposed(image, lenses, noise)
    grey = (image * luma).sum(1, keepdim=True)
    image = grey.lerp(image, _column([lens.saturation for lens in lenses], light))
    contrast = _column([lens.contrast for lens in lenses], light)
    image = image.sub_(_PIVOT).mul_(contrast).add_(_PIVOT).clamp_(0, 1)
    image = _compressed(image, lenses)
    return _channels_last(image.mul_(255).round_().to(torch.uint8))


def _exposed(image: Tensor, lenses: Sequence[Lens], noise: Noise) -> Tensor:
    """Light to sRGB, highlights held back, with noise that is stronger where it is dark."""
    knee = (image - _KNEE).mul_(_ABOVE_KNEE).add_(_KNEE)
    encoded = torch.minimum(image, knee).clamp_(min=1e-5).pow_(1 / 2.2)
    starts = torch.tensor([lens.grain_start for lens in lenses], device=image.device)
    grain = noise.film(starts, image[0].numel()).view(image.shape)
    grain *= _column([lens.grain for lens in lenses], image)
    return grain.mul_(1.3 - encoded).add_(encoded)


def _compressed(image: Tensor, lenses: Sequence[Lens]) -> Tensor:
    rows = [row for row, lens in enumerate(lenses) if lens.quality]
    if rows:
        image[rows] = through_jpeg(image[rows], _on([lenses[row].quality for row in rows], image))
    return image


def _vignettes(image: Tensor, lenses: Sequence[Lens]) -> Tensor:
    height, width = image.shape[-2:]
    y = torch.linspace(-1, 1, height, device=image.device)[:, None]
    x = torch.linspace(-1, 1, width, device=image.device)
    away = (x**2 + y**2) / 2
    return 1 - _column([lens.vignette for lens in lenses], image) * away


def _coarse(image: Tensor, lenses: Sequence[Lens]) -> Tensor:
    """Pictures of people who were small, enlarged."""
    size = image.shape[-2:]
    for factor in _COARSENESS[1:]:
        rows = [row for row, lens in enumerate(lenses) if lens.coarseness == factor]
        if rows:
            # Whole pixels go together, and those left over at the border are repeated.
            small = pad(image[rows], (0, -size[1] % factor, 0, -size[0] % factor), mode="replicate")
            large = interpolate(avg_pool2d(small, factor), scale_factor=factor, mode="bilinear")
            image[rows] = large[..., : size[0], : size[1]]
    return image


def _blurred(image: Tensor, sigma: Tensor) -> Tensor:
    """Pictures [P,3,H,W] under Gaussians of standard deviation sigma [P], pixels."""
    rows = (sigma > 0.05).nonzero()[:, 0]
    if not len(rows):
        return image
    reach = int(np.ceil(_REACH * float(sigma.max())))
    offsets = torch.arange(-reach, reach + 1, device=image.device)
    weights = torch.exp(-0.5 * (offsets / sigma[rows, None]) ** 2)
    weights = (weights / weights.sum(1, keepdim=True)).repeat_interleave(3, 0)
    height, width = image.shape[-2:]
    chosen = image[rows].reshape(1, -1, height, width)
    groups = chosen.shape[1]
    for shape, margin in (((1, -1), (reach, reach, 0, 0)), ((-1, 1), (0, 0, reach, reach))):
        kernel = weights.view(groups, 1, *shape)
        chosen = conv2d(pad(chosen, margin, mode="replicate"), kernel, groups=groups)
    image = image.clone()
    image[rows] = chosen.view(-1, 3, height, width)
    return image


def _moved(image: Tensor, lenses: Sequence[Lens], scale: float) -> Tensor:
    """Pictures [P,3,H,W] smeared along the lenses' motions."""
    rows = [row for row, lens in enumerate(lenses) if lens.motion.any()]
    if not rows:
        return image
    motion = _on([lenses[row].motion for row in rows], image) * scale
    reach = int(motion.norm(dim=1).max() / 2) + 1
    offsets = torch.arange(-reach, reach + 1, device=image.device, dtype=torch.float32)
    length = motion.norm(dim=1).view(-1, 1, 1)
    x, y = offsets.view(1, 1, -1), offsets.view(1, -1, 1)
    right, down = (motion.view(-1, 2, 1, 1) / length[:, None]).unbind(1)
    along, across = x * right + y * down, y * right - x * down
    inside = (length / 2 + 0.5 - along.abs()).clamp(0, 1)
    weights = inside * (1 - across.abs()).clamp(min=0)
    weights = (weights / weights.sum((1, 2), keepdim=True)).repeat_interleave(3, 0)[:, None]
    chosen = image[rows]
    flat = pad(chosen.reshape(1, -1, *chosen.shape[2:]), (reach,) * 4, mode="replicate")
    image = image.clone()
    image[rows] = conv2d(flat, weights, groups=len(weights)).view(chosen.shape)
    return image


def _scale(size: tuple[int, ...]) -> float:
    """How many pixels of a picture of this height and width are as one of a 256 px picture. People
    in larger pictures are smaller than those, so not in proportion."""
    return math.sqrt(min(size) / 256)


def _on(values: Sequence, like: Tensor) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32)).to(like.device)


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    return _on(values, like).view(-1, 1, 1, 1)


def _channels_first(image: Tensor) -> Tensor:
    return image.permute(0, 3, 1, 2).contiguous()


def _channels_last(image: Tensor) -> Tensor:
    return image.permute(0, 2, 3, 1).contiguous()

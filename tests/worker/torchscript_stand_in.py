# SPDX-License-Identifier: GPL-3.0-or-later
"""A TorchScript file laid out as the official multi-person releases, with random weights.

Attribute tree, dtypes, attributes and method signatures are those of the official S model; what the
methods compute is not, for nothing may call them.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from nlf_blender.worker.nlf.backbones.efficientnet import SMALL, EfficientNetV2
from nlf_blender.worker.nlf.field import FieldConfig
from nlf_blender.worker.nlf.head import HeatmapHead
from nlf_blender.worker.nlf.official.nms_operator import define_nms

LEFT, MIDDLE, EIGENVALUES = 340, 186, 1099
POINTS = 2 * LEFT + MIDDLE
BODY_ROWS = {"smpl": (1024, 24), "smplx": (1024, 55)}
FIELD = "heatmap_head.weight_field."
Tensors = dict[str, Tensor]


class Node(nn.Module):
    """Holds parameters, buffers and further nodes; computes nothing."""


class Trace(nn.Module):
    """Writes a file when it is restored, as the code of a hostile file might do worse."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    @torch.jit.export
    def __getstate__(self) -> tuple[str, bool]:
        return (self.path, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]) -> None:
        self.path = state[0]
        self.training = state[1]
        torch.save(torch.zeros(1), state[0])


class Detector(nn.Module):
    """Calls the operator that torch has not without torchvision."""

    def __init__(self) -> None:
        super().__init__()
        self.model = tree({"anchors": torch.rand(1, 84, 4).half()})

    def forward(self, boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
        return boxes[torch.ops.torchvision.nms(boxes, scores, threshold)]


class MultipersonNLF(nn.Module):
    """The official release's outermost module."""

    def __init__(self, crop_model: nn.Module, points: Tensors) -> None:
        super().__init__()
        self.crop_model = crop_model
        self.detector = Detector()
        self.body_models = nn.ModuleDict()
        self.fitters = nn.ModuleDict()
        for kind, (_, joints) in BODY_ROWS.items():
            self.body_models[kind] = tree(body_tensors(joints, 10))
            self.fitters[kind] = tree(body_tensors(joints, 12))
        self.cano_all = points
        self.weights = {"smpl": {"w_tensor": torch.rand(3, 10, 512).half()}}
        self.per_skeleton_indices = {"smpl_24": torch.arange(24)}
        self.per_skeleton_joint_names = {"smpl_24": ["pelv", "lhip"]}
        self.skeleton_joint_indices_table = {"smpl_24": {"pelv": 0, "lhip": 1}}
        self.pad_white_pixels = False

    @torch.jit.export
    def get_weights_for_canonical_points(self, canonical_points: Tensor) -> dict[str, Tensor]:
        return {"w_tensor": canonical_points.half()}

    @torch.jit.export
    def estimate_poses_batched(
        self,
        images: Tensor,
        boxes: list[Tensor],
        weights: dict[str, Tensor],
        intrinsic_matrix: Tensor | None = None,
        distortion_coeffs: Tensor | None = None,
        extrinsic_matrix: Tensor | None = None,
        world_up_vector: Tensor | None = None,
        default_fov_degrees: float = 55.0,
        internal_batch_size: int = 64,
        antialias_factor: int = 1,
        num_aug: int = 5,
        rot_aug_max_degrees: float = 25.0,
    ) -> dict[str, list[Tensor]]:
        return {"boxes": [self.detector(box[:, :4], box[:, 4], 0.7) for box in boxes]}


MultipersonNLF.__module__ = "nlf.pt.multiperson.multiperson_model"  # names its code file


@dataclass
class StandIn:
    """What a stand-in file is made of; change it before it is written.

    crop: tensors by their names below `crop_model`. head: attributes of the heatmap head. points:
    `cano_all`. extra: a module that is added to the outermost one.
    """

    crop: Tensors = field(default_factory=lambda: crop_tensors())
    head: dict[str, int | float | bool] = field(default_factory=lambda: head_attributes())
    points: Tensors = field(default_factory=lambda: canonical_points())
    extra: nn.Module | None = None

    def write(self, path: Path) -> Path:
        """Script the model and save it."""
        crop_model = tree(self.crop)
        crop_model.input_resolution = self.head.get("proc_side", 256)
        for name, value in self.head.items():
            setattr(crop_model.heatmap_head, name, value)
        model = MultipersonNLF(crop_model, self.points)
        if self.extra is not None:
            model.extra = self.extra
        define_nms()
        torch.jit.script(model.eval()).save(str(path))
        return path


def tree(tensors: Tensors) -> nn.Module:
    """Modules that hold tensors by their dotted names: parameters if they are learnt."""
    root = Node()
    for name, value in tensors.items():
        *folders, leaf = name.split(".")
        owner = root
        for folder in folders:
            if folder not in dict(owner.named_children()):
                owner.add_module(folder, Node())
            owner = owner.get_submodule(folder)
        if leaf in ("weight", "bias"):
            owner.register_parameter(leaf, nn.Parameter(value, requires_grad=False))
        else:
            owner.register_buffer(leaf, value)
    return root


def crop_tensors(seed: int = 0) -> Tensors:
    """All of the S crop model's tensors, random; backbone and head layer in half precision."""
    random = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        backbone = EfficientNetV2(SMALL).state_dict()
        head = HeatmapHead(1280, 256, config=FieldConfig(eigenvalue_count=EIGENVALUES))
    named = {f"backbone.{name}": value for name, value in backbone.items()}
    named |= {f"heatmap_head.{name}": value for name, value in head.state_dict().items()}
    tensors = {}
    for name, like in named.items():
        value = _random(name, like, random)
        in_half = value.is_floating_point() and not name.startswith(FIELD)
        tensors[name] = value.half() if in_half else value
    return (
        tensors
        | dict.fromkeys(("backbone.0.mean", "backbone.0.std"), torch.full((3,), 0.5).half())
        | location_tensors(random)
    )


def _random(name: str, like: Tensor, random: torch.Generator) -> Tensor:
    """A tensor of a shape, such that signals neither die nor blow up on their way."""
    if not like.is_floating_point():
        return torch.zeros(like.shape, dtype=like.dtype)
    if like.ndim > 1:
        spread = (2.0 / like[0].numel()) ** 0.5
        return torch.randn(like.shape, generator=random) * spread
    value = torch.rand(like.shape, generator=random)
    if name.endswith(("bias", "running_mean", "center")):
        return 0.1 * value
    if name.endswith("mini"):
        return -1 - value
    return 1 + 0.1 * value  # scales: variances, weights of norms, eigenvalues, maxi


def location_tensors(random: torch.Generator) -> Tensors:
    """The learnt canonical points as they are stored: a symmetric start and moves from it.

    Those on the left and those in the middle are stored in their order of appearance.
    """
    left = torch.rand((LEFT, 3), generator=random) * 0.8 + 0.01
    middle = torch.rand((MIDDLE, 3), generator=random) * torch.tensor([0.0, 1.0, 1.0])
    place = torch.randperm(POINTS, generator=random)
    place[place < LEFT] = torch.arange(LEFT)
    place[place >= 2 * LEFT] = torch.arange(2 * LEFT, POINTS)
    return {
        "canonical_locs_init": symmetric(left, middle)[place],
        "canonical_lefts": torch.randn((LEFT, 3), generator=random) * 0.01,
        "canonical_centers": torch.randn((MIDDLE, 2), generator=random) * 0.01,
        "inv_permutation": place,
        "canonical_delta_mask": (torch.rand(POINTS, generator=random) > 0.15).float(),
    }


def symmetric(left: Tensor, middle: Tensor) -> Tensor:
    """Points on the left, their mirror images, those in the middle."""
    return torch.cat([left, left * torch.tensor([-1.0, 1.0, 1.0]), middle])


def head_attributes() -> dict[str, int | float | bool]:
    """The official head's plain values."""
    return {
        "uncert_bias": 0.0,
        "uncert_bias2": 0.001,
        "depth": 8,
        "stride_test": 32,
        "centered_stride": True,
        "box_size_m": 2.2,
        "proc_side": 256,
        "backbone_link_dim": 512,
        "fix_uncert_factor": False,
        "mix_3d_inside_fov": 0.5,
        "weak_perspective": False,
    }


def canonical_points(seed: int = 1) -> Tensors:
    """`cano_all`: some vertices of each body, then its joints, which the bodies nearly share."""
    random = np.random.default_rng(seed)
    shared = random.uniform(-1, 1, (22, 3))
    points = {}
    for kind, (vertices, joints) in BODY_ROWS.items():
        rows = random.uniform(-1, 1, (vertices + joints, 3))
        rows[vertices : vertices + 22] = shared + random.normal(0, 0.01, (22, 3))
        points[kind] = torch.from_numpy(rows.astype(np.float32))
    return points


def body_tensors(joints: int, count: int) -> Tensors:
    """Stands for what a body model or fitter holds: `count` tensors."""
    floats = {f"buffer{number}": torch.rand(joints) for number in range(count - 1)}
    return floats | {"parents": torch.arange(joints)}

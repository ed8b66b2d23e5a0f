# SPDX-License-Identifier: GPL-3.0-or-later
"""A localizer in training: trunk, head with its field, and the places of learnt joints."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from ....body.body_data import load_body_npz
from ....errors import UserError
from ....protocol.take import ModelInfo
from ...assets import OPEN_BODY
from ...nlf.canonical_space import OPEN_SPACE, CanonicalSpace
from ...nlf.head import HeatmapHead
from ...nlf.model import CropStyle, LocalizerModel
from ..crops.batch import CropBatch
from ..datasets.joint_sets import JointCatalogue
from ..points.canonical_joints import CanonicalJoints
from .encodings import field_config, start_field
from .localization import Localization
from .readout import read_points
from .settings import ModelSettings
from .trunks import Trunk, build_trunk

ADAPTER = "backbone.adapter."
PRETRAINED = ("backbone.encoder.", ADAPTER)  # starts as the network that ships
SAMPLE_STEP = 8  # of the canonical samples, of which the start needs few
STYLE = CropStyle(linear_light=False, gamma_range=(1.0, 1.0), aligned=True)


class TrainedLocalizer(nn.Module):
    """Batches in, localized points out; all that is learnt is in its state."""

    def __init__(
        self, settings: ModelSettings, trunk: Trunk, head: HeatmapHead, joints: CanonicalJoints
    ) -> None:
        super().__init__()
        self.settings = settings
        self.trunk = trunk
        self.heatmap_head = head
        self.joints = joints

    @property
    def crop_side(self) -> int:
        """Side of the crops in pixels."""
        return self.heatmap_head.crop_side

    @property
    def aligned(self) -> bool:
        """Whether crops are turned until hips to head point up."""
        return self.settings.aligned

    @property
    def learns_backbone(self) -> bool:
        """Whether nothing of the backbone is frozen, so that nothing can be cached."""
        return self.trunk.learns_backbone

    def frozen(self, images: Tensor) -> dict[str, Tensor]:
        """What the frozen part says about pictures [P,3,S,S] (bytes), by name, each [P,...], to be
        handed to `forward` later. ValueError for a model without a frozen part."""
        return self.trunk.frozen(images)

    def forward(
        self,
        batch: CropBatch,
        frozen: dict[str, Tensor] | None = None,
        random: torch.Generator | None = None,
    ) -> Localization:
        """frozen: what `frozen` gave for these crops. random: a generator on the CPU for what
        training changes and leaves out; None for neither."""
        features, extra = self.trunk(batch, frozen, random)
        places = self.joints.resolve(batch.queries.places, batch.queries.joints)
        head = self.heatmap_head
        points = read_points(head, features, places, batch.columns)
        return Localization(points, head.crop_side, head.stride, extra)

    def parameter_groups(
        self, learning_rate: float, weight_decay: float
    ) -> list[dict[str, object]]:
        """All that is learnt, for an optimizer: what starts trained has a share of the rate, and
        norms, biases, places and what started trained have no decay."""
        shares: list[tuple[list[nn.Parameter], float, bool]] = [
            (self.trunk.pretrained(), self.trunk.rate, False),
            ([self.joints.moves], self.settings.joint_rate, False),
        ]
        if self.settings.encoding == "fourier_gps":
            encoding = list(self.heatmap_head.weight_field.gps_net.parameters())
            shares.append((encoding, self.settings.encoding_rate, False))
        taken = {id(parameter) for part, _, _ in shares for parameter in part}
        rest = [parameter for parameter in self.parameters() if id(parameter) not in taken]
        shares.append(([parameter for parameter in rest if parameter.ndim > 1], 1.0, True))
        shares.append(([parameter for parameter in rest if parameter.ndim <= 1], 1.0, False))
        groups = []
        for part, share, decays in shares:
            learnt = [parameter for parameter in part if parameter.requires_grad]
            if learnt and share > 0:
                decay = weight_decay if decays else 0.0
                groups.append(
                    {"params": learnt, "lr": share * learning_rate, "weight_decay": decay}
                )
        return groups

    def to_localizer(self, name: str, license: str) -> LocalizerModel:
        """A copy for inference and export, with the places of those sets that were learnt."""
        style = CropStyle(STYLE.linear_light, STYLE.gamma_range, self.aligned)
        learnt = self._learnt_sets()
        canonical = CanonicalSpace(OPEN_SPACE, joint_sets=learnt)
        info = ModelInfo(name=name, sha256="", license=license)
        backbone, head = copy.deepcopy(self.trunk.backbone), copy.deepcopy(self.heatmap_head)
        model = LocalizerModel(backbone, head, style, info, canonical)
        return model.eval().requires_grad_(False)

    def _learnt_sets(self) -> dict[str, dict[str, np.ndarray]]:
        moved = self.joints.moves.detach().any(dim=1)[self.joints.row].cpu().numpy()
        numbers = self.joints.catalogue.numbers
        return {
            name: places
            for name, places in self.joints.by_set().items()
            if moved[numbers(name)].any()
        }

    @torch.no_grad()
    def adopt(self, localizer: LocalizerModel) -> None:
        """Start from a localizer's weights. A tuned or adapted backbone may start from one with the
        frozen network; without an adapter, one's changes are left out. The metric box, by which
        export makes up for people's size, stays as it is. UserError if it does not fit the
        settings."""
        own = {f"backbone.{n}": value for n, value in self.trunk.backbone.state_dict().items()}
        own |= {f"heatmap_head.{n}": value for n, value in self.heatmap_head.state_dict().items()}
        known = localizer.state_dict()
        known = {n: v for n, v in known.items() if n in own or not n.startswith(ADAPTER)}
        lacking = [n for n in own if n not in known and not n.startswith(PRETRAINED)]
        wrong = lacking + [n for n in known if n not in own or own[n].shape != known[n].shape]
        if wrong or localizer.canonical.name != OPEN_SPACE:
            raise UserError(
                "Training cannot start from this model",
                f"{localizer.info.name} does not fit the settings: "
                f"{', '.join(wrong[:3]) or 'its canonical space is another'}.",
                "Choose its backbone and encoding in the settings, or start from nothing.",
            )
        for name, value in known.items():
            own[name].copy_(value)
        self.joints.adopt(localizer.canonical.joint_sets)


def build_model(
    settings: ModelSettings, catalogue: JointCatalogue | None = None
) -> TrainedLocalizer:
    """An untrained model; random numbers are torch's global ones. catalogue: the sets of joints
    that are learnt, the built-in ones by default."""
    trunk = build_trunk(settings)
    backbone, config = trunk.backbone, field_config(settings.encoding)
    head = HeatmapHead(backbone.channels, backbone.crop_side, backbone.stride, config)
    start_field(head.weight_field, settings.encoding, canonical_samples()[::SAMPLE_STEP])
    return TrainedLocalizer(settings, trunk, head, CanonicalJoints(catalogue or JointCatalogue()))


def canonical_samples() -> Tensor:
    """All vertices of the canonical open body and as many points [2V,3] between them and the joints
    that they follow most."""
    body = load_body_npz(OPEN_BODY, posed=False)
    assert body.canonical_vertices is not None and body.canonical_joints is not None
    share = np.random.default_rng(3).random((body.vertex_count, 1))
    joints = body.canonical_joints[body.weights.argmax(axis=1)]
    inside = joints + (body.canonical_vertices - joints) * share
    points = np.concatenate([body.canonical_vertices, inside])
    return torch.from_numpy(points.astype(np.float32))

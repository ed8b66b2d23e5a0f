# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is to know of a marker set before it is localized."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...body.sides import MirrorReport, mirror_report
from ...protocol.json_fields import Json
from ...protocol.marker_set import MarkerSet
from ..smpl.canonical.own_canonical import OwnCanonical
from ..smpl.closest_surface import ClosestSurface
from .attachment import heights
from .placing import FAR

SYMMETRIC = 1e-4  # metres; files that round to a tenth of a millimetre are symmetric, too
ON_SKIN = 0.001  # metres above or below the skin
LISTED = 12  # names in a line for people


@dataclass(frozen=True)
class MarkerCheck:
    """above: metres that each marker is outside of the skin, below 0 inside; None if the body is
    not at hand. mirror: what is not symmetric."""

    markers: MarkerSet
    above: tuple[float, ...] | None
    mirror: MirrorReport

    @property
    def far(self) -> tuple[str, ...]:
        """Markers that are too far outside of the body to be localized."""
        return tuple(
            marker.name
            for marker, above in zip(self.markers.markers, self.above or (), strict=False)
            if above > FAR
        )

    def to_json(self) -> Json:
        """For programs."""
        return {
            "name": self.markers.name,
            "body": self.markers.body,
            "markers": len(self.markers.markers),
            "above_skin": None if self.above is None else list(self.above),
            "far": list(self.far),
            "without_counterpart": list(self.mirror.lonely),
            "not_mirrored": [
                {"names": [pair.name, pair.other], "distance": pair.distance}
                for pair in self.mirror.off
            ],
        }

    def lines(self) -> list[str]:
        """For people."""
        groups = Counter(marker.group or "no group" for marker in self.markers.markers)
        shown = listed([f"{group} {count}" for group, count in groups.items()])
        lines = [
            f"{self.markers.name}: {len(self.markers.markers)} markers on the canonical body "
            f"'{self.markers.body}'",
            f"groups: {shown}",
        ]
        if self.above is None:
            lines.append("how far they are from the skin: not known without the body's file")
        else:
            above = np.array(self.above)
            inside, outside = int((above < -ON_SKIN).sum()), int((above > ON_SKIN).sum())
            skin = len(above) - inside - outside
            lines.append(f"on the skin {skin}, inside {inside}, outside {outside}")
        if self.far:
            lines.append(
                f"more than {100 * FAR:.0f} cm outside of the body, not localized unless forced: "
                f"{listed(self.far)}"
            )
        if self.mirror.lonely:
            lines.append(f"without a counterpart: {listed(self.mirror.lonely)}")
        off = self.mirror.off
        lines += [
            f"not mirrored: {pair.name} and {pair.other}, {1000 * pair.distance:.1f} mm apart"
            for pair in off[:LISTED]
        ]
        if len(off) > LISTED:
            lines.append(f"not mirrored: {len(off) - LISTED} more")
        return lines


def listed(names: Sequence[str]) -> str:
    """Names in a line, and how many more there are."""
    more = [f"{len(names) - LISTED} more"] if len(names) > LISTED else []
    return ", ".join([*names[:LISTED], *more])


def check_markers(markers: MarkerSet, own: OwnCanonical | None) -> MarkerCheck:
    """Check a set; own: the canonical body that it is on, None if it is not at hand."""
    names = [marker.name for marker in markers.markers]
    report = mirror_report(names, markers.positions, SYMMETRIC)
    if own is None:
        return MarkerCheck(markers, None, report)
    closest = ClosestSurface(own.vertices, own.body.faces).query(markers.positions)
    above = heights(own.vertices, own.body.faces, markers.positions, closest)
    return MarkerCheck(markers, tuple(float(height) for height in above), report)

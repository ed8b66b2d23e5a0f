# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user asks for when a body is registered to a scan."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..errors import UserError
from .json_fields import Json, as_bool, as_str

AUTO_UNITS = "auto"  # chosen by the scan's size
METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}
UNITS = (AUTO_UNITS, *METRES)


@dataclass(frozen=True)
class ScanSettings:
    """Settings of one registration; the same object drives the panel and the command line.

    partial: parts of the person are missing from the scan; upright: the scan stands, y up, though
    it may face anywhere; units: of the scan's coordinates.
    """

    body: str = "open"
    partial: bool = False
    upright: bool = False
    units: str = AUTO_UNITS

    def __post_init__(self) -> None:
        if self.units not in UNITS:
            raise UserError(
                "Wrong setting",
                f"The units must be one of {', '.join(UNITS)}.",
                "Correct them and start again.",
            )

    @property
    def metres_per_unit(self) -> float | None:
        """Metres in a unit of the scan; None to choose by its size."""
        return METRES.get(self.units)

    def to_json(self) -> Json:
        """A JSON object that `from_json` reads back to an equal object."""
        return {**asdict(self)}

    @classmethod
    def from_json(cls, data: Json) -> ScanSettings:
        """Settings from `to_json`; absent fields take their defaults, wrong and unknown ones raise
        ValueError."""
        base = asdict(cls())
        unknown = sorted(set(data) - set(base))
        if unknown:
            raise ValueError(f"unknown settings {', '.join(unknown)}")
        values = {**base, **data}
        return cls(
            body=as_str(values["body"], "body"),
            partial=as_bool(values["partial"], "partial"),
            upright=as_bool(values["upright"], "upright"),
            units=as_str(values["units"], "units"),
        )

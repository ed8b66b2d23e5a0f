# SPDX-License-Identifier: GPL-3.0-or-later
"""How the motion of a take of footage is cleaned up."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..errors import UserError
from .json_fields import Json, as_bool, as_float, as_int, as_str

AUTO_GROUND, LEVEL_GROUND, NO_GROUND = "auto", "level", "none"
GROUNDS = (AUTO_GROUND, LEVEL_GROUND, NO_GROUND)


@dataclass(frozen=True)
class SolveSettings:
    """Settings of the clean-up; it never needs the localizer.

    smoothing: strength 0 to 1; 0 leaves the data alone. reject_outliers: single wild frames count
    little. repair_flips: limbs and people taken for their mirror image for some frames are turned
    back. hold_feet: feet stay where they touch the ground. share_shape: a person has one shape.
    ground: AUTO_GROUND finds camera tilt and ground from the feet, but leaves a solved camera where
    it is; LEVEL_GROUND takes the camera for level; NO_GROUND puts the camera into the origin.
    gap_seconds: the longest gap that is closed. max_people: those seen longest are kept. points:
    clean up the nonparametric meshes too.
    """

    smoothing: float = 0.5
    reject_outliers: bool = True
    repair_flips: bool = True
    hold_feet: bool = True
    share_shape: bool = True
    ground: str = AUTO_GROUND
    gap_seconds: float = 1.0
    max_people: int = 8
    points: bool = True

    def __post_init__(self) -> None:
        problems = {
            "The smoothing must be between 0 and 1.": not 0.0 <= self.smoothing <= 1.0,
            "The gap limit must be 0 seconds or more.": not 0.0 <= self.gap_seconds <= 3600.0,
            "The number of people must be 1 to 1000.": not 1 <= self.max_people <= 1000,
            f"The ground must be one of {', '.join(GROUNDS)}.": self.ground not in GROUNDS,
        }
        for detail, wrong in problems.items():
            if wrong:
                raise UserError("Wrong setting", detail, "Correct it and start again.")

    def to_json(self) -> Json:
        """A JSON object that `from_json` reads back to an equal object."""
        return {**asdict(self)}

    @classmethod
    def from_json(cls, data: Json) -> SolveSettings:
        """Settings from `to_json`; absent fields take their defaults, wrong and unknown ones raise
        ValueError."""
        base = asdict(cls())
        unknown = sorted(set(data) - set(base))
        if unknown:
            raise ValueError(f"unknown settings {', '.join(unknown)}")
        values = {**base, **data}
        switches = ("reject_outliers", "repair_flips", "hold_feet", "share_shape", "points")
        return cls(
            smoothing=as_float(values["smoothing"], "smoothing"),
            ground=as_str(values["ground"], "ground"),
            gap_seconds=as_float(values["gap_seconds"], "gap_seconds"),
            max_people=as_int(values["max_people"], "max_people"),
            **{name: as_bool(values[name], name) for name in switches},
        )

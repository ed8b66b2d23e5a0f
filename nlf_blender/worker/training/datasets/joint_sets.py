# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of named joints, and one number for every joint of all of them.

A joint's number is its row in the table of canonical positions that training learns. A set that is
part of another, such as the 17 of Human3.6M's 25, shares the numbers of the larger one. A dataset
may bring sets of its own; they are numbered behind the built-in ones, sorted by name. A checkpoint
keeps `JointCatalogue.labels`, so that a table can be matched whatever sets a later run has.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ....body.arrays import IntArray
from ....body.sides import mirror_name
from ....errors import UserError
from .joint_set_names import BUILT_IN, smpl_style

# Where one name is wanted without a set, it is looked for in these, in this order.
COMMON_SETS = ("coco17", "h36m17", "mpi_inf_3dhp28", "smplx55", "coco23", "smpl24")


@dataclass(frozen=True)
class JointSet:
    """A named list of K joints. part_of: the larger set whose joints of these names they are."""

    name: str
    joints: tuple[str, ...]
    part_of: str = ""
    mirror: IntArray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find `mirror` [K], each joint's counterpart in the set. UserError if there is none."""
        if len(set(self.joints)) != len(self.joints) or not self.joints:
            raise _bad_set(self.name, "has no joints, or two of one name", "Name each joint once.")
        index = {joint: number for number, joint in enumerate(self.joints)}
        counterparts = [mirror_name(joint) or joint for joint in self.joints]
        lonely = [joint for joint in counterparts if joint not in index]
        if lonely:
            raise _bad_set(
                self.name, f"lacks {lonely[0]}, the other side's", "Add it; it may be unknown."
            )
        object.__setattr__(self, "mirror", np.array([index[joint] for joint in counterparts]))

    def index(self, joint: str) -> int:
        """The place of a joint in the set, by its name or SMPL's own spelling of it (`L_Hip`).

        UserError names the set and the nearest names if there is none.
        """
        for name in (joint, smpl_style(joint)):
            if name in self.joints:
                return self.joints.index(name)
        near = difflib.get_close_matches(joint, self.joints, 3) or self.joints[:3]
        raise UserError(
            "Unknown joint",
            f"The joint set {self.name} has no joint {joint!r}.",
            f"Choose one of its joints, such as {', '.join(near)}.",
        )

    def rows(self, joints: Iterable[str]) -> IntArray:
        """The places [K'] of several joints; errors as of `index`."""
        return np.array([self.index(joint) for joint in joints], np.int64)


class JointCatalogue:
    """The built-in sets and a run's own ones, with one number for each of their G joints."""

    def __init__(self, own: Mapping[str, Sequence[str]] | None = None) -> None:
        """own: joints of the sets that datasets bring. UserError if one contradicts a set here."""
        self.sets = {name: JointSet(name, *known) for name, known in BUILT_IN.items()}
        for name, joints in sorted((own or {}).items()):
            found = JointSet(name, tuple(joints))
            if name in self.sets and self.sets[name].joints != found.joints:
                raise _bad_set(name, "has other joints than the one built in", "Rename it.")
            self.sets.setdefault(name, found)
        whole = [joint_set for joint_set in self.sets.values() if not joint_set.part_of]
        self.labels = tuple(f"{item.name}/{joint}" for item in whole for joint in item.joints)
        self._number_of = {label: number for number, label in enumerate(self.labels)}
        self.mirror = np.zeros(len(self.labels), np.int64)
        for item in whole:
            numbers = self.numbers(item.name)
            self.mirror[numbers] = numbers[item.mirror]

    def __len__(self) -> int:
        """The number G of joints that have a number."""
        return len(self.labels)

    def get(self, set_name: str) -> JointSet:
        """The set of this name. UserError if there is none."""
        if set_name not in self.sets:
            raise UserError(
                "Unknown joint set",
                f"There is no joint set {set_name!r}.",
                f"Choose one of {', '.join(sorted(self.sets))}, or define it in dataset.json.",
            )
        return self.sets[set_name]

    def numbers(self, set_name: str) -> IntArray:
        """The numbers [K] of a set's joints, in its order. UserError if there is no such set."""
        joint_set = self.get(set_name)
        owner = joint_set.part_of or set_name
        return np.array([self._number_of[f"{owner}/{joint}"] for joint in joint_set.joints])

    def number(self, set_name: str, joint: str) -> int:
        """One joint's number. UserError if there is no such set, or it has no such joint."""
        return int(self.numbers(set_name)[self.get(set_name).index(joint)])

    def find(self, joint: str, sets: Sequence[str] = COMMON_SETS) -> int:
        """The number of the joint of this name in the first of the sets that has it.

        UserError if none has.
        """
        for set_name in sets:
            if {joint, smpl_style(joint)} & set(self.get(set_name).joints):
                return self.number(set_name, joint)
        known = sorted({name for item in sets for name in self.get(item).joints})
        near = difflib.get_close_matches(joint, known, 3) or known[:3]
        raise UserError(
            "Unknown joint",
            f"No joint is called {joint!r} in {', '.join(sets)}.",
            f"Choose one of their joints, such as {', '.join(near)}.",
        )


def _bad_set(name: str, problem: str, fix: str) -> UserError:
    return UserError("Joint set not usable", f"The joint set {name} {problem}.", fix)

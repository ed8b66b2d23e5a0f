# SPDX-License-Identifier: GPL-3.0-or-later
"""An item's truth as the localized body allows: joints of its vertices, by its regressor, and no
vertices that it does not have."""

from __future__ import annotations

from dataclasses import replace

from ..engine import Models
from ..training.datasets.joint_set_names import smpl_style
from .image_truth import known
from .items import BadItem, Item, JointLabel, TrueJoints, TrueMesh, TruePerson
from .shapes import regressed_joints

_SETS = {"open": "open24", "smpl": "smpl24", "smplh": "smplh52", "smplx": "smplx55"}


def completed(item: Item, models: Models) -> Item:
    """The item with the joints of everybody of whom only vertices are known; vertices of another
    body than is localized are left out, with a note. BadItem if they are all that is known."""
    people: list[TruePerson] = []
    notes = list(item.notes)
    for row, person in enumerate(item.people):
        if person.mesh is not None:
            problem = _other_body(person.mesh, models)
            if problem:
                person = replace(person, mesh=None)
                problem = f"person {row + 1}: {problem}"
                if not known(person):
                    raise BadItem(f"{problem}.")
                notes.append(problem)
            elif person.joints is None:
                person = replace(person, joints=_joints(person.mesh, models))
        people.append(person)
    return replace(item, people=tuple(people), notes=tuple(notes))


def regressed_labels(models: Models) -> tuple[JointLabel, ...]:
    """What the joints of the localized body are called; none of a body of no known kind."""
    set_name = _SETS.get(models.bodies.fitted_kind)
    if set_name is None:
        return ()
    return tuple((set_name, smpl_style(name)) for name in models.body.skeleton.joint_names)


def _other_body(mesh: TrueMesh, models: Models) -> str:
    """Why vertices are not those of the body that is localized, "" if they are."""
    kind, count = models.bodies.fitted_kind, models.body.vertex_count
    if mesh.kind not in ("", kind):
        return f"vertices of the body '{mesh.kind}' are not measured; run with --body of that kind"
    if len(mesh.vertices) != count:
        told = f"{len(mesh.vertices)} vertices are not measured, for the body '{kind}' has {count}"
        return f"{told}; run with --body of theirs"
    return ""


def _joints(mesh: TrueMesh, models: Models) -> TrueJoints:
    return TrueJoints(regressed_labels(models), regressed_joints(models.body, mesh.vertices))

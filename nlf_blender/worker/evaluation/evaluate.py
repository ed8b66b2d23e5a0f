# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole evaluation on one screen: items -> people found -> errors -> figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Protocol

from ...errors import UserError
from ...protocol.json_fields import Json
from ..engine import Models
from ..progress import Cancelled, Progress
from .complete import completed, regressed_labels
from .found import ItemRunner, RunOptions
from .image_truth import within_picture
from .items import BadItem, Item, JointLabel
from .limbs import LIMB_NAMES
from .peer import PEER_METRICS, BlazePosePeer, peer_errors
from .person_errors import Measure, PersonErrors
from .summary import FORMAT, VERSION, Tally, by_seen, joint_table, means, normalized, uncertainty


class Source(Protocol):
    """Items of any origin: a set.json, or a dataset's examples."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd about it as a whole."""
        ...

    def __len__(self) -> int: ...

    def items(self, models: Models) -> Iterator[tuple[str, Item | BadItem]]:
        """Each item, or why it cannot be used, with its label; the same at every call. models: of
        which the body poses truth that is given as parameters."""
        ...


@dataclass
class PeerResult:
    """Another localizer on the same people. alone: whom it alone found; ours: the model's errors
    of the people whom both found."""

    name: str
    tally: Tally = field(default_factory=Tally)
    alone: list[str] = field(default_factory=list[str])
    ours: list[PersonErrors] = field(default_factory=list[PersonErrors])

    def add(self, who: str, theirs: PersonErrors | None, ours: PersonErrors | None) -> None:
        """One true person, None for whoever missed them."""
        self.tally.add(who, theirs)
        if theirs is not None and ours is None:
            self.alone.append(who)
        elif theirs is not None and ours is not None:
            self.ours.append(ours)

    def to_json(self) -> Json:
        """As the evaluation's JSON has it."""
        shared = [
            {name: one.figures[name] for name in PEER_METRICS if name in one.figures}
            for one in self.ours
        ]
        return {
            "name": self.name,
            "people": self.tally.counts.to_json(),
            "metrics": means([person.figures for person in self.tally.people]),
            "model_on_people_found_by_both": means(shared),
            "found_by_it_alone": list(self.alone),
        }


@dataclass
class Evaluation:
    """What was found out so far. skipped: items that could not be measured, with the reason;
    notes: what was left out of others; detected: whether people had to be found in all of them."""

    model: Json
    source: str
    options: Json
    items: int
    evaluated: int = 0
    detected: bool = True
    ours: Tally = field(default_factory=Tally)
    peer: PeerResult | None = None
    skipped: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    notes: list[str] = field(default_factory=list[str])
    cancelled: bool = False
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def to_json(self) -> Json:
        """The evaluation's JSON; README.md describes it."""
        people = self.ours.people
        figures = means([person.figures for person in people])
        result: Json = {
            "format": FORMAT,
            "version": VERSION,
            "model": self.model,
            "set": self.source,
            "options": self.options,
            "items": {
                "all": self.items,
                "evaluated": self.evaluated,
                "skipped": [{"item": item, "reason": reason} for item, reason in self.skipped],
                "notes": list(self.notes),
            },
            "people": self.ours.counts.to_json(),
            "metrics": normalized(figures, self.ours.counts) if self.detected else figures,
            "uncertainty": uncertainty(people),
            "joints": joint_table(people),
            "by_seen": by_seen(people),
            "cancelled": self.cancelled,
            "seconds": {stage: round(value, 2) for stage, value in self.seconds.items()},
        }
        if self.peer is not None:
            result["peer"] = self.peer.to_json()
        return result


def evaluate(
    source: Source,
    models: Models,
    options: RunOptions,
    progress: Progress,
    peer: str | None = None,
) -> Evaluation:
    """Run a model on all items. A cancelled run (Cancelled, or Ctrl-C) gives what it has.
    UserError if nothing tells where the joints are in the model's canonical space."""
    result = Evaluation(
        model=asdict(models.localizer.info),
        source=source.name,
        options={
            "variations": options.variations,
            "boxes": "detector" if options.from_detector else "given",
            "frames": "landmarks" if options.landmark_frames else "landmarks or first look",
            "body": models.body.name,
        },
        items=len(source),
        notes=list(source.notes),
    )
    try:
        progress.step("Reading")
        _run(result, source, models, _labels(source, models), options, progress, peer)
    except (Cancelled, KeyboardInterrupt):
        result.cancelled = True
    progress.finish()
    result.seconds = dict(progress.seconds)
    return result


def _labels(source: Source, models: Models) -> tuple[JointLabel, ...]:
    """All joints that the set's items name, and the limbs', by which the peer's people are told
    apart."""
    found: dict[JointLabel, None] = {("", name): None for name in LIMB_NAMES}
    for _, item in source.items(models):
        if isinstance(item, Item):
            for person in item.people:
                for joints in (person.joints, person.pixels):
                    found.update(dict.fromkeys(joints.labels if joints is not None else ()))
    found.update(dict.fromkeys(regressed_labels(models)))
    return tuple(found)


def _run(
    result: Evaluation,
    source: Source,
    models: Models,
    labels: Sequence[JointLabel],
    options: RunOptions,
    progress: Progress,
    peer: str | None,
) -> None:
    runner, measure = ItemRunner(models, labels, options), Measure(models, labels)
    other = BlazePosePeer(models.finder, labels) if peer else None
    result.peer = PeerResult(peer) if peer else None
    for done, (label, item) in enumerate(source.items(models)):
        progress.step("Evaluating", done, len(source))
        try:
            if isinstance(item, BadItem):
                raise item
            _evaluate_item(result, completed(item, models), runner, measure, other)
            result.evaluated += 1
        except BadItem as error:
            result.skipped.append((label, str(error)))
        except UserError as error:
            result.skipped.append((label, error.detail))
    progress.step("Evaluating", len(source), len(source))


def _evaluate_item(
    result: Evaluation,
    item: Item,
    runner: ItemRunner,
    measure: Measure,
    other: BlazePosePeer | None,
) -> None:
    """Measure one item; nothing of it is counted if it fails."""
    picture = item.read()
    size = picture.image.shape[1], picture.image.shape[0]
    item = within_picture(item, size)
    found = runner.run(item, picture)
    peers, false = other.run(item, picture.image, found.camera, found.frames) if other else ([], 0)
    errors: list[PersonErrors | None] = []
    for person, row in zip(item.people, found.matches, strict=True):
        one = None if row is None else measure.errors(person, found.people[row], item.camera, size)
        errors.append(one)
    result.notes += [f"{item.name}: {note}" for note in item.notes]
    result.ours.counts.false += found.false
    result.detected = result.detected and found.frames is None
    if result.peer is not None:
        result.peer.tally.counts.false += false
    for number, one in enumerate(errors):
        who = f"{item.name}, person {number + 1}"
        result.ours.add(who, one)
        if result.peer is not None:
            theirs, true = peers[number], item.people[number]
            figures = None if theirs is None else PersonErrors(peer_errors(true, theirs))
            result.peer.add(who, figures, one)

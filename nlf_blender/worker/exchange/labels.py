# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers' names as other formats can hold them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from ...protocol.marker_motion import MarkerMotion

SEPARATOR = ":"  # between a person's name and a marker's, as in Vicon's files
LISTED = 5
# letters that Unicode does not take apart
PLAIN = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l"}
    | {"Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "þ": "th", "ı": "i", "–": "-", "—": "-", "’": "'"}
)


def full_labels(motion: MarkerMotion) -> list[str]:
    """The names of all markers of everybody, in order; with the person's where there are several
    people: "Person 1:nose"."""
    if len(motion.people) == 1:
        return list(motion.people[0].labels)
    return [prefix(track.person) + label for track in motion.people for label in track.labels]


def prefix(person: str) -> str:
    """What stands before the markers' names of a person."""
    return person.replace(SEPARATOR, "_") + SEPARATOR


def without_spaces(labels: Iterable[str]) -> list[str]:
    """Names for formats whose columns are parted by white space: with "_" for it, all different."""
    return distinct(["_".join(label.split()) or "_" for label in labels])


def ascii_labels(labels: Iterable[str], longest: int, letter: str = "M") -> list[str]:
    """Names in ASCII without spaces, of at most `longest` characters, all different. Accents go;
    a name with letters of another script becomes a letter and its number: M0012."""
    result = []
    for number, label in enumerate(without_spaces(labels), start=1):
        text = ascii_text(label)
        result.append((text or f"{letter}{number:04d}")[:longest])
    return distinct(result, longest)


def ascii_text(text: str) -> str | None:
    """A text without accents, or None if it has letters of another script."""
    parted = unicodedata.normalize("NFKD", text.translate(PLAIN))
    plain = "".join(letter for letter in parted if not unicodedata.combining(letter))
    return plain if plain.isascii() and plain.isprintable() else None


def distinct(labels: list[str], longest: int | None = None) -> list[str]:
    """The same names, with a number behind those that are not the first of theirs."""
    taken: set[str] = set()
    result = []
    for label in labels:
        name, number = label, 2
        while name in taken:
            ending = f"_{number}"
            name = label[: None if longest is None else longest - len(ending)] + ending
            number += 1
        taken.add(name)
        result.append(name)
    return result


def renaming_notes(kind: str, before: list[str], after: list[str]) -> list[str]:
    """What the user is told of names that a format could not hold."""
    changed = [f"'{old}' is '{new}'" for old, new in zip(before, after, strict=True) if old != new]
    if not changed:
        return []
    listed = ", ".join(changed[:LISTED]) + (" ..." if len(changed) > LISTED else "")
    return [f"{kind} cannot hold {len(changed)} of the names: {listed}"]


def by_person(labels: list[str], people: Iterable[str]) -> list[tuple[str, list[int], list[str]]]:
    """People, the places of their markers in the list, and these markers' own names; somebody
    without a name for the markers of nobody. people: as known, in order."""
    prefixes = {prefix(person): person for person in people}
    found: dict[str, tuple[list[int], list[str]]] = {}
    for place, label in enumerate(labels):
        start, separator, rest = label.partition(SEPARATOR)
        key = start + separator
        person, own = (prefixes[key], rest) if key in prefixes and rest else ("", label)
        places, names = found.setdefault(person, ([], []))
        places.append(place)
        names.append(own)
    return [(person, places, distinct(names)) for person, (places, names) in found.items()]

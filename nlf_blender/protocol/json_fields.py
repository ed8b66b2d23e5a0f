# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading typed values out of decoded JSON, so that a bad file fails by field name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

Json = dict[str, object]
Value = TypeVar("Value")


def as_object(value: object, what: str) -> Json:
    """The value as a JSON object; ValueError naming `what` if it is something else."""
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not an object")
    return cast(Json, value)


def as_list(value: object, what: str) -> list[object]:
    """The value as a JSON array; ValueError naming `what` if it is something else."""
    if not isinstance(value, list):
        raise ValueError(f"{what} is not a list")
    return cast("list[object]", value)


def as_str(value: object, what: str) -> str:
    """The value as text; ValueError naming `what` if it is something else."""
    if not isinstance(value, str):
        raise ValueError(f"{what} is not a text")
    return value


def as_bool(value: object, what: str) -> bool:
    """The value as true or false; ValueError naming `what` if it is something else."""
    if not isinstance(value, bool):
        raise ValueError(f"{what} is neither true nor false")
    return value


def as_int(value: object, what: str) -> int:
    """The value as a whole number; ValueError naming `what` if it is something else."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{what} is not a whole number")
    return value


def as_float(value: object, what: str) -> float:
    """The value as a finite number; ValueError naming `what` if it is something else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{what} is not a number")
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{what} is not finite")
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError(f"{what} is too large") from error


def as_floats(value: object, what: str) -> tuple[float, ...]:
    """The value as a tuple of finite numbers; ValueError naming `what` otherwise."""
    return tuple(as_float(item, what) for item in as_list(value, what))


def optional(value: object, read: Callable[[object, str], Value], what: str) -> Value | None:
    """None for null, else what `read` makes of the value."""
    return None if value is None else read(value, what)

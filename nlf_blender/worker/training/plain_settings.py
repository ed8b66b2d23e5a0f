# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings as frozen dataclasses of plain values, read from and written to JSON.

Every name in a file must be one that the dataclass has, and every value of its type, so that a
misspelt or outdated setting is reported instead of being ignored for hours. A dataclass checks
what its type does not say in `__post_init__`, by a ValueError that names the field.
"""

from __future__ import annotations

import json
import math
import types
import typing
from dataclasses import MISSING, asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from ...errors import UserError

Settings = TypeVar("Settings")


def read_settings(kind: type[Settings], path: Path) -> Settings:
    """The settings that a JSON file holds. UserError naming the file and the entry if it does not
    hold them."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            "Settings not readable",
            f"{path} cannot be read ({reason}).",
            "Check the path, and that the file is JSON.",
        ) from error
    try:
        return settings_from(kind, data)
    except ValueError as error:
        raise UserError(
            "Wrong settings", f"{path}: {error}.", "Correct that entry, then start again."
        ) from error


def settings_text(settings: object) -> str:
    """Settings as JSON that `read_settings` reads back to equal ones."""
    return json.dumps(asdict(settings), indent=1, allow_nan=False) + "\n"  # type: ignore[call-overload]


def settings_from(kind: type[Settings], data: object, where: str = "") -> Settings:
    """Settings of a dataclass from decoded JSON. ValueError naming the entry that is wrong."""
    if not isinstance(data, dict):
        raise ValueError(f"{where or 'the file'} is no object of names and values")
    hints = typing.get_type_hints(kind)
    known = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
    for name in data:
        if name not in known:
            raise ValueError(f"{_inside(where, name)} is unknown; there are {', '.join(known)}")
    for name, item in known.items():
        if name not in data and item.default is MISSING and item.default_factory is MISSING:
            raise ValueError(f"{_inside(where, name)} is missing")
    values = {n: _value(hints[n], value, _inside(where, n)) for n, value in data.items()}
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}" if where else str(error)) from error


def _inside(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _value(kind: Any, value: Any, where: str) -> Any:
    """A decoded value as a field's type wants it."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _value(next(a for a in arguments if a is not type(None)), value, where)
    if is_dataclass(kind):
        return settings_from(typing.cast(type, kind), value, where)
    if origin is tuple:
        return _tuple(arguments, value, where)
    if origin is typing.Literal:
        if value not in arguments:
            raise ValueError(f"{where} is {value!r}, none of {', '.join(map(str, arguments))}")
        return value
    if kind is float and type(value) is int:
        return float(value)
    if kind is float and type(value) is float and not math.isfinite(value):
        raise ValueError(f"{where} is {value}")
    if type(value) is not kind:
        raise ValueError(f"{where} is {value!r}, which is no {kind.__name__}")
    return value


def _tuple(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{where} is {value!r}, which is no list")
    if arguments[-1] is Ellipsis:
        kinds = [arguments[0]] * len(value)
    elif len(arguments) == len(value):
        kinds = list(arguments)
    else:
        raise ValueError(f"{where} has {len(value)} entries instead of {len(arguments)}")
    parts = zip(kinds, value, strict=True)
    return tuple(_value(kind, part, f"{where}[{n}]") for n, (kind, part) in enumerate(parts))

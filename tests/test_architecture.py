# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom, and what no file may do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "nlf_blender"
MAY_IMPORT = {
    "body": {"errors"},
    "protocol": {"errors", "body"},
    "bridge": {"errors", "protocol"},
    "worker": {"errors", "protocol", "body"},
    "scene": {"errors", "body", "protocol"},
    "ui": {"errors", "scene", "bridge", "protocol", "body"},
    "registration": {"errors", "ui"},
    "errors": set(),
    "__init__": {"registration"},
}
BLENDER_SIDE = {"ui", "scene", "registration"}
OUTSIDE_LIBRARIES = {
    "body": {"numpy"},
    "protocol": {"numpy"},
    "bridge": set(),
    "scene": {"bpy", "mathutils", "bmesh", "numpy"},
    "ui": {"bpy", "blf", "bpy_extras", "gpu", "gpu_extras", "numpy"},
    "registration": {"bpy"},
    "errors": set(),
    "__init__": set(),
}
STANDARD = set(__import__("sys").stdlib_module_names)
SOURCES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """The room of the package that a file is in."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Each import of a file as (level, dotted parts)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, tuple(alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            base = tuple(node.module.split(".")) if node.module else ()
            for alias in node.names:
                yield node.level, (*base, alias.name)


def imported_rooms(path: Path) -> set[str]:
    """Rooms of the package that a file imports from, by relative imports."""
    folder = path.relative_to(PACKAGE).parent.parts
    rooms: set[str] = set()
    for level, parts in imports(path):
        if level:
            target = (*folder[: len(folder) - (level - 1)], *parts)
            rooms.add(target[0])
    return rooms


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_import_rules(path: Path) -> None:
    foreign = imported_rooms(path) - {room(path)}
    assert foreign <= MAY_IMPORT[room(path)]
    absolute = {parts[0] for level, parts in imports(path) if not level}
    entry = path.name == "__main__.py"  # loads the package from its path, so it names it
    assert entry or "nlf_blender" not in absolute
    if room(path) in OUTSIDE_LIBRARIES:
        assert absolute - STANDARD - {"nlf_blender"} <= OUTSIDE_LIBRARIES[room(path)]
    if room(path) not in BLENDER_SIDE:
        assert "bpy" not in absolute


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_file_is_licensed_and_explains_itself(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# SPDX-License-Identifier: GPL-3.0-or-later\n")
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_code_from_data_and_no_swallowed_failures(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile"}
        if isinstance(node, ast.Import):
            assert not {alias.name for alias in node.names} & {"pickle", "marshal", "shelve"}
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None
            assert not (len(node.body) == 1 and isinstance(node.body[0], ast.Pass))
        if isinstance(node, ast.Global):
            raise AssertionError(f"global {', '.join(node.names)}")


def test_the_package_imports_nothing_when_it_is_imported() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    names = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert not any(isinstance(node, ast.Import) for node in tree.body)
    assert names in ([], ["__future__"])


def test_one_file_alone_asks_for_blenders_version() -> None:
    asking = [
        path.relative_to(PACKAGE).as_posix()
        for path in SOURCES
        if "app.version" in path.read_text(encoding="utf-8")
    ]
    assert asking in ([], ["scene/compat.py"])

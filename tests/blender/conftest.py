# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test starts in an empty Blender, and the interpreter leaves without Blender's own exit."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import bpy
import pytest

EXIT_STATUS = pytest.StashKey[int]()


@pytest.fixture(autouse=True)
def empty_blender() -> Iterator[None]:
    """Factory settings without a single object."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Keep the status for the very end, when everything is printed."""
    session.config.stash[EXIT_STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave at once: Blender as a module may hang in its own exit handlers."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(config.stash.get(EXIT_STATUS, int(pytest.ExitCode.INTERNAL_ERROR)))

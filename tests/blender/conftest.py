# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test starts in an empty Blender, and the interpreter leaves without Blender's own exit; the
extension's zip, installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import bpy
import extension_run
import pytest

EXIT_STATUS = pytest.StashKey[int]()


@pytest.fixture(autouse=True)
def empty_blender() -> Iterator[None]:
    """Factory settings without a single object."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield


@pytest.fixture
def marker_properties(empty_blender: None) -> Iterator[None]:
    """Collections and objects have the properties of marker sets and markers."""
    from nlf_blender.ui.markers import properties

    for cls in properties.CLASSES:
        bpy.utils.register_class(cls)
    properties.register()
    yield
    properties.unregister()
    for cls in reversed(properties.CLASSES):
        bpy.utils.unregister_class(cls)


@pytest.fixture(scope="session")
def package() -> Path:
    """The zip that build.py made."""
    if "NLF_ZIP" not in os.environ:
        pytest.skip("run by build.py test, which makes the zip")
    return Path(os.environ["NLF_ZIP"])


@pytest.fixture
def installed(package: Path) -> Iterator[Path]:
    """The extension, installed and enabled; uninstalled afterwards."""
    extension_run.install(package)
    extension_run.use_interpreter(Path(os.environ["NLF_WORKER_PYTHON"]))
    yield package
    bpy.ops.extensions.package_uninstall(repo_index=user_repository(), pkg_id="nlf_blender")


def user_repository() -> int:
    """The index of the repository that zips are installed to."""
    repositories = bpy.context.preferences.extensions.repos
    return next(i for i, repo in enumerate(repositories) if repo.module == "user_default")


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

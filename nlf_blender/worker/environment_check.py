# SPDX-License-Identifier: GPL-3.0-or-later
"""What works in this Python environment, what is missing, and the fix for it."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
from collections.abc import Callable
from pathlib import Path

from ..errors import UserError
from ..protocol.settings import LocalizeSettings

OLDEST_PYTHON = (3, 11)
CHECKED_PACKAGES = ("torch", "numpy", "scipy", "opencv-python", "av", "pillow", "safetensors")
ALTERNATIVES = {"opencv-python": ("opencv-python-headless", "opencv-contrib-python")}
Item = dict[str, object]


def check(settings: LocalizeSettings) -> list[Item]:
    """Items {name, ok, value, fix} for Python, each package, device, model and body."""
    items = [_python(), *(_package(name) for name in CHECKED_PACKAGES)]
    if all(item["ok"] for item in items):
        items.append(_attempt("device", lambda: _device(settings)))
        items.append(_attempt("model", lambda: _model(settings)))
        items.append(_attempt("body", lambda: _body(settings)))
    return items


def incomplete(error: ImportError) -> UserError:
    """What the user is told if a package is missing from this environment, or does not load."""
    return UserError(
        "The worker's Python is not complete",
        f"{sys.executable} cannot load what the worker needs: {error}.",
        "In the extension's preferences click Check to see what is missing, or Create Environment.",
    )


def _item(name: str, ok: bool, value: str, fix: str = "") -> Item:
    return {"name": name, "ok": ok, "value": value, "fix": "" if ok else fix}


def _python() -> Item:
    wanted = ".".join(map(str, OLDEST_PYTHON))
    fix = f"Use an environment with Python {wanted} or newer."
    version = platform.python_version()
    return _item("Python", sys.version_info >= OLDEST_PYTHON, f"{version} ({sys.executable})", fix)


def _package(name: str) -> Item:
    wanted = _locked_versions().get(name, "")
    fix = "Click Create Environment, or install wheels/requirements.lock with pip in this one."
    for candidate in (name, *ALTERNATIVES.get(name, ())):
        try:
            version = importlib.metadata.version(candidate)
        except importlib.metadata.PackageNotFoundError:
            continue
        ok = _series(version) >= _series(wanted)
        return _item(name, ok, version if ok else f"{version}, needs {wanted}", fix)
    return _item(name, False, "not installed", fix)


def _series(version: str) -> tuple[int, ...]:
    """Major and minor number: older ones lack functions that the worker calls."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _locked_versions() -> dict[str, str]:
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "wheels", package.parent / "wheels"):
        lock = folder / "requirements.lock"
        if lock.is_file():
            lines = lock.read_text(encoding="utf-8").splitlines()
            return dict(line.split("==", 1) for line in lines if "==" in line)
    return {}


def _attempt(name: str, probe: Callable[[], str]) -> Item:
    try:
        return _item(name, True, probe())
    except UserError as error:
        return _item(name, False, error.detail, error.fix)
    except (ImportError, OSError, RuntimeError) as error:
        fix = "Reinstall the environment: Create Environment."
        return _item(name, False, f"{type(error).__name__}: {error}", fix)


def _device(settings: LocalizeSettings) -> str:
    import torch

    from .device import select_device

    device = select_device(settings.device)
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    return f"{device.type}, torch {torch.__version__}, {torch.get_num_threads()} threads"


def _model(settings: LocalizeSettings) -> str:
    from .assets import ASSETS
    from .device import select_device
    from .nlf.checkpoints import load_localizer

    device = select_device(settings.device)
    data_folder = Path(settings.model_data) if settings.model_data else None
    info = load_localizer(settings.model, device, ASSETS, data_folder, settings.trusted).info
    return f"{info.name} ({info.license})"


def _body(settings: LocalizeSettings) -> str:
    from .engine import body_path
    from .smpl.body_files import load_body

    body = load_body(body_path(settings.body))
    return f"{body.name}, {len(body.v_template)} vertices ({body.license})"

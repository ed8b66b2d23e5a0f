# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads how far pip is, and why it failed, out of what it prints."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import UserError

_DOWNLOADED = 0.75  # share of a step that is over when the last package is there
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_COLLECTING = re.compile(r"(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9_.\-]+)")
_DOWNLOADING = re.compile(r"\s*(?:Downloading|Using cached|Processing) (\S+)")


class PipProgress:
    """How far one run of pip is. packages: how many it is expected to bring."""

    def __init__(self, packages: int) -> None:
        self._packages = max(packages, 1)
        self._seen = 0
        self._bytes = 0.0
        self.fraction = 0.0
        self.text = ""

    def feed(self, line: str) -> None:
        """Take over one line of its output."""
        if match := _PROGRESS.match(line):
            done, total = int(match[1]), int(match[2])
            self._bytes = done / total if total else 0.0
            self.text = (
                re.sub(r" \(.*", "", self.text) + f" ({done / 1e6:.0f} of {total / 1e6:.0f} MB)"
            )
        elif match := _COLLECTING.match(line):
            self._seen, self._bytes = self._seen + 1, 0.0
            self.text = match[1]
        elif match := _DOWNLOADING.match(line):
            self.text = "-".join(match[1].rpartition("/")[2].split("-")[:2])
        elif line.startswith("Installing collected packages"):
            self._seen = self._packages + 1
            self.text = "unpacking"
        collected = min(max(self._seen - 1, 0) + self._bytes, self._packages)
        self.fraction = max(self.fraction, _DOWNLOADED * collected / self._packages)


def prints_bytes(env_dir: Path) -> bool:
    """Whether the pip of an environment can print its progress in bytes."""
    for folder in env_dir.glob("[Ll]ib*/**/site-packages/pip-*.dist-info"):
        numbers = re.match(r"pip-(\d+)\.(\d+)", folder.name)
        if numbers and (int(numbers[1]), int(numbers[2])) >= (24, 1):
            return True
    return False


_CAUSES = (
    (
        r"No space left on device|There is not enough space on the disk|Errno 28",
        "The disk is full.",
        "Free some space (up to 10 GB with a GPU build of PyTorch) and click again.",
    ),
    (
        r"No module named '?(ensurepip|venv)|ensurepip is not available|returned non-zero exit",
        "This Python cannot make virtual environments.",
        "Install its venv package (python3-venv on Debian and Ubuntu), or name an interpreter.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError",
        "The package index could not be trusted: its certificate does not check out.",
        "If your network uses a proxy with its own certificate, tell pip (pip config set "
        "global.cert PATH) and click again.",
    ),
    (
        r"Connection|NewConnectionError|timed out|Temporary failure|getaddrinfo|ProxyError",
        "The package index could not be reached.",
        "Check the network and click again; what was downloaded is kept.",
    ),
    (
        r"No matching distribution found|Could not find a version",
        "A package is not offered for this Python or this system.",
        "Use a 64-bit Blender with Python 3.11 or 3.13, or name an interpreter that has the "
        "packages.",
    ),
    (
        r"Permission denied|Access is denied|WinError 5",
        "A file could not be written.",
        "Close other Blender windows that use the environment and click again.",
    ),
)


def explain_failure(step: str, output: str, log: Path) -> UserError:
    """What the user is told when a step failed with this output."""
    for pattern, cause, fix in _CAUSES:
        if re.search(pattern, output):
            return UserError("The environment was not made", f"{step} failed. {cause}", fix)
    last = output.strip().rpartition("\n")[2]
    return UserError(
        "The environment was not made",
        f"{step} failed: {last}",
        f"Open the log and click again, or name an interpreter. The log is {log}.",
    )

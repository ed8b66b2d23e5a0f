# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception that is written for the user: what went wrong and what to do next."""

from __future__ import annotations


class UserError(Exception):
    """A failure with a cause and a remedy in words that the user can act on.

    title: what failed, a few words; detail: why, one sentence; fix: what to do next, one sentence.
    """

    def __init__(self, title: str, detail: str, fix: str) -> None:
        super().__init__(title, detail, fix)
        self.title = title
        self.detail = detail
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.title}: {self.detail} {self.fix}"

    def to_json(self) -> dict[str, str]:
        """The three texts under the names that `from_json` reads."""
        return {"title": self.title, "detail": self.detail, "fix": self.fix}

    @classmethod
    def from_json(cls, data: dict[str, str]) -> UserError:
        """The error that `to_json` described; missing texts become empty."""
        return cls(data.get("title", ""), data.get("detail", ""), data.get("fix", ""))

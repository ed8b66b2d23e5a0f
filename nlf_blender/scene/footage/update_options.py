# SPDX-License-Identifier: GPL-3.0-or-later
"""How a take that was solved again is renewed in a scene."""

from __future__ import annotations

from dataclasses import dataclass

from .key_merge import Span


@dataclass(frozen=True)
class UpdateOptions:
    """first, last: only keys from and to these scene frames are replaced (None: all); blend: frames
    at the ends of that range that lead over to the keys outside it; keep_keys: keys set by hand
    stay, new ones lean to them over as many frames. A solution whose points are still due may be
    brought in by its motion alone (`motion_only`), and the rest later (`after_motion`): rigs that
    have that motion by then keep it as it is."""

    first: int | None = None
    last: int | None = None
    blend: int = 5
    keep_keys: bool = True
    motion_only: bool = False
    after_motion: bool = False

    @property
    def span(self) -> Span:
        """The frames to replace."""
        return Span(self.first, self.last, self.blend)

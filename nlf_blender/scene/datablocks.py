# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps account of the datablocks that an import makes, so that a failed one leaves none."""

from __future__ import annotations

import uuid
from typing import TypeVar

import bpy

IMPORT_TAG = "nlf_import"

Block = TypeVar("Block", bound=bpy.types.ID)


class NewDatablocks:
    """The datablocks of one import, all carrying the same random tag under IMPORT_TAG; those that
    a later update adds carry the tag of their import."""

    def __init__(self, tag: str | None = None) -> None:
        self.tag = tag or uuid.uuid4().hex
        self._blocks: list[bpy.types.ID] = []

    def add(self, block: Block) -> Block:
        """Tag a datablock that was just made and remember it."""
        self._blocks.append(block)
        block[IMPORT_TAG] = self.tag
        return block

    def discard(self, block: bpy.types.ID) -> None:
        """Remove one of the datablocks again."""
        self._blocks.remove(block)
        bpy.data.batch_remove([block])

    def discard_all(self) -> None:
        """Remove all that was made so far."""
        bpy.data.batch_remove(self._blocks)
        self._blocks.clear()

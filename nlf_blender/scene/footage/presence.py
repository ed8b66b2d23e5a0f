# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh is there only while its person is in the shot.

A Mask modifier with an empty vertex group leaves nothing of a mesh; its switches are animated. The
object's own eye and camera icons stay free for the artist, which keys on them would take away.
"""

from __future__ import annotations

import bpy
import numpy as np

from ..actions import Channel, new_action, write_channels
from ..datablocks import NewDatablocks
from .objects import PART, PERSON, SHOWN, find

ABSENT = "Out of Shot"  # the modifier and its vertex group


def limit_presence(
    new: NewDatablocks,
    obj: bpy.types.Object,
    ends: tuple[float, float],
    whole: tuple[float, float],
    person: int,
) -> None:
    """Let a mesh be there from the first to the last of these scene frames; whole: those of the
    take, whose ends hold beyond. Once more where that was done before."""
    frames, absent = switches(ends, whole)
    part = f"{SHOWN} {obj[PART]}"
    action = find(bpy.data.actions, new.tag, part, person)
    if len(frames) < 2 and action is None:
        return
    if obj.modifiers.get(ABSENT) is None:
        group = obj.vertex_groups.get(ABSENT) or obj.vertex_groups.new(name=ABSENT)
        modifier = obj.modifiers.new(ABSENT, "MASK")
        modifier.vertex_group = group.name
    values = np.array(absent, dtype=np.float64)[:, None]
    channels = [
        Channel(f'modifiers["{ABSENT}"].{switch}', np.array(frames), values, ABSENT, constant=True)
        for switch in ("show_viewport", "show_render")
    ]
    if action is None:
        action = new_action(new, f"{obj.name} {ABSENT}", obj, channels)
        action[PART], action[PERSON] = part, person
    else:
        write_channels(action, obj.id_type, channels)


def switches(
    ends: tuple[float, float], whole: tuple[float, float]
) -> tuple[list[float], list[bool]]:
    """Scene frames in which a person comes or goes, and whether they are absent from then on."""
    first, last = float(np.floor(ends[0])), float(np.ceil(ends[1]))
    frames, absent = [first], [False]
    if first > np.floor(whole[0]):
        frames, absent = [np.floor(whole[0]) - 1, *frames], [True, *absent]
    if last < np.ceil(whole[1]):
        frames, absent = [*frames, last + 1], [*absent, True]
    return frames, absent

# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the results of a job in line go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import bpy

from ..bridge.queue import Entry
from ..scene import FootageOptions

Finish = Callable[[bpy.types.Scene, list[Path]], list[str]]


@dataclass
class Destination:
    """Where a job's results go. scene_uid: of the scene, None if it is gone; footage: how footage
    comes in, camera_uid: of its solved camera; finish: brings results in, and returns what the user
    should know; None: they are imported."""

    scene_uid: int | None
    footage: FootageOptions = field(default_factory=FootageOptions)
    camera_uid: int | None = None
    finish: Finish | None = None

    @classmethod
    def of(
        cls, scene: bpy.types.Scene, footage: FootageOptions, finish: Finish | None
    ) -> Destination:
        """A scene. The objects of the options are remembered so that undo makes none useless."""
        camera = footage.use_camera
        uid = None if camera is None else camera.session_uid
        return cls(scene.session_uid, replace(footage, use_camera=None), uid, finish)

    def scene(self) -> bpy.types.Scene | None:
        """The scene, if it is still there."""
        scenes = bpy.data.scenes
        return next((scene for scene in scenes if scene.session_uid == self.scene_uid), None)

    def footage_options(self) -> FootageOptions:
        """How footage comes in, with the camera if it is still there."""
        objects = bpy.data.objects
        camera = next((obj for obj in objects if obj.session_uid == self.camera_uid), None)
        return replace(self.footage, use_camera=camera)


Waiting = Entry[Destination]

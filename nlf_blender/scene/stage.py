# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene of its own to take a picture in, gone afterwards: the user's scene stays untouched."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np
from mathutils import Euler, Matrix
from numpy.typing import NDArray

from .compat import node_tree
from .datablocks import NewDatablocks
from .meshes import Topology, make_mesh
from .person.shapes import Shape

SAMPLES = 8  # the denoiser does the rest
SUN_TURN = (0.75, 0.2, 0.6)  # Euler angles: from above, from behind the camera's left shoulder
SUN_STRENGTH = 2.6
SUN_ANGLE = 0.1
SKY_STRENGTH = 0.5

Color = tuple[float, float, float, float]


class Stage:
    """A lit scene for Cycles on the CPU, which needs neither a display nor a GPU."""

    def __init__(self, new: NewDatablocks, width: int, height: int) -> None:
        self._new = new
        self.scene = new.add(bpy.data.scenes.new("NLF picture"))
        _set_up_render(self.scene, width, height)
        world = new.add(bpy.data.worlds.new("NLF picture"))
        background = next(
            node for node in node_tree(world).nodes if node.bl_idname == "ShaderNodeBackground"
        )
        background.inputs["Color"].default_value = (1.0, 1.0, 1.0, 1.0)
        background.inputs["Strength"].default_value = SKY_STRENGTH
        self.scene.world = world
        sun = new.add(bpy.data.lights.new("NLF sun", "SUN"))
        sun.energy, sun.angle = SUN_STRENGTH, SUN_ANGLE
        self._link(sun).rotation_euler = Euler(SUN_TURN)

    def _link(self, data: bpy.types.ID) -> bpy.types.Object:
        obj = self._new.add(bpy.data.objects.new(data.name, data))
        self.scene.collection.objects.link(obj)
        return obj

    def add_shape(self, shape: Shape, color: Color, glow: float = 0.0) -> bpy.types.Object:
        """Show a shape; glow: share of the colour that needs no light."""
        material = self._new.add(bpy.data.materials.new("NLF picture"))
        surface = next(
            n for n in node_tree(material).nodes if n.bl_idname == "ShaderNodeBsdfPrincipled"
        )
        surface.inputs["Base Color"].default_value = color
        surface.inputs["Roughness"].default_value = 0.7
        surface.inputs["Emission Color"].default_value = color
        surface.inputs["Emission Strength"].default_value = glow
        topology = Topology(shape.faces, None)
        mesh = make_mesh(self._new, "NLF picture", shape.vertices, topology)
        mesh.materials.append(material)
        return self._link(mesh)

    def set_camera(self, data: bpy.types.Camera, matrix: Matrix) -> bpy.types.Object:
        """Look through this camera, which goes with the stage, from this place."""
        camera = self._link(self._new.add(data))
        camera.matrix_world = matrix
        self.scene.camera = camera
        return camera

    def frame(self, camera: bpy.types.Object, points: NDArray[np.floating]) -> None:
        """Move the camera, without turning it, so that it just sees all points [N,3]."""
        layer = self.scene.view_layers[0]
        layer.update()
        flat = points.astype(float).ravel().tolist()
        camera.location, _ = camera.camera_fit_coords(layer.depsgraph, flat)

    def render(self, transparent: bool) -> NDArray[np.float32]:
        """The picture [H,W,4] as sRGB with straight alpha, top row first."""
        self.scene.render.film_transparent = transparent
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "picture.png"
            self.scene.render.filepath = str(path)
            bpy.ops.render.render(write_still=True, scene=self.scene.name)
            return read_pixels(path)


@contextmanager
def stage(scene: bpy.types.Scene, width: int, height: int) -> Iterator[Stage]:
    """A stage for pictures of this size in pixels, at the current frame of the user's scene.

    Everything on it is removed at the end.
    """
    new = NewDatablocks()
    try:
        set_up = Stage(new, width, height)
        set_up.scene.frame_current = scene.frame_current
        yield set_up
    finally:
        new.discard_all()


def _set_up_render(scene: bpy.types.Scene, width: int, height: int) -> None:
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = SAMPLES
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces = 2
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.view_settings.view_transform = "Standard"


def read_pixels(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.float32]:
    """A picture file as [H,W,4] in its own encoding, top row first, scaled to size (W, H)."""
    image = bpy.data.images.load(str(path), check_existing=False)
    try:
        if size is not None and tuple(image.size) != size:
            image.scale(*size)
        width, height = image.size
        pixels = np.empty(width * height * 4, dtype=np.float32)
        image.pixels.foreach_get(pixels)
    finally:
        bpy.data.images.remove(image)
    return pixels.reshape(height, width, 4)[::-1]


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture file. RuntimeError if Blender cannot read it."""
    image = bpy.data.images.load(str(path), check_existing=False)
    try:
        width, height = image.size
    finally:
        bpy.data.images.remove(image)
    if not width or not height:
        raise RuntimeError(f"{path} is no picture")
    return width, height


def write_pixels(path: Path, pixels: NDArray[np.floating]) -> None:
    """Write [H,W,4], top row first, as an 8-bit PNG without changing the values."""
    height, width = pixels.shape[:2]
    image = bpy.data.images.new("NLF picture", width, height, alpha=True)
    try:
        image.pixels.foreach_set(np.ascontiguousarray(pixels[::-1], dtype=np.float32).ravel())
        image.filepath_raw, image.file_format = str(path), "PNG"
        image.save()
    finally:
        bpy.data.images.remove(image)

# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user sets of the source and of the camera that saw it."""

from __future__ import annotations

import math

import bpy

from ...protocol.settings import DEFAULT_FOV_DEGREES

FILE, CLIP, IMAGE, STRIP = "FILE", "CLIP", "IMAGE", "STRIP"
SOURCE_ITEMS = (
    (FILE, "File", "A photo, a movie or a numbered image sequence on disk", "FILE", 0),
    (CLIP, "Movie Clip", "A movie clip of this .blend file", "TRACKER", 1),
    (IMAGE, "Image", "An image of this .blend file", "IMAGE_DATA", 2),
    (STRIP, "Strip", "A movie or image strip of this scene's sequencer", "SEQUENCE", 3),
)
ALL, SCENE, CUSTOM = "ALL", "SCENE", "CUSTOM"
RANGE_ITEMS = (
    (ALL, "All", "Every frame of the source; of a strip, those that it shows"),
    (SCENE, "Scene Range", "The frames that the source shows in the scene's frame range"),
    (CUSTOM, "Custom", "From the first to the last frame given here"),
)
AUTO, FOV, FOCAL, LENS, CLIP_LENS, CAMERA = "AUTO", "FOV", "FOCAL", "LENS", "CLIP", "CAMERA"
CAMERA_ITEMS = (
    (AUTO, "Automatic", f"What the file says of its lens, else {DEFAULT_FOV_DEGREES:.0f} degrees"),
    (FOV, "Field of View", "The angle of view over the larger side of the picture"),
    (FOCAL, "Focal Length (px)", "The focal length in pixels of the picture"),
    (LENS, "Lens", "Focal length and sensor size in millimetres, as Blender's cameras have them"),
    (CLIP_LENS, "Movie Clip", "Focal length, centre and distortion of a movie clip's camera"),
    (
        CAMERA,
        "Scene Camera",
        "A solved, tracked or animated camera of the scene: people land in its world",
    ),
)


def _is_camera(self: SourceProperties, obj: bpy.types.Object) -> bool:
    return obj.type == "CAMERA"


class SourceProperties:
    """The part of the scene's properties that is about the source and its camera."""

    source_kind: bpy.props.EnumProperty(
        name="Source", description="Where the footage comes from", items=SOURCE_ITEMS
    )
    source: bpy.props.StringProperty(
        name="File",
        description="A photo, a movie, an image of a numbered sequence, or a folder of images",
        subtype="FILE_PATH",
    )
    source_sequence: bpy.props.BoolProperty(
        name="Image Sequence", description="The image is one of a numbered sequence: use all"
    )
    source_clip: bpy.props.PointerProperty(
        name="Clip", description="The movie clip to localize people in", type=bpy.types.MovieClip
    )
    source_image: bpy.props.PointerProperty(
        name="Image", description="The image to localize people in", type=bpy.types.Image
    )
    source_strip: bpy.props.StringProperty(
        name="Strip", description="The strip of the sequencer to localize people in"
    )
    frame_range: bpy.props.EnumProperty(
        name="Frames", description="Which frames to localize people in", items=RANGE_ITEMS
    )
    first_frame: bpy.props.IntProperty(
        name="First",
        description="The first frame, counted from 1 at the start of the source",
        default=1,
        min=1,
    )
    last_frame: bpy.props.IntProperty(
        name="Last", description="The last frame, counted as the first is", default=250, min=1
    )
    frame_step: bpy.props.IntProperty(
        name="Step",
        description="Localize every frame (1), every second (2), ...; Blender fills in the rest",
        default=1,
        min=1,
        soft_max=10,
    )
    sequence_fps: bpy.props.FloatProperty(
        name="Frame Rate",
        description="Images a second of a sequence. 0: the scene's frame rate",
        default=0.0,
        min=0.0,
        soft_max=240.0,
        precision=3,
    )
    camera: bpy.props.EnumProperty(
        name="Camera", description="The camera that filmed the source", items=CAMERA_ITEMS
    )
    fov: bpy.props.FloatProperty(
        name="Field of View",
        description="Angle of view over the larger side of the picture",
        subtype="ANGLE",
        default=math.radians(DEFAULT_FOV_DEGREES),
        min=math.radians(1.0),
        max=math.radians(170.0),
    )
    focal_px: bpy.props.FloatProperty(
        name="Focal Length (px)",
        description="Focal length in pixels of the picture",
        default=1500.0,
        min=1.0,
        soft_max=20000.0,
        precision=1,
    )
    lens_mm: bpy.props.FloatProperty(
        name="Focal Length",
        description="Focal length of the lens",
        subtype="DISTANCE_CAMERA",
        default=50.0,
        min=1.0,
        soft_max=500.0,
    )
    sensor_mm: bpy.props.FloatProperty(
        name="Sensor Size",
        description="The larger side of the part of the sensor that the picture comes from",
        subtype="DISTANCE_CAMERA",
        default=36.0,
        min=1.0,
        soft_max=100.0,
    )
    lens_clip: bpy.props.PointerProperty(
        name="Clip",
        description="The movie clip whose camera is used. Empty: the source's own",
        type=bpy.types.MovieClip,
    )
    solved_camera: bpy.props.PointerProperty(
        name="Object",
        description="The camera that filmed the source. Empty: the scene's camera",
        type=bpy.types.Object,
        poll=_is_camera,
    )

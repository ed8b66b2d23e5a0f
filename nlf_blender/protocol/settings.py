# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user asks for: the settings of one localize job."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import UserError
from .json_fields import (
    Json,
    as_bool,
    as_float,
    as_floats,
    as_int,
    as_list,
    as_object,
    as_str,
    optional,
)
from .solve_settings import SolveSettings

DEVICES = ("auto", "cpu", "cuda", "mps")
DEFAULT_FOV_DEGREES = 55.0  # over the larger image side, as in the official release
CONSENT_NEEDED = "Consent needed"  # title of the error where `trusted` lacks a program
SOURCE_CHANGED = "Source changed"  # title of the error where a resumed job's source is another

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class LocalizeSettings:
    """Settings of one job; the same object drives the panel and the command line.

    fov_degrees is over the larger image side and focal_px in pixels of the upright image; with
    neither, the photo's EXIF focal length is used if it has one, else DEFAULT_FOV_DEGREES.
    boxes: per image file name, hand-drawn person boxes (x0, y0, x1, y1) in pixels, which replace
    the detector for that image. test_time_augmentations: crops per person, 1 or more; with 2, each
    is also seen mirrored, which steadies the result most for its time. model_data: a folder with
    what an official checkpoint lacks, or "". trusted: SHA-256 of the TorchScript files whose code
    the user agreed to run.

    intrinsics: row-major 3x3 in pixels of the upright image, instead of those two.

    Of footage: sequence: the source is one image of a numbered sequence, which is meant as a whole
    (a folder always is). first_frame to last_frame, both included (indices from 0; None: from the
    first, to the last), every step-th. clock: above 0, the range is of a video's frames as Blender
    counts them, by this rate (see clip_clock), and may go past its end. fps: of sequences, and of
    videos that lie about theirs.
    distortion: OpenCV coefficients of the lens. cameras: a file with the camera of every frame
    (cameras.py), or "". camera_size: width and height in pixels of the pictures that intrinsics or
    cameras are of, () if nobody knows. placing: what Blender's side remembers of its scene, or "".
    solve: how the motion is cleaned up at the end.

    sets: files of point sets or marker sets that are localized, too (point_set.py). keep_features:
    keep what the network saw of everybody, so that further sets need no network. body_folders: with
    the files of further bodies, for sets that were placed on them.
    """

    model: str = "default"
    model_data: str = ""
    trusted: tuple[str, ...] = ()
    body: str = "open"
    device: str = "auto"
    fov_degrees: float | None = None
    focal_px: float | None = None
    intrinsics: tuple[float, ...] = ()
    camera_size: tuple[int, ...] = ()
    test_time_augmentations: int = 2
    max_people: int = 8
    batch_size: int = 8
    boxes: tuple[tuple[str, tuple[Box, ...]], ...] = ()
    sequence: bool = False
    first_frame: int | None = None
    last_frame: int | None = None
    step: int = 1
    clock: float = 0.0
    fps: float | None = None
    distortion: tuple[float, ...] = ()
    cameras: str = ""
    placing: str = ""
    solve: SolveSettings = field(default_factory=SolveSettings)
    sets: tuple[str, ...] = ()
    keep_features: bool = False
    body_folders: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check(
            self.fov_degrees is None or 1.0 <= self.fov_degrees <= 170.0,
            "field of view",
            "between 1 and 170 degrees",
        )
        self._check(self.focal_px is None or self.focal_px > 0, "focal length", "above 0 pixels")
        given = (self.fov_degrees is not None, self.focal_px is not None, bool(self.intrinsics))
        self._check(
            sum(given) <= 1, "camera", "given by a field of view, a focal length or intrinsics"
        )
        matrix = self.intrinsics
        whole = len(matrix) == 9 and matrix[0] > 0 and matrix[4] > 0 and matrix[8] == 1
        self._check(not matrix or whole, "intrinsics", "3x3 numbers with focal lengths above 0")
        self._check(1 <= self.test_time_augmentations <= 64, "augmentations", "1 to 64")
        self._check(1 <= self.max_people <= 1000, "number of people", "1 to 1000")
        self._check(1 <= self.batch_size <= 1024, "batch size", "1 to 1024")
        first, last = self.first_frame or 0, self.last_frame
        self._check(first >= 0, "first frame", "0 or more")
        self._check(last is None or last >= first, "last frame", "the first frame or later")
        self._check(self.step >= 1, "frame step", "1 or more")
        self._check(self.fps is None or 0.01 <= self.fps <= 10_000.0, "frame rate", "above 0")
        lens = len(self.distortion)
        self._check(lens in (0, 4) or 5 <= lens <= 12, "distortion", "0, 4 or 5 to 12 numbers")
        self._check(self.device_known(self.device), "device", f"one of {', '.join(DEVICES)}")
        for name, boxes in self.boxes:
            for box in boxes:
                self._check(
                    box[2] > box[0] and box[3] > box[1],
                    f"box {list(box)} of {name}",
                    "x0, y0, x1, y1 with x1 > x0 and y1 > y0",
                )

    @staticmethod
    def _check(holds: bool, what: str, allowed: str) -> None:
        if not holds:
            raise UserError(
                "Wrong setting", f"The {what} must be {allowed}.", "Correct it and start again."
            )

    @staticmethod
    def device_known(name: str) -> bool:
        """Whether a device may be asked for by this name: DEVICES, and cuda:0, cuda:1, ..."""
        return name in DEVICES or (name.startswith("cuda:") and name[5:].isdigit())

    def boxes_for(self, file_name: str) -> tuple[Box, ...] | None:
        """Hand-drawn boxes of the image with this file name, or None to run the detector."""
        for name, boxes in self.boxes:
            if name == file_name:
                return boxes
        return None

    def to_json(self) -> Json:
        """A JSON object that `from_json` reads back to an equal object."""
        data: Json = {**asdict(self)}
        data["trusted"] = list(self.trusted)
        data["distortion"] = list(self.distortion)
        data["intrinsics"] = list(self.intrinsics)
        data["camera_size"] = list(self.camera_size)
        data["solve"] = self.solve.to_json()
        data["sets"] = list(self.sets)
        data["body_folders"] = list(self.body_folders)
        data["boxes"] = {name: [list(box) for box in boxes] for name, boxes in self.boxes}
        return data

    @classmethod
    def from_json(cls, data: Json) -> LocalizeSettings:
        """Settings from `to_json`; absent fields take their defaults, wrong ones raise ValueError.

        Unknown fields are refused: they were written by a newer version, and leaving them out
        silently would compute something else than was asked for.
        """
        base = cls()
        unknown = sorted(set(data) - set(asdict(base)))
        if unknown:
            raise ValueError(f"unknown settings {', '.join(unknown)}")
        return cls(
            model=as_str(data.get("model", base.model), "model"),
            model_data=as_str(data.get("model_data", base.model_data), "model_data"),
            trusted=tuple(
                as_str(h, "trusted") for h in as_list(data.get("trusted", []), "trusted")
            ),
            body=as_str(data.get("body", base.body), "body"),
            device=as_str(data.get("device", base.device), "device"),
            fov_degrees=optional(data.get("fov_degrees"), as_float, "fov_degrees"),
            focal_px=optional(data.get("focal_px"), as_float, "focal_px"),
            intrinsics=as_floats(data.get("intrinsics", []), "intrinsics"),
            camera_size=tuple(
                as_int(side, "camera_size")
                for side in as_list(data.get("camera_size", []), "camera_size")
            ),
            test_time_augmentations=as_int(
                data.get("test_time_augmentations", base.test_time_augmentations),
                "test_time_augmentations",
            ),
            max_people=as_int(data.get("max_people", base.max_people), "max_people"),
            batch_size=as_int(data.get("batch_size", base.batch_size), "batch_size"),
            boxes=parse_boxes(data.get("boxes", {})),
            sequence=as_bool(data.get("sequence", base.sequence), "sequence"),
            first_frame=optional(data.get("first_frame"), as_int, "first_frame"),
            last_frame=optional(data.get("last_frame"), as_int, "last_frame"),
            step=as_int(data.get("step", base.step), "step"),
            clock=as_float(data.get("clock", base.clock), "clock"),
            fps=optional(data.get("fps"), as_float, "fps"),
            distortion=as_floats(data.get("distortion", []), "distortion"),
            cameras=as_str(data.get("cameras", base.cameras), "cameras"),
            placing=as_str(data.get("placing", base.placing), "placing"),
            solve=SolveSettings.from_json(as_object(data.get("solve", {}), "solve")),
            sets=tuple(as_str(path, "sets") for path in as_list(data.get("sets", []), "sets")),
            keep_features=as_bool(data.get("keep_features", base.keep_features), "keep_features"),
            body_folders=tuple(
                as_str(path, "body_folders")
                for path in as_list(data.get("body_folders", []), "body_folders")
            ),
        )


def parse_boxes(data: object) -> tuple[tuple[str, tuple[Box, ...]], ...]:
    """Boxes per image from `{"photo.jpg": [[x0, y0, x1, y1], ...]}`; ValueError if they are bad."""
    result: list[tuple[str, tuple[Box, ...]]] = []
    for name, rows in as_object(data, "boxes").items():
        boxes: list[Box] = []
        for row in as_list(rows, f"boxes of {name}"):
            numbers = as_floats(row, f"a box of {name}")
            if len(numbers) != 4:
                raise ValueError(f"a box of {name} has {len(numbers)} numbers, not 4")
            boxes.append((numbers[0], numbers[1], numbers[2], numbers[3]))
        result.append((Path(name).name, tuple(boxes)))
    return tuple(result)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Photos on one screen: photo -> camera -> people -> points -> fits -> take."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import errors
from ..protocol import take as take_format
from ..protocol.files import write_whole
from ..protocol.rows import write_chunk
from ..protocol.settings import LocalizeSettings
from ..protocol.take_sets import SETS_FOLDER
from .camera_choice import choose_camera
from .engine import Engine, Models
from .fit_people import FittedPeople, fit_people
from .markers.features import FeatureKeeper
from .markers.photo_rig import fit_photo_rig
from .markers.set_rows import Beside
from .markers.sets import JobSets, read_sets
from .media.photo import Photo, read_photo, write_display_copy
from .nlf.camera import Camera
from .nlf.crop_plan import CropOptions
from .nlf.crops import CropSpec
from .nlf.localized import LocalizedPerson
from .people.person import Person
from .people.plausibility import plausible_people
from .progress import Progress
from .reframing import reframed
from .take_writer import final_path, new_take
from .version import software

SHARP_UP_TO = 8  # image pixels per crop pixel


@dataclass(frozen=True)
class LocalizedPeople:
    """The people of a photo and what was localized of each; notes: what the user should know;
    features: what the network saw of each, [A,C,H,W], None if that is not kept."""

    people: list[Person]
    points: list[LocalizedPerson]
    notes: tuple[str, ...] = ()
    features: list[NDArray[np.float16]] | None = None


def localize_photo(
    source: Path, out: Path, settings: LocalizeSettings, engine: Engine, progress: Progress
) -> Path:
    """Localize everybody in one photo and return the take's folder. UserError if nobody is found,
    or if a file, the device or the disk is not usable; Cancelled if the job was."""
    progress.people = 0
    progress.step("Reading")
    photo = read_photo(source)
    progress.step("Starting")
    models = engine.models(settings)
    sets = JobSets.of(read_sets(settings.sets, models.bodies), models.localizer)
    progress.step("Finding people")
    camera = choose_camera((photo.width, photo.height), photo.focal_px, settings)
    people = find_people(photo, settings, models)
    lens = Camera.create(camera.matrix(), camera.distortion)
    people = reframed(
        people,
        photo.rgb,
        lens,
        models,
        on_progress=lambda done, total: progress.step("Finding people", done, total),
    )
    progress.people = len(people)
    progress.step("Localizing")
    localized = localize_people(photo, lens, people, settings, models, progress, sets)
    if settings.boxes_for(source.name) is None:
        localized = believable(localized, models)
    progress.people = len(localized.people)
    progress.step("Fitting")
    fitted = fit_people(models, localized.points)
    progress.step("Writing")
    return write_take(out, photo, camera, localized, fitted, settings, models, sets)


def find_people(photo: Photo, settings: LocalizeSettings, models: Models) -> list[Person]:
    """The people in the boxes drawn by hand, else those that the detector finds."""
    boxes = settings.boxes_for(photo.path.name)
    if boxes is not None:
        people = models.finder.people_in_boxes(photo.rgb, boxes)
    else:
        people = models.finder.find(photo.rgb, settings.max_people)
    if not people:
        raise errors.UserError(
            "Nobody found",
            f"No person was recognised in {photo.path.name}.",
            "Crop the photo closer to the person; on the command line, give a box with --boxes.",
        )
    return people[: settings.max_people]


def localize_people(
    photo: Photo,
    camera: Camera,
    people: list[Person],
    settings: LocalizeSettings,
    models: Models,
    progress: Progress,
    sets: JobSets,
) -> LocalizedPeople:
    """Points and uncertainties of each person in camera space, with those of the sets beside."""
    keeper = FeatureKeeper() if settings.keep_features else None
    points = models.localizer.localize(
        [photo.rgb],
        [[crop_of(person, models) for person in people]],
        [camera],
        models.point_weights,
        num_aug=settings.test_time_augmentations,
        batch_size=settings.batch_size,
        on_progress=lambda done, total: progress.step("Localizing", done, total),
        options=CropOptions(antialias_factor=antialias_factor([p.box for p in people], models)),
        beside=sets.weights,
        features=keeper,
    )[0]
    count = settings.test_time_augmentations
    kept = keeper and [keeper.of_person(number, count) for number in range(len(people))]
    return LocalizedPeople(people, points, models.notes, kept)


def believable(localized: LocalizedPeople, models: Models) -> LocalizedPeople:
    """Less those whom the localizer takes for no person, or for one seen twice. Official models
    know; if they believe in nobody, everybody stays, and a note says so."""
    if models.localizer.model.style.aligned:
        return localized  # ours was not made to judge
    people, points = localized.people, localized.points
    kept = plausible_people(
        [person.points for person in points],
        [person.points_2d for person in points],
        [person.uncertainty for person in points],
        np.stack([person.box for person in people]),
        [person.score for person in people],
    )
    if not kept:
        note = "The model is unsure that anybody in this photo is a person: look at the result."
        return replace(localized, notes=(*localized.notes, note))
    return replace(
        localized,
        people=[people[i] for i in kept],
        points=[points[i] for i in kept],
        features=localized.features and [localized.features[i] for i in kept],
    )


def antialias_factor(boxes: Sequence[NDArray], models: Models) -> int:
    """Samples per crop pixel along each axis: 2 where a box [4] is so large in the photo that the
    official crops, which shrink it four times at most and halve that by interpolation, alias."""
    model = models.localizer.model
    largest = max(float((box[2:] - box[:2]).max()) for box in boxes)
    too_large = largest > SHARP_UP_TO * model.heatmap_head.crop_side
    return 2 if too_large and not model.style.aligned else 1


def crop_of(person: Person, models: Models) -> CropSpec:
    """What the model wants to see of a person: the turned square about the hips, or, as official
    models were trained, the upright box."""
    return person.crop if models.localizer.model.style.aligned else CropSpec.from_box(*person.box)


def write_take(
    out: Path,
    photo: Photo,
    camera: take_format.CameraInfo,
    localized: LocalizedPeople,
    fitted: FittedPeople,
    settings: LocalizeSettings,
    models: Models,
    sets: JobSets,
) -> Path:
    """Write the take of one photo and return its folder."""
    with new_take(out, photo.path, photo.sha256) as folder:
        if not photo.as_stored:
            write_display_copy(photo, folder / "display.jpg")
        write_whole(folder / take_format.BODY_FILE, models.body_file)
        found = rows(localized, fitted)
        chunk = write_chunk(folder, 0, found)
        for item in sets.sets:
            item.begin(folder / SETS_FOLDER / item.slug)
        Beside(sets, localized.points, localized.features).write(folder, 0, chunk, ())
        for item in sets.sets:
            fit_photo_rig(folder / SETS_FOLDER / item.slug, item, found, models)
        tracks = range(len(localized.people))
        take_format.write_info(
            folder,
            take_format.TakeInfo(
                source=source_info(photo),
                camera=camera,
                model=models.localizer.info,
                body=body_info(models),
                settings=settings.to_json(),
                software=software(),
                created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                tracks=tuple(take_format.TrackInfo(i, f"Person {i + 1}") for i in tracks),
                chunks=(chunk,),
                notes=localized.notes,
            ),
        )
    return final_path(folder)


def source_info(photo: Photo) -> take_format.SourceInfo:
    """The photo's entry in take.json."""
    return take_format.SourceInfo(
        kind=take_format.PHOTO,
        path=str(photo.path.resolve()),
        sha256=photo.sha256,
        width=photo.width,
        height=photo.height,
        display="" if photo.as_stored else "display.jpg",
    )


def body_info(models: Models) -> take_format.ModelInfo:
    """The body's entry in take.json."""
    return take_format.ModelInfo(models.body.name, models.body.sha256, models.body.license)


def rows(localized: LocalizedPeople, fitted: FittedPeople) -> dict[str, NDArray]:
    """The take's rows (protocol/rows.py) of one frame, a row per person."""
    people, count = localized.people, len(localized.people)
    return {
        "frame": np.zeros(count),
        "timestamp": np.zeros(count),
        "track": np.arange(count),
        "box": np.stack([person.box for person in people]),
        "score": np.array([person.score for person in people]),
        "points": np.stack([person.points for person in localized.points]),
        "uncertainty": np.stack([person.uncertainty for person in localized.points]),
        "pose": fitted.pose,
        "betas": fitted.betas,
        "translation": fitted.translation,
        "scale": np.ones(count),
        "fit_error": fitted.error,
        "crop": np.array([person.frame.row for person in people]),
    }

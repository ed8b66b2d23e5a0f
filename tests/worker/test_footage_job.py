# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage in, take out: which frames, which camera, which folder; what bad sources give."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nlf_blender.body.conventions import BLENDER_FROM_CAMERA
from nlf_blender.errors import UserError
from nlf_blender.protocol.cameras import CameraMotion, read_cameras, write_cameras
from nlf_blender.protocol.messages import FOOTAGE
from nlf_blender.protocol.motion_files import read_motion
from nlf_blender.protocol.rows import read_chunk, read_rows
from nlf_blender.protocol.solution import PREVIEW_FOLDER, read_solution
from nlf_blender.protocol.take import PHOTO, SEQUENCE, UNFINISHED, VIDEO, WHOLE, read_info
from nlf_blender.worker.footage.cameras import FrameCameras
from nlf_blender.worker.footage.job import localize_footage
from nlf_blender.worker.footage.plan import FramePlan, chunk_frames
from nlf_blender.worker.localize_job import localize_sources
from nlf_blender.worker.media.source import open_footage
from nlf_blender.worker.progress import WAITING, Cancelled, Progress
from tests.footage_files import HEIGHT, WIDTH, cut_short, frame_picture, write_sequence, write_video
from tests.worker.footage_fakes import CPU, DEPTH, DiscEngine

FRAMES = 70
CHUNK = 32


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disc that walks to the right."""
    return write_video(tmp_path_factory.mktemp("clip") / "walk.mp4", FRAMES)


class Told:
    """What a job told."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int, int]] = []
        self.previews: list[tuple[int, int]] = []
        self.progress = Progress(self._step, on_preview=self._preview)

    def _step(self, stage: str, done: int, total: int, people: int, _left: float | None) -> None:
        self.steps.append((stage, done, total, people))

    def _preview(self, take: Path, frames: int) -> None:
        person = read_solution(take, PREVIEW_FOLDER).people[0]
        motion = read_motion(take / PREVIEW_FOLDER / person.file)
        self.previews.append((frames, len(motion["frame"])))


@pytest.fixture(scope="module")
def told() -> Told:
    """What the job of `take` told."""
    return Told()


@pytest.fixture(scope="module")
def take(clip: Path, told: Told, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The take of the clip."""
    return localize_footage(clip, tmp_path_factory.mktemp("out"), CPU, DiscEngine(), told.progress)


def frames_of(take: Path) -> list[int]:
    """All frames that a take's chunks list."""
    info = read_info(take)
    parts = [read_chunk(take, chunk, ("frames",))["frames"] for chunk in info.chunks]
    return np.concatenate(parts).tolist()


def test_a_take_has_every_frame_in_chunks_of_a_length(take: Path, clip: Path) -> None:
    info = read_info(take)
    assert take.name == "walk.take"
    assert (info.state, info.source.kind, info.source.frame_count) == (WHOLE, VIDEO, FRAMES)
    assert info.source.path == str(clip)
    assert [chunk.frames for chunk in info.chunks] == [CHUNK, CHUNK, FRAMES - 2 * CHUNK]
    assert frames_of(take) == list(range(FRAMES))
    rows = read_rows(take, info.chunks, ("frame", "timestamp", "track", "crop"))
    assert rows["frame"].tolist() == list(range(FRAMES))
    assert rows["timestamp"] == pytest.approx(np.arange(FRAMES) / 24)
    assert set(rows["track"].tolist()) == {0}
    assert rows["crop"][:, 0] == pytest.approx(20.5 + np.arange(FRAMES), abs=2.0)
    names = {path.name for path in take.iterdir()}
    assert {"lock", "body.npz", "solution", "thumbs"} <= names
    assert not names & {PREVIEW_FOLDER, "display.mp4", "cameras.npz"}
    assert [path.name for path in (take / "thumbs").iterdir()] == ["00000.jpg"]


def test_its_motion_is_cleaned_up(take: Path) -> None:
    (person,) = read_solution(take).people
    assert person.kept
    assert person.sightings == FRAMES
    assert person.thumbnail


def test_it_tells_how_far_it_is_and_shows_previews(take: Path, told: Told) -> None:
    assert take.exists()
    done = [(done, total) for stage, done, total, _ in told.steps if stage == FOOTAGE]
    assert done[0] == (0, FRAMES)
    assert done[-1] == (FRAMES, FRAMES)
    assert sorted(done) == done
    assert len({done for done, _ in done}) > 60
    assert sum(done == 0 for done, _ in done) < 4  # it moves while people are looked for, too
    assert told.steps[-1][3] == 1
    assert told.previews[0] == (CHUNK, CHUNK)
    assert all(frames == length for frames, length in told.previews)
    assert told.progress.seconds[WAITING] < told.progress.seconds[FOOTAGE]


def test_a_take_of_the_same_clip_stands_beside_a_whole_one(take: Path, clip: Path) -> None:
    settings = replace(CPU, last_frame=4)
    before = (take / "take.json").read_bytes()
    again = localize_footage(clip, take.parent, settings, DiscEngine(), Progress())
    assert again.name == "walk-2.take"
    assert (take / "take.json").read_bytes() == before


def test_a_range_and_a_step(clip: Path, tmp_path: Path) -> None:
    settings = replace(CPU, first_frame=10, last_frame=40, step=3)
    take = localize_footage(clip, tmp_path, settings, DiscEngine(), Progress())
    source = read_info(take).source
    assert frames_of(take) == list(range(10, 41, 3))
    assert (source.first_frame, source.step, source.frame_count) == (10, 3, 11)
    rows = read_rows(take, read_info(take).chunks, ("timestamp", "track"))
    assert rows["timestamp"] == pytest.approx(np.arange(10, 41, 3) / 24)
    assert set(rows["track"].tolist()) == {0}


@pytest.mark.parametrize(("first", "last"), [(FRAMES, None), (0, FRAMES), (5000, 6000)])
def test_a_range_beyond_the_end_is_refused(
    clip: Path, tmp_path: Path, first: int, last: int | None
) -> None:
    settings = replace(CPU, first_frame=first, last_frame=last)
    with pytest.raises(UserError, match="No such frames"):
        localize_footage(clip, tmp_path / "out", settings, DiscEngine(), Progress())
    assert not (tmp_path / "out").exists()


def test_boxes_are_of_photos(clip: Path, tmp_path: Path) -> None:
    settings = replace(CPU, boxes=((clip.name, ((1.0, 2.0, 30.0, 40.0),)),))
    with pytest.raises(UserError, match="Boxes of footage"):
        localize_footage(clip, tmp_path / "out", settings, DiscEngine(), Progress())
    assert not (tmp_path / "out").exists()


def test_nobody_leaves_nothing(tmp_path: Path) -> None:
    grey = [np.full((HEIGHT, WIDTH, 3), 128, np.uint8)] * 5
    clip = write_video(tmp_path / "wall.mp4", grey)
    with pytest.raises(UserError, match="Nobody found"):
        localize_footage(clip, tmp_path / "out", CPU, DiscEngine(), Progress())
    assert not list((tmp_path / "out").iterdir())


def test_the_readable_half_of_a_broken_file_is_localized(tmp_path: Path) -> None:
    options = {"movflags": "frag_keyframe+empty_moov"}
    clip = write_video(tmp_path / "broken.mp4", FRAMES, container_options=options)
    cut_short(clip, 0.5)
    take = localize_footage(clip, tmp_path, CPU, DiscEngine(), Progress())
    info = read_info(take)
    count = len(frames_of(take))
    assert 10 < count < FRAMES
    assert (info.state, info.source.frame_count) == (WHOLE, count)
    assert read_solution(take).people[0].sightings == count
    assert any(note.startswith(f"Localized up to frame {count - 1}. ") for note in info.notes)


def test_a_person_in_one_frame_only(tmp_path: Path) -> None:
    grey = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    pictures = [frame_picture(5) if number == 5 else grey for number in range(10)]
    clip = write_video(tmp_path / "glimpse.mp4", pictures)
    take = localize_footage(clip, tmp_path, CPU, DiscEngine(), Progress())
    (chunk,) = read_info(take).chunks
    assert (chunk.rows, chunk.frames) == (1, 10)
    assert [person.sightings for person in read_solution(take).people] == [1]


def test_a_sequence_with_a_hole(tmp_path: Path) -> None:
    numbers = [n for n in range(101, 121) if n != 110]
    write_sequence(tmp_path / "shots", numbers)
    settings = replace(CPU, fps=25.0)
    take = localize_footage(tmp_path / "shots", tmp_path, settings, DiscEngine(), Progress())
    info = read_info(take)
    assert take.name == "shot.take"
    assert (info.source.kind, info.source.number, info.source.fps) == (SEQUENCE, 101, 25.0)
    assert frames_of(take) == [n - 101 for n in numbers]
    assert info.source.frame_count == 20
    assert any("1 of 20 frames" in note for note in info.notes)


def test_photos_and_footage_in_one_job(clip: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(frame_picture(3)).save(photo)
    gone = tmp_path / "gone.mp4"
    settings = replace(CPU, last_frame=3)
    outcome = localize_sources(
        [photo, gone, clip], tmp_path / "out", settings, DiscEngine(), Progress()
    )
    assert [read_info(take).source.kind for take in outcome.takes] == [PHOTO, VIDEO]
    assert [(path.name, error.title) for path, error in outcome.failures] == [
        ("gone.mp4", "No such footage")
    ]


def test_the_lens_is_the_users(clip: Path, tmp_path: Path) -> None:
    engine = DiscEngine()
    settings = replace(CPU, last_frame=2, focal_px=300.0, distortion=(0.1, 0.01, 0.0, 0.0, 0.0))
    take = localize_footage(clip, tmp_path, settings, engine, Progress())
    camera = read_info(take).camera
    assert (camera.matrix()[0, 0], camera.distortion) == (300.0, settings.distortion)
    assert engine.localizer.cameras[0].distortion.tolist() == list(settings.distortion)


def test_a_camera_of_other_pictures_is_refused(tmp_path: Path) -> None:
    """Some Blenders do not turn what a phone wants to be turned."""
    turned = write_video(tmp_path / "phone.mp4", 3, rotation=90)
    settings = replace(CPU, intrinsics=(90.0, 0, 47.5, 0, 90.0, 31.5, 0, 0, 1.0))
    with pytest.raises(UserError, match="64x96 of them"):
        localize_footage(
            turned,
            tmp_path,
            replace(settings, camera_size=(WIDTH, HEIGHT)),
            DiscEngine(),
            Progress(),
        )


def moving_camera() -> CameraMotion:
    """A camera that rises, zooms in and rolls by 90 degrees from frame 5 on."""
    frames = np.arange(3, 20)
    matrices = np.tile(np.eye(4), (len(frames), 1, 1))
    matrices[:, :3, :3] = BLENDER_FROM_CAMERA
    matrices[:, 2, 3] = 0.1 * frames
    roll = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    matrices[2:, :3, :3] = BLENDER_FROM_CAMERA @ roll
    lenses = np.tile(np.eye(3), (len(frames), 1, 1))
    lenses[:, 0, 0] = lenses[:, 1, 1] = 100.0 + 10 * frames
    lenses[:, :2, 2] = [(WIDTH - 1) / 2, (HEIGHT - 1) / 2]
    return CameraMotion(frames, lenses, matrices)


def test_a_solved_camera_moves_and_zooms_with_the_frames(clip: Path, tmp_path: Path) -> None:
    write_cameras(tmp_path / "solved.npz", moving_camera())
    engine = DiscEngine()
    settings = replace(
        CPU, first_frame=4, last_frame=9, cameras=str(tmp_path / "solved.npz"), step=5
    )
    take = localize_footage(clip, tmp_path / "out", settings, engine, Progress())
    info = read_info(take)
    assert (info.camera.origin, info.camera.motion) == ("solved", "cameras.npz")
    assert info.camera.matrix()[0, 0] == 140.0
    assert [camera.intrinsics[0, 0] for camera in engine.localizer.cameras] == [140.0, 190.0]
    up, rolled = (camera.up for camera in engine.localizer.cameras)
    assert up == pytest.approx([0, -1, 0])
    assert rolled == pytest.approx([-1, 0, 0])
    assert np.array_equal(read_cameras(take / "cameras.npz").frames, moving_camera().frames)
    (person,) = read_solution(take).people
    motion = read_motion(take / "solution" / person.file)
    assert motion["root"][0, 1] == pytest.approx(DEPTH, abs=0.6)


def test_frames_without_a_solved_camera_are_refused(clip: Path, tmp_path: Path) -> None:
    write_cameras(tmp_path / "solved.npz", moving_camera())
    settings = replace(CPU, cameras=str(tmp_path / "solved.npz"))
    with pytest.raises(UserError, match="No camera for these frames"):
        localize_footage(clip, tmp_path / "out", settings, DiscEngine(), Progress())


def variable_clip(path: Path) -> np.ndarray:
    """A clip whose pictures come and stay as a phone's do; their times in frames at 30 a second,
    which is how Blender counts them."""
    places = np.array([0, 1, 2, 4, 5, 6, 9, 10, 11, 12, 13, 16, 17, 18, 19.0])
    write_video(path, times=(places / 30).tolist())
    return places


def test_a_solved_camera_by_blenders_count_is_taken_by_time(tmp_path: Path) -> None:
    places = variable_clip(tmp_path / "phone.mp4")
    lenses = np.tile(np.eye(3), (40, 1, 1))
    lenses[:, 0, 0] = lenses[:, 1, 1] = 100.0 + np.arange(40)
    still = np.tile(np.eye(4), (40, 1, 1))
    still[:, :3, :3] = BLENDER_FROM_CAMERA
    write_cameras(tmp_path / "solved.npz", CameraMotion(np.arange(40), lenses, still, 30.0))
    settings = replace(CPU, cameras=str(tmp_path / "solved.npz"))
    with open_footage(tmp_path / "phone.mp4") as clip:
        whole = FramePlan.of(clip, settings)
        cameras = FrameCameras.chosen(clip, settings, whole.frames)
        ranged = replace(settings, first_frame=9, last_frame=14, clock=30.0)
        plan = FramePlan.of(clip, ranged)
        beyond = FramePlan.of(clip, replace(ranged, last_frame=39))
        with pytest.raises(UserError, match="No such frames"):
            FramePlan.of(clip, replace(ranged, first_frame=25, last_frame=30))
    focal = [camera.intrinsics[0, 0] for camera in cameras.at(whole.frames)]
    assert focal == (100.0 + places).tolist()
    assert (plan.first, plan.last, beyond.last) == (6, 10, 14)


def test_a_folder_of_the_users_is_never_taken(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "walk.take").mkdir()
    (tmp_path / "walk.take" / "notes.txt").write_text("mine")
    settings = replace(CPU, last_frame=2)
    take = localize_footage(clip, tmp_path, settings, DiscEngine(), Progress())
    assert take.name == "walk-2.take"
    assert [path.name for path in (tmp_path / "walk.take").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("width", "height", "frames"),
    [(640, 360, 32), (1920, 1080, 32), (3840, 2160, 10), (7680, 4320, 4), (40, 30, 32)],
)
def test_chunks_are_as_long_as_their_frames_are_small(width: int, height: int, frames: int) -> None:
    assert chunk_frames(width, height) == frames


def test_an_unfinished_take_says_so(clip: Path, tmp_path: Path) -> None:
    def stop() -> bool:
        return any(tmp_path.glob("walk.take/chunk_00000.npz"))

    with pytest.raises(Cancelled):
        localize_footage(clip, tmp_path, CPU, DiscEngine(), Progress(is_cancelled=stop))
    data = json.loads((tmp_path / "walk.take" / "take.json").read_bytes())
    assert data["state"] == UNFINISHED
    assert data["source"]["frame_count"] == FRAMES

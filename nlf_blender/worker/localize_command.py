# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker localize`: photos and footage in, takes out."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from ..errors import UserError
from ..protocol.messages import FOOTAGE
from ..protocol.settings import LocalizeSettings, parse_boxes
from ..protocol.solve_settings import SolveSettings
from .markers.preset_files import marker_file
from .model_option import add_model_options, device_name, model_settings
from .progress import WAITING, Progress
from .progress_line import ProgressLine, print_error, print_seconds
from .sets_option import add_sets_option
from .solve_options import add_solve_options, solve_settings

EXIT_FAILED = 1


def add_localize_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
) -> None:
    """Make the command known."""
    parser = commands.add_parser("localize", help="photos and footage in, takes out")
    parser.add_argument(
        "sources",
        type=Path,
        nargs="+",
        metavar="SOURCE",
        help="a photo, a video, a folder of numbered images, or a pattern such as shot_####.png",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the takes")
    parser.add_argument(
        "--boxes",
        type=Path,
        help='JSON: {"photo.jpg": [[x0, y0, x1, y1], ...]} in pixels; for one photo its list alone',
    )
    camera = parser.add_mutually_exclusive_group()
    camera.add_argument("--fov", type=float, help="field of view over the larger side, degrees")
    camera.add_argument("--focal-px", type=float, help="focal length in pixels")
    parser.add_argument(
        "--distortion", type=numbers, default=(), metavar="K1,K2,...", help="OpenCV coefficients"
    )
    tta = LocalizeSettings.test_time_augmentations
    parser.add_argument("--tta", type=int, default=tta, help=f"crops per person (default {tta})")
    parser.add_argument("--max-people", type=int, default=LocalizeSettings.max_people)
    parser.add_argument("--batch-size", type=int, default=LocalizeSettings.batch_size)
    add_markers_options(parser)
    _add_footage_options(parser)
    add_solve_options(parser)
    add_model_options(parser)
    parser.add_argument(
        "--devices",
        type=devices,
        metavar="D,D,...",
        help="work on several sources at a time, one on each device, such as cuda:0,cuda:1",
    )
    parser.set_defaults(run=_localize)


def add_markers_options(parser: argparse.ArgumentParser) -> None:
    """Make the options for point sets known."""
    add_sets_option(parser, "localize these, too: {}")
    parser.add_argument(
        "--keep-features",
        action="store_true",
        help="keep what the network saw, so that further sets need neither source nor network",
    )


def _add_footage_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("footage")
    group.add_argument(
        "--frames", type=frame_range, default=(None, None), metavar="A-B", help="from 0; A- or -B"
    )
    group.add_argument("--step", type=int, default=1, help="every so manieth frame")
    group.add_argument("--fps", type=float, help="frame rate of a sequence")
    group.add_argument(
        "--sequence", action="store_true", help="SOURCE is one image of a numbered sequence"
    )
    group.add_argument("--cameras", type=Path, help="npz: the solved camera of every frame")


def numbers(text: str) -> tuple[float, ...]:
    """Numbers with commas between them."""
    return tuple(float(part) for part in text.split(","))


def frame_range(text: str) -> tuple[int | None, int | None]:
    """First and last frame of "A-B", "A-", "-B" or "A"."""
    found = re.fullmatch(r"(\d*)(-?)(\d*)", text)
    if not found or not text.strip("-"):
        raise argparse.ArgumentTypeError(f"'{text}' is no range of frames such as 10-99")
    first, dash, last = found.groups()
    last = last if dash else first
    return (int(first) if first else None), (int(last) if last else None)


def devices(text: str) -> tuple[str, ...]:
    """Devices with commas between them."""
    return tuple(device_name(part) for part in text.split(","))


def localize_settings(options: argparse.Namespace) -> LocalizeSettings:
    """The settings that were asked for. UserError if one is wrong."""
    first, last = options.frames
    return LocalizeSettings(
        **model_settings(options),
        fov_degrees=options.fov,
        focal_px=options.focal_px,
        distortion=options.distortion,
        test_time_augmentations=options.tta,
        max_people=options.max_people,
        batch_size=options.batch_size,
        boxes=read_boxes(options.boxes, options.sources) if options.boxes else (),
        sequence=options.sequence,
        first_frame=first,
        last_frame=last,
        step=options.step,
        fps=options.fps,
        cameras=str(options.cameras or ""),
        solve=solve_settings(options, SolveSettings()),
        sets=tuple(str(marker_file(text).resolve()) for text in options.markers),
        keep_features=options.keep_features,
    )


def _localize(options: argparse.Namespace) -> int:
    settings = localize_settings(options)
    if options.devices:
        from .footage.parallel import localize_parallel

        outcome = localize_parallel(options.sources, options.out, settings, options.devices)
        seconds: dict[str, float] = {}
    else:
        from .engine import Engine
        from .localize_job import localize_sources

        progress = Progress(listener=ProgressLine().show)
        outcome = localize_sources(options.sources, options.out, settings, Engine(), progress)
        seconds = progress.seconds
    for take in outcome.takes:
        print(take)
    for source, error in outcome.failures:
        if len(options.sources) > 1:
            print(f"{source}:", file=sys.stderr)
        print_error(error)
    if seconds:
        print_seconds(seconds)
    _print_waiting(seconds)
    return EXIT_FAILED if outcome.failures else 0


def _print_waiting(seconds: dict[str, float]) -> None:
    """Show for which share of the time the device waited for frames."""
    if seconds.get(FOOTAGE):
        share = seconds.get(WAITING, 0.0) / seconds[FOOTAGE]
        print(f"waited for frames for {share:.1%} of {FOOTAGE}", file=sys.stderr)


def read_boxes(path: Path, photos: list[Path]) -> tuple:
    """Boxes of photos from a JSON file. UserError with the right form if it has another."""
    try:
        data = json.loads(path.read_bytes())
        if isinstance(data, list) and len(photos) == 1:
            data = {photos[0].name: data}
        return parse_boxes(data)
    except (OSError, ValueError) as error:
        raise UserError(
            "Boxes not readable",
            f"{path}: {error}.",
            'Write them as {"photo.jpg": [[x0, y0, x1, y1]]} with numbers in pixels.',
        ) from error

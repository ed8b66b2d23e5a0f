# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's command line: for Blender (`serve`), and for people, farms and tests."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..protocol.settings import DEVICES, LocalizeSettings, parse_boxes
from .body_option import add_body_options, body_name
from .convert_command import add_convert_command
from .convert_model_command import add_convert_model_command
from .environment_check import check, incomplete
from .inspect_command import add_inspect_command
from .model_option import add_model_data_option, add_trust_option
from .progress import Cancelled, Progress
from .progress_line import ProgressLine, print_error, print_seconds
from .register_command import add_register_command

EXIT_FAILED = 1
EXIT_CANCELLED = 130


def main(arguments: list[str]) -> int:
    """Run one command. Returns the exit status: 0, EXIT_FAILED or EXIT_CANCELLED."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except UserError as error:
        print_error(error)
        return EXIT_FAILED
    except ImportError as error:
        print_error(incomplete(error))
        return EXIT_FAILED
    except (Cancelled, KeyboardInterrupt):
        print("cancelled", file=sys.stderr)
        return EXIT_CANCELLED


def _parser() -> argparse.ArgumentParser:
    description = "Localize people in photos; fit bodies to scans."
    parser = argparse.ArgumentParser(prog="worker", description=description)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve Blender (commands on standard input)")
    serve.add_argument("--session", type=Path, required=True, help="folder for events")
    serve.set_defaults(run=_serve)
    check = commands.add_parser("check", help="print what works here, as one line of JSON")
    _add_model_options(check)
    check.set_defaults(run=_check)
    localize = commands.add_parser("localize", help="photos in, takes out")
    localize.add_argument("photos", type=Path, nargs="+", metavar="PHOTO")
    localize.add_argument("--out", type=Path, required=True, help="folder for the takes")
    localize.add_argument(
        "--boxes",
        type=Path,
        help='JSON: {"photo.jpg": [[x0, y0, x1, y1], ...]} in pixels; for one photo its list alone',
    )
    camera = localize.add_mutually_exclusive_group()
    camera.add_argument("--fov", type=float, help="field of view over the larger side, degrees")
    camera.add_argument("--focal-px", type=float, help="focal length in pixels")
    tta = LocalizeSettings.test_time_augmentations
    localize.add_argument("--tta", type=int, default=tta, help=f"crops per person (default {tta})")
    localize.add_argument("--max-people", type=int, default=LocalizeSettings.max_people)
    localize.add_argument("--batch-size", type=int, default=LocalizeSettings.batch_size)
    _add_model_options(localize)
    localize.set_defaults(run=_localize)
    add_register_command(commands)
    add_convert_command(commands)
    add_inspect_command(commands)
    add_convert_model_command(commands)
    return parser


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="default", help="default, or a checkpoint's path")
    add_model_data_option(parser)
    add_trust_option(parser)
    add_body_options(parser)
    parser.add_argument("--device", default="auto", choices=DEVICES)


def model_settings(options: argparse.Namespace) -> dict[str, Any]:
    """What `_add_model_options` asked for, as fields of LocalizeSettings."""
    return {
        "model": options.model,
        "model_data": str(options.model_data or ""),
        "trusted": tuple(options.trust),
        "body": body_name(options),
        "device": options.device,
    }


def _serve(options: argparse.Namespace) -> int:
    from .serve import serve

    return serve(options.session)


def _check(options: argparse.Namespace) -> int:
    settings = LocalizeSettings(**model_settings(options))
    items = check(settings)
    print(json.dumps({"items": items}))
    return 0 if all(item["ok"] for item in items) else EXIT_FAILED


def _localize(options: argparse.Namespace) -> int:
    settings = LocalizeSettings(
        **model_settings(options),
        fov_degrees=options.fov,
        focal_px=options.focal_px,
        test_time_augmentations=options.tta,
        max_people=options.max_people,
        batch_size=options.batch_size,
        boxes=read_boxes(options.boxes, options.photos) if options.boxes else (),
    )
    from . import pipeline
    from .engine import Engine

    progress = Progress(listener=ProgressLine().show)
    outcome = pipeline.localize_photos(options.photos, options.out, settings, Engine(), progress)
    for take in outcome.takes:
        print(take)
    for _, error in outcome.failures:
        print_error(error)
    print_seconds(progress.seconds)
    return EXIT_FAILED if outcome.failures else 0


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

# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker evaluate`: how good a model is on pictures with truth."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..errors import UserError
from ..protocol.files import write_whole
from ..protocol.json_fields import Json
from ..protocol.settings import LocalizeSettings
from .model_option import add_model_options, model_settings

EXIT_FAILED = 1
EXIT_CANCELLED = 130
STANDARD_OUTPUT = "-"


def add_evaluate_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Make the command known."""
    parser = commands.add_parser("evaluate", help="how good a model is on pictures with truth")
    parser.add_argument(
        "set", type=Path, metavar="SET", help="a folder with set.json or dataset.json, or set.json"
    )
    parser.add_argument(
        "--json",
        nargs="?",
        const=STANDARD_OUTPUT,
        metavar="FILE",
        help="write all figures into this file; without FILE, to the standard output",
    )
    parser.add_argument(
        "--boxes-from-detector", action="store_true", help="find people even where boxes are given"
    )
    parser.add_argument(
        "--landmark-frames",
        action="store_true",
        help="no first look of the localizer at people whom landmarks do not tell how to frame",
    )
    parser.add_argument("--peer", choices=("blazepose",), help="its figures on the same items")
    parser.add_argument("--strict", action="store_true", help="fail if any item cannot be used")
    tta = LocalizeSettings.test_time_augmentations
    parser.add_argument(
        "--variations", type=_count, default=tta, metavar="N", help=f"per person (default {tta})"
    )
    parser.add_argument("--batch-size", type=_count, default=LocalizeSettings.batch_size)
    parser.add_argument("--limit", type=_count, metavar="N", help="the first N items only")
    parser.add_argument("--max-people", type=_count, default=50, help="that are found per item")
    add_model_options(parser)
    parser.set_defaults(run=_evaluate)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 on")
    return int(text)


def _evaluate(options: argparse.Namespace) -> int:
    from .engine import Engine
    from .evaluation.evaluate import evaluate
    from .evaluation.found import RunOptions
    from .evaluation.report import report_lines
    from .evaluation.sources import open_source
    from .progress import Progress
    from .progress_line import ProgressLine, print_seconds

    _check_target(options.json)
    source = open_source(options.set, options.limit)
    models = Engine().models(LocalizeSettings(**model_settings(options)))
    progress = Progress(listener=ProgressLine().show)
    run = RunOptions(
        variations=options.variations,
        batch_size=options.batch_size,
        max_people=options.max_people,
        from_detector=options.boxes_from_detector,
        landmark_frames=options.landmark_frames,
    )
    outcome = evaluate(source, models, run, progress, options.peer)
    result = outcome.to_json()
    try:
        _write_json(result, options.json)
    finally:
        to_output = options.json == STANDARD_OUTPUT
        print("\n".join(report_lines(result)), file=sys.stderr if to_output else sys.stdout)
    print_seconds(outcome.seconds)
    if outcome.cancelled:
        return EXIT_CANCELLED
    return EXIT_FAILED if not outcome.evaluated or (options.strict and outcome.skipped) else 0


def _write_json(result: Json, target: str | None) -> None:
    """Write an evaluation's JSON where --json says. UserError if that fails."""
    text = json.dumps(result, indent=1, allow_nan=False)
    if target == STANDARD_OUTPUT:
        print(text)
    elif target is not None:
        try:
            write_whole(Path(target), text.encode())
        except OSError as error:
            raise UserError(
                "Figures not written",
                f"{target} cannot be written: {error}.",
                "Name another file for --json, or make room on the disk.",
            ) from error


def _check_target(target: str | None) -> None:
    """UserError if the JSON has nowhere to go, before hours are spent on it."""
    if target is None or target == STANDARD_OUTPUT:
        return
    path = Path(target).absolute()
    if path.is_dir() or not path.parent.is_dir():
        problem = "it is a folder" if path.is_dir() else "its folder does not exist"
        raise UserError(
            "Nowhere to write",
            f"{target} cannot be written: {problem}.",
            "Name a file in a folder that is there for --json.",
        )

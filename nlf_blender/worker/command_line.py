# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's command line: for Blender (`serve`), and for people, farms and tests."""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path

from ..errors import UserError
from ..protocol.settings import LocalizeSettings
from .environment_check import check, incomplete
from .model_option import add_model_options, model_settings
from .progress import Cancelled
from .progress_line import print_error

EXIT_FAILED = 1
EXIT_CANCELLED = 130


def main(arguments: list[str]) -> int:
    """Run one command. Returns the exit status: 0, EXIT_FAILED or EXIT_CANCELLED."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may hold what it cannot encode
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        options = _parser().parse_args(arguments)
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
    # here, so that a Python without numpy gets an answer that helps
    from .canonical_command import add_canonical_command
    from .convert_command import add_convert_command
    from .convert_model_command import add_convert_model_command
    from .evaluate_command import add_evaluate_command
    from .export_command import add_export_commands
    from .inspect_command import add_inspect_command
    from .localize_command import add_localize_command
    from .markers_command import add_markers_commands
    from .register_command import add_register_command
    from .report_command import add_report_command
    from .solve_command import add_solve_commands
    from .training.command import add_train_commands

    description = "Localize people in photos and footage; fit bodies to scans."
    parser = argparse.ArgumentParser(prog="worker", description=description)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve Blender (commands on standard input)")
    serve.add_argument("--session", type=Path, required=True, help="folder for events")
    serve.set_defaults(run=_serve)
    check = commands.add_parser("check", help="print what works here, as one line of JSON")
    add_model_options(check)
    check.set_defaults(run=_check)
    add_localize_command(commands)
    add_solve_commands(commands)
    add_report_command(commands)
    add_export_commands(commands)
    add_register_command(commands)
    add_convert_command(commands)
    add_inspect_command(commands)
    add_markers_commands(commands)
    add_canonical_command(commands)
    add_convert_model_command(commands)
    add_evaluate_command(commands)
    add_train_commands(commands)
    return parser


def _serve(options: argparse.Namespace) -> int:
    from .serve import serve

    return serve(options.session)


def _check(options: argparse.Namespace) -> int:
    settings = LocalizeSettings(**model_settings(options))
    items = check(settings)
    print(json.dumps({"items": items}))
    return 0 if all(item["ok"] for item in items) else EXIT_FAILED

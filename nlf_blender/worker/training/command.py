# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker train`: everything from annotated pictures to a model file."""

from __future__ import annotations

import argparse
from types import ModuleType


def add_train_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Make the commands known. Their modules load what they need, torch for one, when they run."""
    from .loop import run_command

    parser = commands.add_parser("train", help="make data, train a model, export it")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    _add(actions, "run", run_command, "train a model as a file of settings says")


def _add(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    module: ModuleType,
    text: str,
) -> None:
    """One command: its module has `add_arguments(parser)` and `run(options)`, its exit status."""
    action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    module.add_arguments(action)
    action.set_defaults(run=module.run)

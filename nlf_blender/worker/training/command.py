# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker train`: everything from annotated pictures to a model file."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence

# Each module has `add_arguments(parser)` and `run(options)`, which returns the exit status.
MODULES = {
    "wardrobe": ("synthetic.wardrobe.command", "clothes and hair for synthetic people"),
    "poses": ("synthetic.poses_command", "a library of poses from motion capture"),
    "render": ("synthetic.render_command", "a set of synthetic people, with truth"),
    "import": ("datasets.import_command", "a public dataset's files into a set"),
    "inspect": ("datasets.inspect_command", "what a set holds, and what of it is broken"),
    "features": ("loop.features_command", "cache what a frozen backbone says about crops"),
    "run": ("loop.run_command", "train a model as a file of settings says"),
    "ablation": ("recipes.ablation_command", "the paper's comparisons on synthetic people"),
    "default-model": ("recipes.default_model_command", "the model that ships, from nothing"),
    "export": ("loop.export_command", "a run's model as one file for the extension"),
}


class ModuleParser(argparse.ArgumentParser):
    """The parser of a command, whose module is only loaded when the command is called: it may need
    packages, torch for one, that the worker's other commands do without."""

    module = ""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Add the options, then parse."""
        if self.module:
            found = importlib.import_module(f".{self.module}", __package__)
            found.add_arguments(self)
            self.set_defaults(run=found.run)
            self.module = ""
        return super().parse_known_args(args, namespace)


def add_train_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Make the commands known."""
    parser = commands.add_parser("train", help="make data, train a model, export it")
    actions = parser.add_subparsers(required=True, metavar="ACTION", parser_class=ModuleParser)
    for name, (module, text) in MODULES.items():
        action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        action.module = module

# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker train ablation`: one of the paper's comparisons, on synthetic people."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..loop.run_command import add_machine_options, set_machine

TOPICS = {"encodings": "positional encoding", "losses": "loss", "data": "annotation"}


LEAST = {"crops": 1, "held_out_crops": 1, "steps": 1, "seeds": 1, "workers": 0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("topic", choices=TOPICS, help="what is compared")
    parser.add_argument("--work", type=Path, required=True, help="folder for all between")
    parser.add_argument("--set", type=Path, help="dataset to train on (default: rendered)")
    parser.add_argument("--held-out", type=Path, help="dataset to try on (default: rendered)")
    parser.add_argument("--crops", type=int, default=1200, help="that are trained on")
    parser.add_argument("--held-out-crops", type=int, default=300)
    parser.add_argument("--steps", type=int, default=400, help="of each training")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each variant")
    parser.add_argument("--wardrobe", type=Path, help="of what is rendered (`train wardrobe`)")
    parser.add_argument("--motions", type=Path, nargs="+", default=[], help="likewise")
    parser.add_argument("--workers", type=int, default=1, help="processes that make crops")
    add_machine_options(parser)


def run(options: argparse.Namespace) -> int:
    """Train, then print the table; it and all figures are also written into --work."""
    from ....protocol.files import write_whole
    from .ablation_settings import ablation_settings
    from .ablation_table import table_lines
    from .ablations import run_ablation
    from .counts import require_counts

    require_counts(options, LEAST)
    device = set_machine(options)
    settings = ablation_settings(options, device)
    results = run_ablation(options.topic, settings, options.work, options.seeds, device)
    data = {
        "topic": options.topic,
        "steps": options.steps,
        "crops": options.crops,
        "seeds": options.seeds,
        "results": results,
    }
    lines = table_lines(TOPICS[options.topic], results)
    write_whole(options.work / f"{options.topic}.json", json.dumps(data, indent=1).encode())
    write_whole(options.work / f"{options.topic}.md", ("\n".join(lines) + "\n").encode())
    print("\n".join(lines))
    return 0

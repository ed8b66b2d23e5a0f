# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparisons as tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Name in the figures, heading, digits.
COLUMNS = (
    ("limbs_p_mm", "P-MPJPE, 12 joints (mm)", 1),
    ("points_mm", "points about their mean (mm)", 1),
    ("points_p_mm", "points after Procrustes (mm)", 1),
    ("box_percent", "2D error (% of the box)", 2),
    ("uncertainty_pearson", "uncertainty, linear correlation", 3),
    ("uncertainty_spearman", "uncertainty, rank correlation", 3),
)


def table_lines(heading: str, results: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table with a row per result, as `ablations.run_ablation` gives them."""
    lines = [
        f"| {heading} | " + " | ".join(title for _, title, _ in COLUMNS) + " |",
        "| --- " * (len(COLUMNS) + 1) + "|",
    ]
    for result in results:
        cells = [_cell(result, name, digits) for name, _, digits in COLUMNS]
        lines.append(f"| {result['name']} | " + " | ".join(cells) + " |")
    return lines


def _cell(result: Mapping[str, Any], name: str, digits: int) -> str:
    if name not in result["mean"]:
        return ""
    text = f"{result['mean'][name]:.{digits}f}"
    spread = result.get("standard_deviation")
    return text if spread is None else f"{text} ± {spread[name]:.{digits}f}"

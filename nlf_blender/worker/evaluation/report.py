# SPDX-License-Identifier: GPL-3.0-or-later
"""An evaluation for people to read."""

from __future__ import annotations

from ...protocol.json_fields import Json, as_list, as_object
from .summary import METRICS

NAMED = 20  # skipped items, notes and missed people that are named; the JSON has them all
JOINT_COLUMNS = {"mpjpe": "MPJPE, mm", "p_mpjpe": "P-MPJPE, mm", "error_2d": "2D, % of box"}


def report_lines(result: Json) -> list[str]:
    """The evaluation's JSON (Evaluation.to_json) as lines: metrics, people, uncertainty, joints,
    the peer, and what was left out."""
    model = as_object(result["model"], "model")
    items = as_object(result["items"], "items")
    lines = [
        f"{model['name']} on {result['set']}: "
        f"{items['evaluated']} of {items['all']} items"
        + (" (cancelled)" if result["cancelled"] else ""),
        "",
        *_metric_lines(as_object(result["metrics"], "metrics")),
        "",
        _people_line("people", as_object(result["people"], "people")),
    ]
    for what, value in as_object(result["uncertainty"], "uncertainty").items():
        lines.append(_uncertainty_line(what, as_object(value, what)))
    if "peer" in result:
        lines += ["", *_peer_lines(as_object(result["peer"], "peer"))]
    seen = [as_object(band, "by_seen") for band in as_list(result["by_seen"], "by_seen")]
    if seen:
        lines += ["", *_seen_lines(seen)]
    joints = as_object(result["joints"], "joints")
    if joints:
        lines += ["", *_joint_lines(joints)]
    skipped = [
        f"{entry['item']}: {entry['reason']}"
        for entry in (as_object(one, "skipped") for one in as_list(items["skipped"], "skipped"))
    ]
    lines += _named("skipped", skipped)
    lines += _named("note", [str(note) for note in as_list(items["notes"], "notes")])
    people = as_object(result["people"], "people")
    missed = [str(who) for who in as_list(people["missed_people"], "missed_people")]
    return [*lines, *_named("missed", missed)]


def _metric_lines(metrics: Json) -> list[str]:
    if not metrics:
        return ["nothing was measured"]
    lines = [f"{'':<26}{'mean':>9}    {'95 % interval':<18}{'people':>7}"]
    for metric, (title, unit, _) in METRICS.items():
        if metric in metrics:
            entry = as_object(metrics[metric], metric)
            interval = as_list(entry.get("interval_95", []), "interval_95")
            between = " to ".join(f"{value:.1f}" for value in interval)
            lines.append(
                f"{title:<26}{entry['mean']:>9.1f} {unit:<2} {between:<18}{entry['people']:>7}"
            )
    return lines


def _people_line(what: str, people: Json) -> str:
    return (
        f"{what}: {people['expected']} expected, {people['found']} found, "
        f"{people['missed']} missed, {people['false']} false"
    )


def _uncertainty_line(what: str, entry: Json) -> str:
    pearson, spearman = (
        "unknown" if entry[name] is None else f"{entry[name]:.2f}"
        for name in ("pearson", "spearman")
    )
    return (
        f"uncertainty of {what}: correlates with error at {pearson} (Pearson), {spearman} "
        f"(Spearman); stated {entry['mean_stated_mm']:.0f} mm, true {entry['mean_error_mm']:.0f} mm"
    )


def _peer_lines(peer: Json) -> list[str]:
    name = peer["name"]
    lines = [_people_line(str(name), as_object(peer["people"], "people"))]
    ours = as_object(peer["model_on_people_found_by_both"], "model_on_people_found_by_both")
    for metric, value in as_object(peer["metrics"], "metrics").items():
        entry, own = as_object(value, metric), as_object(ours.get(metric, {}), metric)
        title, unit, _ = METRICS[metric]
        line = f"{name}: {title} {entry['mean']:.1f} {unit} ({entry['people']} people)"
        if own:
            line += f", the model's of those whom both found {own['mean']:.1f} {unit}"
        lines.append(line)
    alone = as_list(peer["found_by_it_alone"], "found_by_it_alone")
    return [*lines, f"{name}: {len(alone)} found by it alone", *(f"  {who}" for who in alone)]


def _seen_lines(bands: list[Json]) -> list[str]:
    """People by how much of their skin is seen: mean and median of JOINT_COLUMNS' figures."""
    titles = "".join(f"{title:>20}" for title in JOINT_COLUMNS.values())
    lines = [f"{'of the skin is seen':<20}{titles}{'people':>9}   (mean, median)"]
    for band in bands:
        low, high = (round(100 * float(str(band[end]))) for end in ("from", "to"))
        entries = _entries(as_object(band["metrics"], "metrics"))
        cells = [f"{one['mean']:.1f}, {one['median']:.1f}" if one else "-" for one in entries]
        columns = "".join(f"{cell:>20}" for cell in cells)
        lines.append(f"{f'{low} to {high} %':<20}{columns}{band['people']:>9}")
    return lines


def _joint_lines(joints: Json) -> list[str]:
    titles = "".join(f"{title:>14}" for title in JOINT_COLUMNS.values())
    lines = [f"{'joint':<20}{titles}{'people':>9}"]
    for name, value in joints.items():
        entries = _entries(as_object(value, name))
        cells = [f"{one['mean']:.1f}" if one else "-" for one in entries]
        columns = "".join(f"{cell:>14}" for cell in cells)
        people = max(int(str(entry.get("people", 0))) for entry in entries)
        lines.append(f"{name:<20}{columns}{people:>9}")
    return lines


def _entries(figures: Json) -> list[Json]:
    """Those of JOINT_COLUMNS; empty where nothing was measured."""
    return [as_object(figures.get(metric, {}), metric) for metric in JOINT_COLUMNS]


def _named(what: str, texts: list[str]) -> list[str]:
    """The first texts, a line each, under how many there are."""
    if not texts:
        return []
    more = [f"  and {len(texts) - NAMED} more"] if len(texts) > NAMED else []
    return ["", f"{what}: {len(texts)}", *(f"  {text}" for text in texts[:NAMED]), *more]

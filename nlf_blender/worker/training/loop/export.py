# SPDX-License-Identifier: GPL-3.0-or-later
"""A run's averaged model as one native file, with where it comes from and what it reached."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ....errors import UserError
from ....protocol.files import file_sha256
from ....protocol.json_fields import Json
from ...nlf.native_writer import save_native
from ...version import software
from ..model.trained import TrainedLocalizer, build_model
from ..plain_settings import read_settings, settings_text
from .checkpoint import Progress, checkpoints, load_average
from .curves import Table
from .run_file import RunSettings
from .run_folder import CHECKPOINTS, SETTINGS, read_sets, run_catalogue


def export_run(
    folder: Path, target: Path, name: str | None, license: str, size: float = 1.0
) -> None:
    """Write the averaged model of a run's last checkpoint, in half precision. size: what people's
    size comes out as, as a share of the true one, which the file makes up for. UserError if the
    folder holds no checkpoint."""
    model, progress = averaged_model(folder)
    settings = read_settings(RunSettings, folder / SETTINGS)
    localizer = model.to_localizer(name or settings.name, license)
    localizer.heatmap_head.box_size_m = round(localizer.heatmap_head.box_size_m / size, 4)
    notes = {
        "figures": json.dumps({**_figures(folder, progress), "size": round(size, 4)}),
        "provenance": json.dumps(_provenance(folder, progress.step)),
    }
    save_native(localizer, target, half=True, half_field=True, notes=notes)


def averaged_model(folder: Path) -> tuple[TrainedLocalizer, Progress]:
    """The averaged model of a run's last checkpoint, for evaluation, and where the run was.
    UserError if there is none."""
    found = checkpoints(folder / CHECKPOINTS)
    if not found:
        raise UserError(
            "Nothing trained yet",
            f"{folder} holds no checkpoint.",
            "Train it with `worker train run` first.",
        )
    settings = read_settings(RunSettings, folder / SETTINGS)
    model = build_model(settings.model, run_catalogue(folder))
    progress = load_average(found[-1], model)
    return model.eval(), progress


def _figures(folder: Path, progress: Progress) -> dict[str, Json]:
    """What the model reached on held-out crops, by the row of its own step."""
    rows = Table(folder / "curves" / "validation.csv").rows()
    reached = [row for row in rows if row["step"] == progress.step]
    rounded = {name: round(value, 4) for name, value in (reached or [{}])[-1].items()}
    return {"steps": progress.step, "seconds": round(progress.seconds), "held_out": rounded}


def _provenance(folder: Path, steps: int) -> Json:
    """What the model was made with and of, the runs that it started from included."""
    settings = read_settings(RunSettings, folder / SETTINGS)
    return {
        "software": software(),
        "settings_sha256": hashlib.sha256(settings_text(settings).encode()).hexdigest(),
        "crops": steps * settings.data.crops_per_step,
        "sets": [
            {name: item[name] for name in ("name", "license", "weight")}
            for item in read_sets(folder)
        ],
        "start": settings.start and _start(Path(settings.start)),
    }


def _start(path: Path) -> Json:
    """What a run started from: another run, or a file."""
    found = checkpoints(path / CHECKPOINTS)
    if found:
        steps = int(found[-1].stem.removeprefix("step_"))
        return {"run": path.name, "steps": steps, **_provenance(path, steps)}
    return {"file": path.name, "sha256": file_sha256(path) if path.is_file() else None}

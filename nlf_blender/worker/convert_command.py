# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker convert`: a motion of one body model into a motion of another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..protocol.settings import DEVICES
from .progress import Progress
from .progress_line import ProgressLine, print_seconds

if TYPE_CHECKING:
    from .smpl.body_model import BodyModel
    from .smpl.conversion.correspondence import Correspondence
    from .smpl.fitting.fit import Fit

DEFAULT_BETAS = 10
SHARED, PER_FRAME = "shared", "per-frame"


def add_convert_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
) -> None:
    """Make the command known."""
    parser = commands.add_parser("convert", help="a motion of one body into one of another")
    parser.add_argument(
        "motion", type=Path, metavar="MOTION", help="npz with poses, betas and trans, as AMASS's"
    )
    body = "open, or a body file's path"
    parser.add_argument("--from", dest="source", required=True, metavar="BODY", help=body)
    parser.add_argument("--to", dest="target", required=True, metavar="BODY", help=body)
    parser.add_argument("--out", type=Path, required=True, help="npz for the converted motion")
    parser.add_argument(
        "--correspondence",
        type=Path,
        metavar="FILE",
        help="published file for this pair, as smpl2smplx_deftrafo_setup.pkl (default: found anew)",
    )
    parser.add_argument(
        "--shape",
        choices=(SHARED, PER_FRAME),
        default=SHARED,
        help="one shape for the whole motion (default), or one for each frame",
    )
    parser.add_argument(
        "--betas",
        type=int,
        default=DEFAULT_BETAS,
        help=f"shape components of the result (default {DEFAULT_BETAS})",
    )
    parser.add_argument("--device", default="auto", choices=DEVICES)
    parser.set_defaults(run=_convert)


def _convert(options: argparse.Namespace) -> int:
    if options.betas < 1:
        raise UserError("No shape", f"--betas is {options.betas}.", "Give 1 or more.")
    import torch

    from .motion_file import Motion, read_motion, write_motion
    from .smpl.conversion.convert import convert, surface_errors
    from .smpl.fitting.fit import FitSettings

    progress = Progress(listener=ProgressLine().show)
    progress.step("load")
    source, target = _load_bodies(options)
    _check_betas(options, target)
    motion = read_motion(options.motion, source.body)
    progress.step("correspondence")
    correspondence = _correspondence(options, source, target)
    frames, shared = len(motion.pose), options.shape == SHARED
    betas = torch.from_numpy(motion.betas).expand(frames, -1)
    moved = torch.from_numpy(motion.pose), betas, torch.from_numpy(motion.translation)
    groups = torch.zeros(frames, dtype=torch.long) if shared else None
    settings = FitSettings(beta_count=options.betas)
    found = convert(*moved, source, target, correspondence, settings, progress, groups)
    _check_size(found, source, target)
    progress.step("measure")
    mean, worst = surface_errors(*moved, source, target, correspondence, found)
    progress.finish()
    result = Motion(
        found.pose.cpu().numpy(),
        (found.betas[0] if shared else found.betas).cpu().numpy(),
        found.translation.cpu().numpy(),
        motion.kept,
    )
    write_motion(options.out, result, surface_error=mean.cpu().numpy())
    print(options.out)
    print(
        f"{frames} frames; distance of the surfaces: mean {1000 * mean.mean():.1f} mm, worst "
        f"{1000 * worst.max():.1f} mm in frame {int(worst.argmax())}"
    )
    print_seconds(progress.seconds)
    return 0


def _check_betas(options: argparse.Namespace, target: BodyModel) -> None:
    """UserError if more shape components are asked for than the target has."""
    count = target.beta_count
    if options.betas > max(count, DEFAULT_BETAS):
        raise UserError(
            "Not as many shape components",
            f"--betas is {options.betas}, but {options.target} has {count}.",
            f"Give --betas {count} or less.",
        )


def _check_size(found: Fit, source: BodyModel, target: BodyModel) -> None:
    """UserError if the fit had to scale the target, which a motion file cannot hold."""
    if found.rescaled.any():
        raise UserError(
            "Body of another size",
            f"In frame {int(found.rescaled.long().argmax())} {source.body.name} is not of a size "
            f"that {target.body.name} can have.",
            "Check that betas and trans belong to this body and are in metres.",
        )


def _load_bodies(options: argparse.Namespace) -> list[BodyModel]:
    """Source and target, on their device."""
    from .device import select_device
    from .engine import body_path
    from .smpl.body_files import load_body
    from .smpl.body_model import BodyModel
    from .smpl.fitting.fit import fitting_device

    device = fitting_device(select_device(options.device))
    return [
        BodyModel(load_body(body_path(name))).to(device)
        for name in (options.source, options.target)
    ]


def _correspondence(
    options: argparse.Namespace, source: BodyModel, target: BodyModel
) -> Correspondence:
    from .smpl.conversion.correspondence import closest_surface_correspondence, load_correspondence

    if options.correspondence is None:
        return closest_surface_correspondence(source, target.body)
    return load_correspondence(options.correspondence, source.body, target.body)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Registration to a scan on one screen: scan -> points -> fit -> distances -> result folder."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree

from ..body.arrays import Float64Array
from ..protocol import registration as result_format
from ..protocol.files import write_whole
from ..protocol.messages import STARTING
from ..protocol.scan import Scan, file_name
from ..protocol.scan_settings import ScanSettings
from ..protocol.take import BODY_FILE, ModelInfo
from .engine import Engine, LoadedBody
from .progress import Progress
from .scan_files.read import read_scan_file
from .smpl.closest_surface import ClosestSurface
from .smpl.registration import scan as registration_scan
from .smpl.registration.register import RegisterSettings, Registration, register
from .take_writer import final_path, new_result, require_writable
from .version import software


def register_scan(
    path: Path, out: Path, settings: ScanSettings, engine: Engine, progress: Progress
) -> Path:
    """Fit a body to the scan in a file and return the result's folder. UserError if the scan, the
    body, the device or the disk is not usable; Cancelled if the job was."""
    require_writable(out)
    progress.step(STARTING)
    body = engine.body(settings.body)
    progress.step("Reading")
    scan = read_scan_file(path)
    fit = register_near_origin(scan, body, settings, progress)
    progress.step("Writing")
    distances = vertex_distances(fit, body, scan)
    folder = write_result(out, scan, fit, distances, body, settings)
    progress.finish()
    return folder


def register_near_origin(
    scan: Scan, body: LoadedBody, settings: ScanSettings, progress: Progress
) -> Registration:
    """Register to the scan moved to the origin, and move the result back: a surveyor's scan lies so
    far out that float32 would blur it."""
    known = scan.vertices[np.isfinite(scan.vertices).all(axis=1)]
    middle = np.median(known, axis=0) if len(known) else np.zeros(3)
    moved = registration_scan.Scan(scan.vertices - middle, scan.normals, scan.faces)
    fit = register(moved, body.model, register_settings(settings), progress)
    return dataclasses.replace(fit, translation=fit.translation + middle)


def register_settings(settings: ScanSettings) -> RegisterSettings:
    """What the registration is asked for. The body's size is a matter of its shape: only the units
    scale it."""
    return RegisterSettings(
        partial=settings.partial,
        any_orientation=not settings.upright,
        unit_factor=settings.metres_per_unit,
    )


def vertex_distances(fit: Registration, body: LoadedBody, scan: Scan) -> Float64Array:
    """From each vertex of the fitted body to the scan, metres [V].

    To the surface of a mesh; to the nearest point of a cloud, which is up to half the points'
    spacing farther than the surface that they lie on.
    """
    vertices = fitted_vertices(fit, body)
    if scan.faces is not None:
        distances = ClosestSurface(scan.vertices, scan.faces).query(vertices).distances
    else:
        known = scan.vertices[np.isfinite(scan.vertices).all(axis=1)]
        distances, _ = cKDTree(known).query(vertices)
    return distances / fit.scale


def fitted_vertices(fit: Registration, body: LoadedBody) -> Float64Array:
    """The fitted body's vertices [V,3] in the scan's units and axes."""
    pose, betas, offset = (
        torch.as_tensor(array, dtype=torch.float32)[None]
        for array in (fit.pose, fit.betas, np.zeros(3))
    )
    with torch.no_grad():
        posed = body.model(pose, betas, offset).vertices[0].numpy()
    return fit.scale * posed.astype(np.float64) + fit.translation


def write_result(
    out: Path,
    scan: Scan,
    fit: Registration,
    distances: Float64Array,
    body: LoadedBody,
    settings: ScanSettings,
) -> Path:
    """Write the result's folder (protocol/registration.py) and return it."""
    sha256 = scan_sha256(scan)
    with new_result(out, file_name(scan.name), sha256, result_format.LAYOUT) as folder:
        write_whole(folder / BODY_FILE, body.file)
        arrays_sha256 = result_format.write_arrays(
            folder,
            {
                "pose": fit.pose,
                "betas": fit.betas,
                "translation": fit.translation,
                "undetermined": fit.undetermined,
                "vertex_distances": distances,
            },
        )
        names = np.array(body.data.skeleton.joint_names)
        result_format.write_info(
            folder,
            result_format.RegistrationInfo(
                source=scan_info(scan, sha256),
                body=ModelInfo(body.data.name, body.data.sha256, body.data.license),
                settings=settings.to_json(),
                figures=figures(fit),
                undetermined=tuple(names[fit.undetermined].tolist()),
                notes=tuple(f"{note.rstrip('.')}." for note in fit.notes),
                software=software(),
                created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                arrays_sha256=arrays_sha256,
            ),
        )
    return final_path(folder)


def scan_info(scan: Scan, sha256: str) -> result_format.ScanInfo:
    """The scan's entry in registration.json."""
    return result_format.ScanInfo(
        name=scan.name,
        origin=scan.origin,
        sha256=sha256,
        vertices=len(scan.vertices),
        faces=0 if scan.faces is None else len(scan.faces),
    )


def figures(fit: Registration) -> result_format.Figures:
    """The figures' entry in registration.json."""
    return result_format.Figures(
        mean_distance=fit.mean_distance,
        median_distance=fit.median_distance,
        p95_distance=fit.p95_distance,
        scale=fit.scale,
        starts=fit.starts_tried,
        seconds=fit.seconds,
    )


def scan_sha256(scan: Scan) -> str:
    """Hex SHA-256 of the scan's vertices and faces."""
    digest = hashlib.sha256(np.ascontiguousarray(scan.vertices))
    if scan.faces is not None:
        digest.update(np.ascontiguousarray(scan.faces))
    return digest.hexdigest()

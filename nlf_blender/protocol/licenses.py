# SPDX-License-Identifier: GPL-3.0-or-later
"""Licences of published files in words, for files that do not name theirs."""

from __future__ import annotations

OFFICIAL_MODEL = "non-commercial research only (NLF release)"
# SMPL-H comes under SMPL's.
BODIES = {
    "smpl": "non-commercial research only (SMPL model licence)",
    "smplh": "non-commercial research only (SMPL model licence)",
    "smplx": "non-commercial research only (SMPL-X model licence)",
    "star": "non-commercial research only (STAR model licence)",
}

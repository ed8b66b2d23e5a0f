# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers in the scene: canonical bodies, sets that are placed on them, results."""

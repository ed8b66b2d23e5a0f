# SPDX-License-Identifier: GPL-3.0-or-later
"""Canonical points of any body in the space of any model (README.md)."""

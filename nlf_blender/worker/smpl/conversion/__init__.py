# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversion between body models over the surface. README.md explains it."""

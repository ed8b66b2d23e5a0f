# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes of footage in the scene: time, cameras, motion, caches, updates."""

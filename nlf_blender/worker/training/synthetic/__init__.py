# SPDX-License-Identifier: GPL-3.0-or-later
"""Synthetic people: bodies, poses, clothes and scenes, and the renderer that draws them."""

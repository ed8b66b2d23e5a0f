# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames in: photos as upright 8-bit RGB, with what is known about their camera."""

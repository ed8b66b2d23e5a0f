# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames in: photos and footage as upright 8-bit RGB with times; what is known of the camera."""

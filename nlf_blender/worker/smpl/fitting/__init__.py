# SPDX-License-Identifier: GPL-3.0-or-later
"""The fitter: pose, shape, place and scale of a body from points of it. README.md explains it."""

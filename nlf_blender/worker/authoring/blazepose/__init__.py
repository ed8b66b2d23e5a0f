# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the two BlazePose graph files of the assets from the published TFLite files."""

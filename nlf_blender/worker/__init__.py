# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker: images in, a take out. Runs in its own process and never imports bpy."""

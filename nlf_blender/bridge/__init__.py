# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's side of the process boundary: find or make the worker's environment, start the
worker, follow it, cancel it.

Nothing here blocks and nothing here needs a thread or Blender: objects are moved on by calling
their `tick` from a timer, and each tick does a bounded amount of work.
"""

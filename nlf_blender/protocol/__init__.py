# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of both sides of the process boundary: settings, messages, the take on disk.

Blender and the worker import this package, each in its own Python; it needs numpy at most.
"""

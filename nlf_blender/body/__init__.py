# SPDX-License-Identifier: GPL-3.0-or-later
"""The body in numpy: skeleton, rotations, kinematics, axis conventions, body files.

Blender and the worker import this package, each in its own Python; it needs numpy only.
"""

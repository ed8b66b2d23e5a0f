# SPDX-License-Identifier: GPL-3.0-or-later
"""A take of footage: who is who, how its motion is cleaned up, how good it is."""

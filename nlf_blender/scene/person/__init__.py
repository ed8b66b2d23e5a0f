# SPDX-License-Identifier: GPL-3.0-or-later
"""One person as objects: rig, skinned body, shape keys."""

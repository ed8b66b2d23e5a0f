# SPDX-License-Identifier: GPL-3.0-or-later
"""Points beside the body: marker sets and their files, other meshes, rigs."""

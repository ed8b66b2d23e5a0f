# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads scans from files: PLY, OBJ and npz."""

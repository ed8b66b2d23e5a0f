# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs of the user's, solved from their own localized joints and surface. README.md says how."""

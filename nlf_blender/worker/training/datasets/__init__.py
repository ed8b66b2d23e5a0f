# SPDX-License-Identifier: GPL-3.0-or-later
"""Annotated pictures: what is known of them, how they are stored, read and mixed."""

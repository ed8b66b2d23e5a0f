# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical points that training asks for, and where they are on posed bodies."""

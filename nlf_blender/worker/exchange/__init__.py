# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers over time, to other programs and from them."""

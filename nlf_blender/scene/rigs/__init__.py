# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs of the artist's: what is localized of them, and the motion that comes back. README.md."""

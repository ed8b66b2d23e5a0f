# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the marker sets that ship with the extension, from words and millimetres."""

# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was localized in footage to clean motion in the world: `solve.py` is the whole flow."""

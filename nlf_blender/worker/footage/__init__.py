# SPDX-License-Identifier: GPL-3.0-or-later
"""From footage to a take: chunk by chunk, so that nothing is lost whenever it ends."""

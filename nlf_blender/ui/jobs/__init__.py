# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs: the queue, how far they are, what comes of them."""

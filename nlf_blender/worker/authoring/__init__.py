# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripts that build the assets; nothing at run time imports them."""

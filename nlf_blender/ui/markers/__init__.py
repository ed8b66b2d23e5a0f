# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user touches to place markers and to have them localized."""

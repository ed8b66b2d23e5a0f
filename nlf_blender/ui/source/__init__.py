# SPDX-License-Identifier: GPL-3.0-or-later
"""What is localized, and through which camera."""

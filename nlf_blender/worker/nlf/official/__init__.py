# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the official NLF release, read into the native model."""

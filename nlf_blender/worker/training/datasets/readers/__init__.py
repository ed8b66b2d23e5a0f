# SPDX-License-Identifier: GPL-3.0-or-later
"""Public datasets' own files, read as items with a picture and a way to its annotation."""

# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole trainings as one command each: the model that ships, and the paper's comparisons."""

# SPDX-License-Identifier: GPL-3.0-or-later
"""The training run: settings, steps, averages, checkpoints, curves and what it reports."""

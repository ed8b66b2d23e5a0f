# SPDX-License-Identifier: GPL-3.0-or-later
"""How good a model is, on pictures with truth: metrics, evaluation sets, the command."""

# SPDX-License-Identifier: GPL-3.0-or-later
"""Annotated pictures into what a step of training takes: crops by virtual cameras, with points."""

# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks that run in the test environment, each by `python build.py bench NAME`."""

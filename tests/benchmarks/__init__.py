# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks that run in the test environment, each by `python build.py bench NAME`."""

import os

# Before torch loads: idle OpenMP threads that spin slow a shared machine down.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes numerical libraries repeatable; call before numpy or torch is imported."""

from __future__ import annotations

import os

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def use_one_thread() -> None:
    """One thread, and one set of BLAS kernels on every x86 processor with AVX2.

    Sums are added in an order that depends on both, and the assets must come out bit for bit.
    """
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = "1"
    os.environ["OPENBLAS_CORETYPE"] = "HASWELL"
    os.environ["MKL_CBWR"] = "AVX2"
    os.environ["ATEN_CPU_CAPABILITY"] = "avx2"
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

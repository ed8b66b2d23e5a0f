# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the field's positional encoding: the global point signature of the open body's volume.

The eigenfunctions of the Laplacian inside the canonical body, each over the square root of its
eigenvalue, place every point so that near means near *within* the body (Rustamov 2007; paper
section on positional encoding). The stages, a module each: volume
(a tetrahedral mesh of the left half), eigenmodes (finite elements, even and odd functions),
samples (points with their values), distil (the network that ships). The body is symmetric, so the
half's eigenfunctions with a free or a fixed middle plane are exactly the whole's even and odd ones.
"""

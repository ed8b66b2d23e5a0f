# SPDX-License-Identifier: GPL-3.0-or-later
"""Registration of a body to a scan: pose and shape from a cloud or mesh, no correspondences."""

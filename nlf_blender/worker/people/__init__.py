# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding people in a picture: detector, landmark refinement, duplicates, boxes drawn by hand."""

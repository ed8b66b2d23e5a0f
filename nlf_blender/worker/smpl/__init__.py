# SPDX-License-Identifier: GPL-3.0-or-later
"""Body models in torch: the forward pass, and fits of pose and shape to localized points."""

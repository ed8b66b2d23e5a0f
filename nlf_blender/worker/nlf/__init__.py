# SPDX-License-Identifier: GPL-3.0-or-later
"""The localizer: backbones, field, head, crop geometry, reconstruction, checkpoints."""

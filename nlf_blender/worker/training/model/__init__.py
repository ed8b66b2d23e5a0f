# SPDX-License-Identifier: GPL-3.0-or-later
"""The localizer while it trains: backbones, positional encodings, and what it reads of a batch."""

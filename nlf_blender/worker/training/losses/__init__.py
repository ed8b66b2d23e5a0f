# SPDX-License-Identifier: GPL-3.0-or-later
"""What training lowers, and the curves' figures."""

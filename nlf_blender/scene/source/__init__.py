# SPDX-License-Identifier: GPL-3.0-or-later
"""What in the open file can be localized or registered."""

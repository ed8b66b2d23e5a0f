# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user touches: properties, preferences, panels, operators, and the job pump.

Operators collect values, call the runtime and report; the runtime holds what is under way.
"""

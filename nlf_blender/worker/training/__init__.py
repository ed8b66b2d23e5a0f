# SPDX-License-Identifier: GPL-3.0-or-later
"""Training of the default model on synthetic people: poses, pictures, features, loop, export."""

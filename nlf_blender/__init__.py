# SPDX-License-Identifier: GPL-3.0-or-later
"""NLF for Blender: people from photos and footage as meshes, armatures and markers.

Importing this package loads nothing, so that the worker can use it outside Blender and enabling
the extension costs nothing until Blender calls `register`.
"""


def register() -> None:
    """Make the extension's classes known to Blender."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Take back all that `register` did, in reverse order, and end the worker."""
    from . import registration

    registration.unregister()

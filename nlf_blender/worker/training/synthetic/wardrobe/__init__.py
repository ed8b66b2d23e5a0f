# SPDX-License-Identifier: GPL-3.0-or-later
"""What synthetic people wear: MakeHuman's clothes and hair, painted clothes, skin and colours.

`worker train wardrobe` turns an archive of MakeHuman clothes into one npz (command, mhclo,
base_mesh, binding, pieces, garment); `dressing` puts it on posed people (fitting, painted,
outfits, looks).
"""

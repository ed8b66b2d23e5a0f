# SPDX-License-Identifier: GPL-3.0-or-later
"""The models that can be had: the one that ships, and the official releases of NLF.

Names, versions and addresses are those of the author's releases on GitHub. Sizes are what people
who fetched the files wrote down: they are shown, not relied on. At download time the release itself
is asked for size and checksum, and the file has to match.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..protocol.licenses import OFFICIAL_MODEL

LICENSE_FREE = "free for commercial use, ships with the extension"
PROJECT_PAGE = "https://github.com/isarandi/nlf"
_ASSETS = f"{PROJECT_PAGE}/releases/download"
_LISTINGS = "https://api.github.com/repos/isarandi/nlf/releases/tags"
_PAGES = f"{PROJECT_PAGE}/releases/tag"


@dataclass(frozen=True)
class Release:
    """A file that can be downloaded. key: for the preferences; tag: the release that it is part of;
    megabytes: as known, 0 if not; runs_code: opening it runs a program that it holds; needs_data:
    it lacks what the data files hold; unpack: pattern of the files to take out of it, "" for no
    archive."""

    key: str
    name: str
    about: str
    tag: str
    file: str
    megabytes: float = 0.0
    runs_code: bool = False
    needs_data: bool = False
    unpack: str = ""
    license: str = OFFICIAL_MODEL

    @property
    def address(self) -> str:
        """Where the file itself is."""
        return f"{_ASSETS}/{self.tag}/{self.file}"

    @property
    def page(self) -> str:
        """The page of the release, for people."""
        return f"{_PAGES}/{self.tag}"

    @property
    def listing(self) -> str:
        """The description of the release, for programs: sizes and checksums of its files."""
        return f"{_LISTINGS}/{self.tag}"


MODELS = (
    Release(
        key="NLF_L_MULTI_032",
        name="NLF-L 0.3.2, TorchScript",
        about="The large model. Complete: brings all that it needs, as a program",
        tag="v0.3.2",
        file="nlf_l_multi_0.3.2.torchscript",
        megabytes=493.0,
        runs_code=True,
    ),
    Release(
        key="NLF_S_MULTI_022",
        name="NLF-S 0.2.2, TorchScript",
        about="The small model, faster. Complete: brings all that it needs, as a program",
        tag="v0.2.2",
        file="nlf_s_multi_0.2.2.torchscript",
        megabytes=298.0,
        runs_code=True,
    ),
    Release(
        key="NLF_L_CROP_032",
        name="NLF-L 0.3.2, weights",
        about="The large model as weights alone, without a program. Needs the data files",
        tag="v0.3.2",
        file="nlf_l_crop_0.3.2.pt",
        needs_data=True,
    ),
    Release(
        key="NLF_S_CROP_020",
        name="NLF-S 0.2.0, weights",
        about="The small model as weights alone, without a program. Needs the data files",
        tag="v0.2.0",
        file="nlf_s_crop.pt",
        needs_data=True,
    ),
)
DATA_FILES = Release(
    key="NLF_DATA_FILES",
    name="NLF data files",
    about="What the weights alone lack: the canonical points and their signatures",
    tag="v0.2.0",
    file="nlf_data_files.zip",
    megabytes=939.0,
    unpack="canonical_*.npy",
)
BY_KEY = {release.key: release for release in (*MODELS, DATA_FILES)}

# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases on their way: followed, cancelled, resumed, unpacked."""

from __future__ import annotations

import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_site import CONTENT, NAME, Site, names, serving

from nlf_blender.bridge import releases
from nlf_blender.bridge.download import Download
from nlf_blender.bridge.fetching import connection
from nlf_blender.bridge.fetching.unpacking import unpack
from nlf_blender.bridge.releases import Release
from nlf_blender.errors import UserError


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


class LocalRelease(Release):
    """A release at a test's server."""

    address = property(lambda self: f"{self.about}/{self.file}")  # type: ignore[assignment]
    listing = property(lambda self: f"{self.about}/listing")  # type: ignore[assignment]


def release(site: Site, unpack: str = "") -> LocalRelease:
    return LocalRelease("KEY", "A model", site.url, "v1", NAME, unpack=unpack)


def tick_to_end(download: Download, seconds: float = 20.0) -> None:
    """Tick until it has ended; no tick may take long."""
    deadline = time.monotonic() + seconds
    while download.running:
        assert time.monotonic() < deadline
        began = time.perf_counter()
        download.tick()
        assert time.perf_counter() - began < 0.5  # it waits for nothing; a busy machine may be slow
        time.sleep(0.01)


def test_a_download_shows_how_far_it_is_and_can_be_resumed(site: Site, tmp_path: Path) -> None:
    site.pause = 0.05
    download = Download(release(site), tmp_path / "models", Path(sys.executable))
    deadline = time.monotonic() + 20
    while not 0 < download.done < len(CONTENT) and time.monotonic() < deadline:
        download.tick()
        time.sleep(0.01)
    assert 0.0 < download.fraction < 1.0
    assert download.text == "Downloading"
    while download.seconds_left is None and time.monotonic() < deadline:
        download.tick()
    assert download.rate > 0
    download.cancel()
    assert (download.cancelled, download.finished, download.error) == (True, False, None)
    part = tmp_path / "models" / f"{NAME}.part"
    assert part.stat().st_size > 0
    site.pause = 0.0
    download = Download(release(site), tmp_path / "models", Path(sys.executable))
    tick_to_end(download)
    assert download.finished
    assert download.error is None
    assert "published" in download.verdict
    assert "Range" in site.asked[-1]
    assert download.path.read_bytes() == CONTENT


def test_a_download_that_fails_says_why(site: Site, tmp_path: Path) -> None:
    site.statuses = [404]
    download = Download(release(site), tmp_path, Path(sys.executable))
    tick_to_end(download)
    assert not download.finished
    assert download.error is not None
    assert download.error.title == "The file is not there any more"


def test_the_program_ends_with_blender(site: Site, tmp_path: Path) -> None:
    site.pause = 0.05
    download = Download(release(site), tmp_path, Path(sys.executable))
    process = download._errand._process  # the test looks inside to see what is left
    assert process is not None
    assert process.stdin is not None
    while not download.done:
        download.tick()
    process.stdin.close()
    assert process.wait(5) == 3


def test_an_archive_is_unpacked(site: Site, tmp_path: Path) -> None:
    archive = tmp_path / "data.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("folder/../../canonical_nodes3.npy", b"nodes")
        packed.writestr("folder/pictures.bin", b"not wanted")
    site.content, site.digest = archive.read_bytes(), None
    site.listed_size = len(site.content)
    download = Download(
        release(site, unpack="canonical_*.npy"), tmp_path / "models", Path(sys.executable)
    )
    tick_to_end(download)
    assert download.finished
    assert download.unpacked == tmp_path / "models" / "model"
    assert names(download.unpacked) == {"canonical_nodes3.npy"}
    assert names(tmp_path) == {"data.zip", "models"}


def test_archives_that_are_none_or_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "data.zip"
    archive.write_bytes(b"no zip")
    with pytest.raises(UserError, match="cannot be used"):
        unpack(archive, tmp_path / "out", "*.npy")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.npy", bytes(1 << 20))
    with pytest.raises(UserError, match="0 files"):
        unpack(archive, tmp_path / "out", "*.txt")
    monkeypatch.setattr("nlf_blender.bridge.fetching.unpacking.MOST_BYTES", 1000)
    with pytest.raises(UserError, match="1048576 bytes"):
        unpack(archive, tmp_path / "out", "*.npy")
    assert not (tmp_path / "out").exists()


def test_the_releases_are_named_once_and_addressed_safely() -> None:
    assert len(releases.BY_KEY) == len(releases.MODELS) + 1
    for item in releases.BY_KEY.values():
        for address in (item.address, item.listing, item.page):
            connection.check_address(address)
        assert item.address.endswith(f"/{item.tag}/{item.file}")
        assert "non-commercial" in item.license

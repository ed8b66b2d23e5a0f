# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching files from a server that cuts, lies, refuses and starts anew."""

from __future__ import annotations

import os
import shutil
import ssl
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_site import CONTENT, DIGEST, NAME, Site, names, serving

from nlf_blender.bridge.fetching import connection, transfer
from nlf_blender.bridge.fetching.fetch import fetch
from nlf_blender.errors import UserError


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "WAIT_SECONDS", 0.001)


def get(site: Site, folder: Path) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Fetch the site's file. Returns the answer and all that was said."""
    said: list[dict[str, Any]] = []
    answer = fetch(
        site.file, folder / NAME, site.listing, lambda kind, **f: said.append({"kind": kind, **f})
    )
    return answer, said


def test_a_file_comes_whole_and_checked(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "new folder ü"
    answer, said = get(site, folder)
    assert answer == {"sha256": DIGEST, "verified": "sha256"}
    assert (folder / NAME).read_bytes() == CONTENT
    assert (folder / f"{NAME}.sha256").read_text() == f"{DIGEST}  {NAME}\n"
    assert names(folder) == {NAME, f"{NAME}.sha256"}
    last = [line for line in said if line["kind"] == "progress"][-1]
    assert (last["done"], last["total"]) == (len(CONTENT), len(CONTENT))
    assert last["rate"] > 0


def test_a_cut_connection_is_gone_on_with(site: Site, tmp_path: Path) -> None:
    site.cut_after = [500_000, 300_000]
    get(site, tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert [asked.get("Range") for asked in site.asked] == [
        None,
        "bytes=500000-",
        "bytes=800000-",
    ]
    assert site.asked[1]["If-Range"] == '"one"'


def test_a_later_run_goes_on_where_an_earlier_one_stopped(site: Site, tmp_path: Path) -> None:
    site.cut_after = [600_000] + [0] * transfer.TRIES
    with pytest.raises(UserError, match="cannot be reached"):
        get(site, tmp_path)
    assert not (tmp_path / NAME).exists()
    get(site, tmp_path)
    assert site.asked[-1]["Range"] == "bytes=600000-"
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_a_server_without_ranges_starts_anew(site: Site, tmp_path: Path) -> None:
    site.ranges, site.cut_after = False, [900_000]
    get(site, tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_halves_of_two_versions_are_not_joined(site: Site, tmp_path: Path) -> None:
    site.digest = None
    site.cut_after = [600_000] + [0] * transfer.TRIES
    with pytest.raises(UserError):
        get(site, tmp_path)
    site.content, site.etag = CONTENT[::-1], '"two"'
    answer, _ = get(site, tmp_path)
    assert site.asked[-1]["If-Range"] == '"one"'
    assert (tmp_path / NAME).read_bytes() == CONTENT[::-1]
    assert answer["verified"] == "size"


@pytest.mark.parametrize("notes", [b"", b"\xff{", b'{"url": "another", "version": "x"}'])
def test_a_piece_of_unknown_version_is_used_only_if_a_checksum_guards_it(
    site: Site, tmp_path: Path, notes: bytes
) -> None:
    for digest, asked in ((site.digest, "bytes=1000-"), (None, None)):
        site.digest = digest
        (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:1000])
        (tmp_path / f"{NAME}.part.json").write_bytes(notes)
        get(site, tmp_path)
        assert site.asked[-1].get("Range") == asked
        assert (tmp_path / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize("extra", [0, 10])
def test_a_piece_as_long_as_the_whole_or_longer(site: Site, tmp_path: Path, extra: int) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT + b"x" * extra)
    get(site, tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_a_range_that_is_refused_leads_to_a_new_start(site: Site, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:1000])
    site.statuses = [416]
    get(site, tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_wrong_content_is_not_kept(site: Site, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"what was there")
    site.content = CONTENT[::-1]
    with pytest.raises(UserError, match="damaged") as caught:
        get(site, tmp_path)
    assert DIGEST in caught.value.detail
    assert names(tmp_path) == {NAME}
    assert (tmp_path / NAME).read_bytes() == b"what was there"


def test_another_size_than_the_release_says(site: Site, tmp_path: Path) -> None:
    site.listed_size, site.digest = len(CONTENT) + 1, None
    with pytest.raises(UserError, match="are expected"):
        get(site, tmp_path)
    assert not (tmp_path / NAME).exists()


def test_without_a_release_s_word_the_server_s_length_counts(site: Site, tmp_path: Path) -> None:
    def ignore(kind: str, **fields: object) -> None:
        """Hear nothing."""

    answer = fetch(site.file, tmp_path / NAME, f"{site.url}/nothing", ignore)
    assert answer["verified"] == "length"
    site.length = False
    with pytest.raises(UserError, match="how large"):
        fetch(site.file, tmp_path / NAME, f"{site.url}/nothing", ignore)


@pytest.mark.parametrize(
    ("status", "title"), [(404, "not there any more"), (403, "refuses"), (401, "refuses")]
)
def test_what_the_server_refuses(site: Site, tmp_path: Path, status: int, title: str) -> None:
    site.statuses = [status]
    with pytest.raises(UserError, match=title) as caught:
        get(site, tmp_path)
    assert str(status) in caught.value.detail
    assert len(site.asked) == 1


def test_a_busy_server_is_asked_again(site: Site, tmp_path: Path) -> None:
    site.statuses = [503, 429]
    get(site, tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be reached") as caught:
        fetch("http://127.0.0.1:9/x", tmp_path / "x", "http://127.0.0.1:9/y", lambda *a, **k: None)
    assert "refused" in caught.value.detail.lower()


def test_only_safe_addresses(site: Site, tmp_path: Path) -> None:
    for url in ("http://example.org/x", "file:///etc/passwd", "ftp://example.org/x"):
        with pytest.raises(UserError, match="not an https address"):
            fetch(url, tmp_path / "x", site.listing, lambda *a, **k: None)
    with pytest.raises(UserError, match="'file:///etc/passwd' is not allowed"):
        fetch(f"{site.url}/elsewhere", tmp_path / "x", site.listing, lambda *a, **k: None)
    request = connection.urllib.request.Request("https://example.org/x")
    with pytest.raises(UserError, match="not encrypted"):
        connection._SafeRedirects().redirect_request(request, None, 302, "", {}, site.file)


def test_a_server_that_cannot_encrypt_or_is_not_who_it_says(site: Site, tmp_path: Path) -> None:
    url = site.file.replace("http:", "https:")
    with pytest.raises(UserError, match="cannot be trusted") as caught:
        fetch(url, tmp_path / "x", site.listing, lambda *a, **k: None)
    assert "127.0.0.1" in caught.value.detail

    class Opener:
        def open(self, *args: object, **options: object) -> None:
            raise urllib.error.URLError(ssl.SSLCertVerificationError("self-signed certificate"))

    with pytest.raises(UserError, match="self-signed"):
        connection.open_url(Opener(), "https://example.org/x", {})  # type: ignore[arg-type]


def test_proxies_are_taken_from_the_environment(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", site.url)
    monkeypatch.setenv("no_proxy", "")
    fetch(f"http://localhost:1/{NAME}", tmp_path / NAME, site.listing, lambda *a, **k: None)
    assert site.asked[-1]["Host"] == "localhost:1"


def test_a_full_disk_is_noticed_before_it_is_full(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    small = type(usage)(usage.total, usage.used, len(CONTENT))
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda folder: small)
    with pytest.raises(UserError, match="Not enough disk space"):
        get(site, tmp_path)
    assert (tmp_path / f"{NAME}.part").stat().st_size == 0


def test_a_disk_that_fills_up_keeps_what_has_come(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(transfer.os, "fsync", full)
    with pytest.raises(UserError, match="disk is full"):
        get(site, tmp_path)
    assert (tmp_path / f"{NAME}.part").stat().st_size == len(CONTENT)


def test_a_folder_that_is_a_file(site: Site, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(UserError, match="Folder not writable"):
        get(site, tmp_path / "models")
    assert not site.asked


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(site: Site, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="Folder not writable"):
        get(site, tmp_path)
    tmp_path.chmod(0o700)
    assert not site.asked


# ------------------------------------------------------------------------- followed from Blender

# SPDX-License-Identifier: GPL-3.0-or-later
"""When frames are shown, found without decoding and, in MP4, without reading the file."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from nlf_blender.worker.media import frame_table
from nlf_blender.worker.media.source import open_footage
from tests.footage_files import number_in, write_video
from tests.worker.test_media_video import FORMATS


@pytest.mark.parametrize("name", ["mp4", "open-gop", "prores", "interlaced", "avi", "mkv", "vp8"])
def test_the_containers_index_equals_its_packets(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, options = FORMATS[name]
    path = write_video(tmp_path / file, 40, **options)
    quick = frame_table.read_table(path, 0)
    calls: list[int] = []
    monkeypatch.setattr(frame_table, "_indexed", lambda *_: calls.append(1))
    slow = frame_table.read_table(path, 0)
    assert calls and slow.packets == quick.packets == 40
    np.testing.assert_array_equal(quick.times, slow.times)
    np.testing.assert_array_equal(quick.keys, slow.keys)


def test_long_mp4_files_are_not_read_to_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [i / 24 + 0.01 * (i % 3) for i in range(80)]
    path = write_video(tmp_path / "clip.mp4", times=times)
    monkeypatch.setattr(frame_table, "_read_packets", lambda *_: pytest.fail("it was read"))
    with open_footage(path) as footage:
        assert [f.time for f in footage.frames()] == pytest.approx(times, abs=1e-6)
        late = [(frame.index, number_in(frame.rgb)) for frame in footage.frames(40)]
        assert late == [(i, i) for i in range(40, 80)]


def test_hidden_frames_of_vp8_are_not_counted(tmp_path: Path) -> None:
    """Encoders store pictures that are only referred to as packets of their own."""
    plain = write_video(tmp_path / "plain.webm", 30, codec="libvpx", options={"g": "30"})
    path = tmp_path / "clip.webm"
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if not packet.size:
                continue
            data, time, base = bytes(packet), packet.pts, packet.time_base
            packet.stream = stream
            target.mux(packet)
            if not packet.is_keyframe and time % 3 == 0:
                hidden = av.Packet(bytes([data[0] & ~0x10]) + data[1:])
                hidden.pts = hidden.dts = time + 1
                hidden.time_base, hidden.stream = base, stream
                target.mux(hidden)
    with av.open(str(path)) as container:
        assert sum(1 for packet in container.demux(video=0) if packet.size) > 32
    with open_footage(path) as footage:
        assert footage.info.frame_count == 30
        assert [frame.index for frame in footage.frames()] == list(range(30))
        assert not footage.missing

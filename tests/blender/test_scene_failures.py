# SPDX-License-Identifier: GPL-3.0-or-later
"""A failed import leaves the file as it was; an import can be undone and redone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import bpy
import pytest
import scene_fixtures as fixtures

from nlf_blender.errors import UserError
from nlf_blender.protocol.rows import read_rows, write_chunk
from nlf_blender.protocol.take import read_info, write_info
from nlf_blender.scene import import_take, importer


def datablocks() -> dict[str, list[str]]:
    """The names of all datablocks by kind."""
    kinds = [p.identifier for p in bpy.data.bl_rna.properties if p.type == "COLLECTION"]
    return {kind: sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds}


def make_take(folder: Path, people: int = 2) -> Path:
    """A good take."""
    body = fixtures.make_body()
    return fixtures.write_take(
        folder / "a.take", body, [fixtures.random_fit(body, seed) for seed in range(people)]
    )


def rewrite_rows(take: Path, **changes: object) -> None:
    """Replace fields of the take's rows, checksums included."""
    info = read_info(take)
    rows = read_rows(take, info.chunks) | changes
    write_info(take, replace(info, chunks=(write_chunk(take, 0, rows),)))


def assert_refused(take: Path) -> None:
    before = datablocks()
    camera = bpy.context.scene.camera
    size = bpy.context.scene.render.resolution_x
    with pytest.raises(UserError) as caught:
        import_take(bpy.context.scene, take)
    assert caught.value.title and caught.value.detail and caught.value.fix
    assert datablocks() == before
    assert bpy.context.scene.camera == camera
    assert bpy.context.scene.render.resolution_x == size


def test_no_folder(tmp_path: Path) -> None:
    assert_refused(tmp_path / "missing.take")


@pytest.mark.parametrize("name", ["take.json", "body.npz", "chunk_00000.npz"])
def test_a_missing_file(tmp_path: Path, name: str) -> None:
    take = make_take(tmp_path)
    (take / name).unlink()
    assert_refused(take)


@pytest.mark.parametrize("name", ["take.json", "body.npz", "chunk_00000.npz"])
def test_a_truncated_file(tmp_path: Path, name: str) -> None:
    take = make_take(tmp_path)
    data = (take / name).read_bytes()
    (take / name).write_bytes(data[: len(data) // 2])
    assert_refused(take)


def test_rows_of_another_body(tmp_path: Path) -> None:
    take = make_take(tmp_path)
    rows = read_rows(take, read_info(take).chunks)
    rewrite_rows(take, points=rows["points"][:, :-3], uncertainty=rows["uncertainty"][:, :-3])
    assert_refused(take)


def test_numbers_that_are_none(tmp_path: Path) -> None:
    take = make_take(tmp_path)
    rows = read_rows(take, read_info(take).chunks)
    pose = rows["pose"].copy()
    pose[1, 3, 0] = float("nan")
    rewrite_rows(take, pose=pose)
    assert_refused(take)


def test_a_track_without_rows(tmp_path: Path) -> None:
    take = make_take(tmp_path)
    text = (take / "take.json").read_text()
    data = json.loads(text)
    data["tracks"].append({"id": 77, "name": "Person 3"})
    (take / "take.json").write_text(json.dumps(data))
    assert_refused(take)


def test_a_skewed_camera(tmp_path: Path) -> None:
    take = make_take(tmp_path)
    data = json.loads((take / "take.json").read_text())
    data["camera"]["intrinsics"][1] = 20.0
    (take / "take.json").write_text(json.dumps(data))
    assert_refused(take)


@pytest.mark.parametrize(
    "step", ["make_points", "make_rig", "make_body", "set_render", "add_background"]
)
def test_a_failure_midway_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    photo = tmp_path / "photo.png"
    image = bpy.data.images.new("photo", 640, 480)
    image.filepath_raw, image.file_format = str(photo), "PNG"
    image.save()
    bpy.data.images.remove(image)
    take = make_take(tmp_path)
    info = read_info(take)
    write_info(take, replace(info, source=replace(info.source, path=str(photo))))
    before = datablocks()
    done = []
    original = getattr(importer, step)

    def second_call_fails(*arguments: object) -> object:
        if done or step in ("set_render", "add_background"):
            raise MemoryError("no memory")
        done.append(True)
        return original(*arguments)

    monkeypatch.setattr(importer, step, second_call_fails)
    with pytest.raises(MemoryError):
        import_take(bpy.context.scene, take)
    assert datablocks() == before
    assert bpy.context.scene.camera is None


def test_undo_takes_an_import_back_and_redo_brings_it_again(tmp_path: Path) -> None:
    take = make_take(tmp_path)
    bpy.ops.ed.undo_push(message="before")
    before = datablocks()
    import_take(bpy.context.scene, take)
    after = datablocks()
    bpy.ops.ed.undo_push(message="import")
    bpy.ops.ed.undo()
    assert datablocks() == before
    bpy.ops.ed.redo()
    assert datablocks() == after
    # the rig is whole: its bones still deform the body
    body = bpy.data.objects["Person 1 Body"]
    assert body.modifiers[0].object == bpy.data.objects["Person 1 Rig"]
    assert len(bpy.data.objects["Person 1 Rig"].pose.bones) == 24


def test_a_result_survives_saving_and_loading(tmp_path: Path) -> None:
    import_take(bpy.context.scene, make_take(tmp_path))
    shutil.rmtree(tmp_path / "a.take")
    blend = tmp_path / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    rig = bpy.data.objects["Person 2 Rig"]
    assert bpy.data.objects["Person 2 Body"].parent == rig
    assert rig["nlf_body_license"] == "CC0-1.0"

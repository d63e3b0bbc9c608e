"""Payloads of file attributes: what their paths may reach, how large they are, and copying them out."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from archive_layout_small import PROJECT, small_archives
from neptune_frames.query.selection import ContainerKind, RunQuery
from neptune_frames.sources.archive import ArchiveSource, payloads
from neptune_frames.sources.archive.object_path import ObjectPath
from neptune_frames.sources.archive.payloads import copy_out, copy_payload, describe, locate
from neptune_frames.sources.base import FileRequest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory of payloads with files and links of all kinds, beside files that are none of its own."""
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "secret").write_bytes(b"secret")
    (outside / "deep" / "secret").write_bytes(b"secret")
    found = tmp_path / "real"
    (found / "run" / "a").mkdir(parents=True)
    (found / "run" / "a" / "file").write_bytes(b"12345")
    (found / "run" / "b:c").write_bytes(b"123")
    (found / "run" / "odd\\name").write_bytes(b"12")
    (found / "run" / "to_file").symlink_to(found / "run" / "a" / "file")
    (found / "run" / "to_directory").symlink_to(found / "run" / "a")
    (found / "run" / "to_secret").symlink_to(outside / "secret")
    (found / "run" / "out").symlink_to(outside)
    (found / "run" / "up").symlink_to("..")
    (found / "run" / "far_up").symlink_to("../..")
    (found / "run" / "loop").symlink_to("loop")
    (found / "run" / "nowhere").symlink_to("gone")
    (outside / "back").symlink_to(found / "run" / "a" / "file")
    os.mkfifo(found / "run" / "pipe")
    (tmp_path / "files").symlink_to(found)
    return tmp_path / "files"


INSIDE = {
    "run/a/file": 5, "run//a/file": 5, "run/./a/file": 5, "run/a/../a/file": 5, "run/a/file/": 5, "run/b:c": 3,
    "run/odd\\name": 2, "run/to_file": 5, "run/to_directory/file": 5, "run/up/run/a/file": 5, "run/out/back": 5,
    "run/up/run/../run/a/file": 5,
}  # fmt: skip
MISSING = [
    "", ".", "..", "/", "run", "run/a", "run/gone", "gone/file", "run/a/file/x", "run/pipe", "run/loop", "run/loop/x",
    "run/nowhere", "run/to_directory", "run/to_secret", "run/out", "run/out/secret", "run/out/deep/secret",
    "run/far_up/outside/secret", "../outside/secret", "run/../../outside/secret", "run/up/../outside/secret",
    "\\run", "run/a\0/file", "run/\ud800/file", "x" * 5000, "x/" * 2000 + "x", "../real/../outside/secret",
]  # fmt: skip


def test_sizes_are_those_of_files_that_are_found_and_no_others(root: Path) -> None:
    absolute = [str(root / "run/a/file"), str(root.parent / "outside/secret"), "//run/a/file"]
    for path in [*INSIDE, *MISSING, *absolute]:
        tree, expected = payloads._PayloadTree(root), INSIDE.get(path, 0)
        found = locate(root, path)
        assert (0 if found is None else found.stat().st_size) == expected, path
        # In any order, and again: what is known of directories leads nowhere else.
        assert [tree.size(one) for one in (path, "run/a/file", "run/out/secret", path)] == [expected, 5, 0, expected]
    texts = [path for path in [*INSIDE, *MISSING, *absolute] if path.isprintable()]
    sizes = describe(root, pl.Series(texts)).field("size_bytes").to_pylist()
    assert dict(zip(texts, sizes, strict=True)) == {path: INSIDE.get(path, 0) for path in texts}
    assert payloads._PayloadTree(root / "gone").size("run/a/file") == 0


def test_sizes_of_plain_files_take_one_look_at_each(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [f"r{run}/deep/f{number}" for run in range(10) for number in range(10)]
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"1")
    looks: list[str] = []
    lstat = os.lstat

    def noting(place: str) -> os.stat_result:
        looks.append(place)
        return lstat(place)

    tree = payloads._PayloadTree(root)
    monkeypatch.setattr(os, "lstat", noting)
    monkeypatch.setattr(payloads, "locate", None)
    assert [tree.size(path) for path in paths] == [1] * 100
    assert len(looks) == len(set(looks)) == 100 + 20


@pytest.mark.parametrize("own_layout", [False, True])
def test_a_file_asked_for_twice_is_brought_once(tmp_path: Path, own_layout: bool) -> None:
    source = ArchiveSource(small_archives(tmp_path, 2)[own_layout])
    answer = source.search(RunQuery(PROJECT, ContainerKind.RUN), ["model"])
    first, second = (row["value"]["path"] for row in answer.values["file"].to_pylist())
    files = [FileRequest(PROJECT, path, None, tmp_path / "to" / path) for path in (first, first, second, first, "gone")]
    assert source.fetch_files(files, progress=False) == [True, True, True, True, False]
    assert {path.name for path in (tmp_path / "to").rglob("*") if path.is_file()} == {
        Path(path).name for path in (first, second)
    }
    with pytest.raises(ValueError, match="same target"):
        source.fetch_files([FileRequest(PROJECT, path, None, tmp_path / "x") for path in (first, second)])
    assert not (tmp_path / "x").exists()


class TestCopies:
    def test_several_copies_to_one_target_at_a_time(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("obstore")
        under_way = threading.Barrier(4)

        def stream(path: ObjectPath) -> Iterator[bytes]:
            yield b"first"
            under_way.wait(60)
            yield b"second"

        monkeypatch.setattr(ObjectPath, "stream", stream)
        payload = ObjectPath(None, "s3://bucket", "file")  # type: ignore[arg-type]
        target = tmp_path / "to" / "file"
        assert copy_out([payload] * 4, [target] * 4, progress=False) == [True] * 4
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(copy_payload, [payload] * 4, [target] * 4)) == [True] * 4
        assert target.read_bytes() == b"firstsecond"
        assert list(target.parent.iterdir()) == [target]

    def test_only_a_payload_can_be_missing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "file").write_bytes(b"x" * 3_000_000)
        assert copy_payload(tmp_path / "file", tmp_path / ("n" * 250))
        assert (tmp_path / ("n" * 250)).stat().st_size == 3_000_000
        assert not copy_payload(tmp_path / "gone", tmp_path / "to" / "x")
        assert list((tmp_path / "to").iterdir()) == []
        monkeypatch.setattr(Path, "mkdir", lambda *_, **__: None)
        with pytest.raises(FileNotFoundError):
            copy_payload(tmp_path / "file", tmp_path / "no directory" / "x")

    def test_a_copy_has_the_permissions_of_any_new_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        (tmp_path / "new").write_bytes(b"")
        assert copy_payload(tmp_path / "file", tmp_path / "copy")
        assert (tmp_path / "copy").stat().st_mode == (tmp_path / "new").stat().st_mode

"""Copies of payloads in an object store: each is made once, none waits for another, and they stay within a bound."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from neptune_frames.errors import ArchiveError
from neptune_frames.sources.archive.local_copies import LocalCopies, PayloadFile
from neptune_frames.sources.archive.object_path import ObjectPath

obstore_store = pytest.importorskip("obstore.store")

#: No wait of a test is longer.
SECONDS = 20


@pytest.fixture
def place() -> ObjectPath:
    """A store with payloads `a` to `e`, of 100 bytes each."""
    root = ObjectPath(obstore_store.MemoryStore(), "s3://bucket")
    for name in "abcde":
        (root / name).write_bytes(name.encode() * 100)
    return root


class Downloads:
    """Every download that was begun; ``held`` ones wait until `release`."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.held: dict[str, threading.Event] = {}
        self.under_way = threading.Event()

    def hold(self, name: str) -> Callable[[], None]:
        self.held[name] = threading.Event()
        return self.held[name].set


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Downloads]:
    noted, stream = Downloads(), ObjectPath.stream

    def slow(path: ObjectPath) -> Iterator[bytes]:
        noted.begun.append(path.name)
        if path.name in noted.held:
            noted.under_way.set()
            assert noted.held[path.name].wait(SECONDS)
        return stream(path)

    monkeypatch.setattr(ObjectPath, "stream", slow)
    yield noted
    for event in noted.held.values():
        event.set()


def read(copies: LocalCopies, payload: ObjectPath) -> bytes:
    file = copies.of(payload)
    assert file is not None
    with file:
        return file.path.read_bytes()


def test_a_large_download_keeps_nobody_else_waiting(place: ObjectPath, downloads: Downloads) -> None:
    copies, release = LocalCopies(), downloads.hold("a")
    with ThreadPoolExecutor(3) as pool:
        large = pool.submit(read, copies, place / "a")
        assert downloads.under_way.wait(SECONDS)
        assert pool.submit(read, copies, place / "b").result(SECONDS) == b"b" * 100
        again = pool.submit(read, copies, place / "a")
        release()
        assert large.result(SECONDS) == again.result(SECONDS) == b"a" * 100
    assert downloads.begun == ["a", "b"]


def test_the_least_recently_used_go(place: ObjectPath, downloads: Downloads) -> None:
    copies = LocalCopies(most_bytes=300)
    for name in "abcad":  # when d comes, b is the one that was not used for longest
        read(copies, place / name)
    for name in "acd":
        read(copies, place / name)
    assert downloads.begun == ["a", "b", "c", "d"]
    read(copies, place / "b")
    assert downloads.begun[-1] == "b"


def files_of(copies: LocalCopies) -> list[bytes]:
    file = next(iter(copies._copies.values())).path
    return sorted(path.read_bytes()[:1] for path in file.parent.iterdir())


def test_what_is_being_read_stays(place: ObjectPath) -> None:
    copies = LocalCopies(most_bytes=150)
    first, same = copies.of(place / "a"), copies.of(place / "a")
    assert first is not None
    assert same is not None
    for name in "bcd":
        read(copies, place / name)
    first.close()
    assert same.path.read_bytes() == b"a" * 100
    same.close()
    read(copies, place / "e")
    assert not same.path.exists()
    assert files_of(copies) == [b"e"]


def test_a_file_larger_than_the_bound_goes_when_it_was_read(place: ObjectPath) -> None:
    copies = LocalCopies(most_bytes=10)
    file = copies.of(place / "a")
    assert file is not None
    with file:
        assert file.path.read_bytes() == b"a" * 100
    assert not file.path.exists()


def test_a_reader_that_was_forgotten_keeps_nothing(place: ObjectPath) -> None:
    copies = LocalCopies(most_bytes=100)
    path = paths_of(copies.of(place / "a"))
    gc.collect()
    read(copies, place / "b")
    assert not path.exists()


def paths_of(file: PayloadFile | None) -> Path:
    assert file is not None
    return file.path


def test_what_fails_is_tried_again(place: ObjectPath, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = LocalCopies()
    assert copies.of(place / "later") is None
    (place / "later").write_bytes(b"here now")
    with monkeypatch.context() as broken:

        def fail(path: ObjectPath) -> Any:
            raise ArchiveError("the network is gone")

        broken.setattr(ObjectPath, "stream", fail)
        with pytest.raises(ArchiveError, match="network is gone"):
            copies.of(place / "later")
    assert read(copies, place / "later") == b"here now"


def test_a_copy_that_a_cleaner_removed_is_made_again(place: ObjectPath) -> None:
    copies = LocalCopies()
    paths_of(copies.of(place / "a")).unlink()
    assert read(copies, place / "a") == b"a" * 100


def test_no_walk_over_all_copies_while_there_is_room(place: ObjectPath) -> None:
    class NeverWalked(OrderedDict[str, Any]):
        def items(self) -> Any:
            raise AssertionError("all copies were looked at")

        __iter__ = values = items

    copies = LocalCopies(most_bytes=300)
    copies._copies = NeverWalked()
    for name in ("a", "b", "c", "gone", "a"):
        file = copies.of(place / name)
        if file is not None:
            file.close()
    paths_of(copies.of(place / "b")).unlink()
    read(copies, place / "b")
    assert copies._bytes == 300
    with pytest.raises(AssertionError, match="all copies"):
        copies.of(place / "d")


def test_the_directory_goes_with_its_owner(place: ObjectPath) -> None:
    copies = LocalCopies()
    directory = paths_of(copies.of(place / "a")).parent
    assert directory.is_dir()
    del copies
    gc.collect()
    assert not directory.exists()

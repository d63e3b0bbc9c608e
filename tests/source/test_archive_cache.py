"""The catalog cache on disk, and noticing changed files: quick, and never wrong."""

from __future__ import annotations

import errno
import os
import re
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from neptune_frames.query.attributes import KNOWN_TYPES
from neptune_frames.query.selection import AttributeAlternative, AttributeSelector, ContainerKind, RunQuery
from neptune_frames.sources.archive import ArchiveSource, cache, exporter_store, freshness, object_path
from neptune_frames.sources.archive.freshness import WatchedDirectory
from neptune_frames.sources.archive.layout import encoded_name, list_parts
from neptune_frames.writing.exporter_layout import float_series_rows, object_series_rows, parameter_rows, write_run

PROJECT = "ws/proj"
EVERYTHING = AttributeSelector((AttributeAlternative(KNOWN_TYPES),))
_LONG_AGO = 1_700_000_000


@pytest.fixture(autouse=True)
def cache_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, which takes archives of any size."""
    monkeypatch.setattr(cache, "LEAST_BYTES", 0)
    monkeypatch.setenv("NEPTUNE_FRAMES_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def read_files(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the part files that were read for a catalog."""
    names: list[str] = []
    read = exporter_store.read_inventory

    def noted(files: Any) -> Any:
        names.extend(Path(path).name.partition("-")[0] for path in files)
        return read(files)

    monkeypatch.setattr(exporter_store, "read_inventory", noted)
    return names


def write(root: Path, run_id: str, x: int, *, age: int = 0, project: str = PROJECT) -> Path:
    """A run with a value of each kind; its file is ``age`` seconds older than the others."""
    parameters = {
        "sys/id": f"SYS-{run_id}", "x": x, "f": x / 4, "s": f"text {x}", "b": x > 1, "t": {"a", str(x)},
        "d": datetime(2025, 1, 1, 0, 0, x, tzinfo=timezone.utc), ("p", "file"): f"{run_id}/p.bin",
    }  # fmt: skip
    histogram = {"type": "COUNTING", "edges": [0.0, 1.0], "values": [float(x)]}
    batches = [
        parameter_rows(parameters),
        float_series_rows({"m": ([0, 1], [0.5, float(x)])}),
        object_series_rows({"log": ([0], [f"line {x}"])}, "string_series"),
        object_series_rows({"h": ([0], [histogram])}, "histogram_series"),
    ]
    (path,) = write_run(root / "data", project, run_id, batches)
    os.utime(path, (_LONG_AGO - age, _LONG_AGO - age))
    return path


def everything(root: Path) -> dict[tuple[str, str, str], str]:
    """All values of the project, as a source opened anew gives them."""
    source = ArchiveSource(root)
    runs = source.search(RunQuery(PROJECT, ContainerKind.RUN)).runs
    found = {}
    for kind, batch in source.values(runs, EVERYTHING):
        for row in batch.to_pylist():
            if isinstance(row["value"], list):
                row["value"].sort()
            key = runs["run_id"][row.pop("run")].as_py(), row.pop("attribute"), kind
            found[key] = repr(row)
    return found


def uncached(root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str, str], str]:
    with monkeypatch.context() as without:
        without.setenv("NEPTUNE_FRAMES_CACHE", "off")
        return everything(root)


class TestCache:
    def test_nothing_is_read_twice(self, tmp_path: Path, read_files: list[str]) -> None:
        for run_id in "ab":
            write(tmp_path, run_id, ord(run_id) - 96)
        first = everything(tmp_path)
        assert len(first) == 2 * 13  # eleven attributes, sys/custom_run_id and sys/trashed of each run
        assert sorted(read_files) == ["a", "b"]
        assert everything(tmp_path) == first
        assert sorted(read_files) == ["a", "b"]

    def test_only_new_and_changed_files_are_read(
        self, tmp_path: Path, read_files: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for run_id in "abc":
            write(tmp_path, run_id, 1)
        everything(tmp_path)
        write(tmp_path, "b", 2, age=1)
        write(tmp_path, "d", 1).with_name("unrelated").touch()
        (tmp_path / "data" / encoded_name(PROJECT)).joinpath(write(tmp_path, "c", 1).name).unlink()
        read_files.clear()
        found = everything(tmp_path)
        assert sorted(read_files) == ["b", "d"]
        assert found == uncached(tmp_path, monkeypatch)
        assert {run for run, _, _ in found} == {"a", "b", "d"}
        assert found["b", "x", "int"] == "{'value': 2}"

    def test_a_file_written_just_before_it_was_read_is_read_again(self, tmp_path: Path, read_files: list[str]) -> None:
        path = write(tmp_path, "a", 1)
        os.utime(path)
        everything(tmp_path)
        changed_ns = path.stat().st_mtime_ns
        assert write(tmp_path, "a", 2).stat().st_size == path.stat().st_size
        os.utime(path, ns=(changed_ns, changed_ns))  # the same clock tick, as it were
        assert everything(tmp_path)["a", "x", "int"] == "{'value': 2}"
        assert read_files == ["a", "a"]

    def test_an_archive_that_moved_is_another_one(self, tmp_path: Path, read_files: list[str]) -> None:
        write(tmp_path / "old", "a", 1)
        first = everything(tmp_path / "old")
        (tmp_path / "old").rename(tmp_path / "new")
        assert everything(tmp_path / "new") == first
        assert read_files == ["a", "a"]

    def test_a_relative_path_finds_the_same_entry(
        self, tmp_path: Path, read_files: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path, "a", 1)
        first = everything(tmp_path)
        monkeypatch.chdir(tmp_path / "data" / encoded_name(PROJECT))
        for spelled in (".", "../../data", f"../{encoded_name(PROJECT)}/"):
            assert everything(Path(spelled)) == first
        assert read_files == ["a"]

    @pytest.mark.parametrize("place", ["first line", "checksum", "header", "tables", "cut", "empty", "another format"])
    def test_a_damaged_entry_is_made_anew(
        self, tmp_path: Path, cache_directory: Path, read_files: list[str], place: str
    ) -> None:
        write(tmp_path, "a", 1)
        first = everything(tmp_path)
        (entry,) = cache_directory.iterdir()
        content = bytearray(entry.read_bytes())
        start = content.index(b"\n") + 1
        if place == "cut":
            content = content[:-100]
        elif place == "empty":
            content.clear()
        elif place == "another format":
            content = bytearray(re.sub(rb"catalog \d+\n", b"catalog 0\n", content, count=1))
        else:
            at = {"first line": 3, "checksum": start, "header": start + 20, "tables": len(content) - 200}[place]
            content[at] ^= 0xFF
        entry.write_bytes(content)
        assert everything(tmp_path) == first
        assert read_files == ["a", "a"]
        assert everything(tmp_path) == first
        assert read_files == ["a", "a"]

    def test_an_entry_of_another_directory_is_not_used(self, tmp_path: Path, cache_directory: Path) -> None:
        for name, value in (("one", 1), ("two", 2)):
            write(tmp_path / name, "a", value)
            everything(tmp_path / name)
        one, two = sorted(cache_directory.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        two.write_bytes(one.read_bytes())
        assert everything(tmp_path / "two")["a", "x", "int"] == "{'value': 2}"

    def test_sources_at_once(self, tmp_path: Path, cache_directory: Path) -> None:
        for run_id in "abc":
            write(tmp_path, run_id, 1)
        answers: list[Any] = []
        threads = [threading.Thread(target=lambda: answers.append(everything(tmp_path))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 6
        assert all(answer == answers[0] for answer in answers)
        assert [path.suffix for path in cache_directory.iterdir()] == [".catalog"]

    def test_the_cache_stays_small(
        self, tmp_path: Path, cache_directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(3):
            write(tmp_path / f"archive{number}", "a", number)
        everything(tmp_path / "archive0")
        (oldest,) = cache_directory.iterdir()
        os.utime(oldest, (_LONG_AGO, _LONG_AGO))
        abandoned, running = cache_directory / "neptune-frames-x.aside", cache_directory / "neptune-frames-y.aside"
        others = [cache_directory / name for name in ("of somebody else", "other.aside", "other.catalog")]
        for path in (abandoned, running, *others):
            path.write_bytes(b"x" * 10_000_000)
        for path in (abandoned, *others):
            os.utime(path, (_LONG_AGO, _LONG_AGO))
        monkeypatch.setattr(cache, "MOST_BYTES", 2.5 * oldest.stat().st_size)
        everything(tmp_path / "archive1")
        assert oldest.exists()
        everything(tmp_path / "archive2")
        assert not oldest.exists()
        assert len(set(cache_directory.glob("*.catalog")).difference(others)) == 2
        assert not abandoned.exists()
        assert set(cache_directory.iterdir()) >= {running, *others}

    def test_small_archives_and_small_changes_are_not_kept(
        self, tmp_path: Path, cache_directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for run_id in range(30):
            path = write(tmp_path, f"r{run_id}", run_id)
        size = path.stat().st_size
        monkeypatch.setattr(cache, "LEAST_BYTES", 100 * size)
        everything(tmp_path)
        assert not cache_directory.exists()
        monkeypatch.setattr(cache, "LEAST_BYTES", 0)
        source = ArchiveSource(tmp_path)
        everything(tmp_path)
        (entry,) = cache_directory.iterdir()
        kept = entry.stat().st_ino
        source.search(RunQuery(PROJECT, ContainerKind.RUN))
        write(tmp_path, "new", 1)
        source.search(RunQuery(PROJECT, ContainerKind.RUN))
        assert entry.stat().st_ino == kept  # one file of 31 is less than a twentieth
        write(tmp_path, "newer", 1)
        source.search(RunQuery(PROJECT, ContainerKind.RUN))
        assert entry.stat().st_ino != kept

    @pytest.mark.parametrize("value", ["off", "OFF"])
    def test_it_can_be_switched_off(
        self, tmp_path: Path, cache_directory: Path, monkeypatch: pytest.MonkeyPatch, value: str
    ) -> None:
        monkeypatch.setenv("NEPTUNE_FRAMES_CACHE", value)
        write(tmp_path, "a", 1)
        assert everything(tmp_path)
        assert not cache_directory.exists()
        assert cache.cache_directory() is None

    def test_a_cache_that_cannot_be_written_is_done_without(
        self, tmp_path: Path, cache_directory: Path, read_files: list[str]
    ) -> None:
        cache_directory.write_text("a file where the directory should be")
        write(tmp_path, "a", 1)
        assert everything(tmp_path) == everything(tmp_path)
        assert read_files == ["a", "a"]

    def test_a_cache_that_can_only_be_read_is_used(
        self, tmp_path: Path, read_files: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It may lie on a file system that is mounted so, or belong to another user."""
        write(tmp_path, "a", 1)
        first = everything(tmp_path)

        def refused(*arguments: Any, **options: Any) -> Any:
            raise PermissionError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(cache.os, "utime", refused)
        assert everything(tmp_path) == first
        assert read_files == ["a"]

    def test_entries_that_cannot_be_removed_stay(
        self, tmp_path: Path, cache_directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = []
        store = cache.store

        def noted(*arguments: Any) -> bool:
            kept.append(store(*arguments))
            return kept[-1]

        def refused(path: Path, *, missing_ok: bool = False) -> None:
            raise PermissionError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(cache, "store", noted)
        monkeypatch.setattr(cache, "MOST_BYTES", 1)
        monkeypatch.setattr(Path, "unlink", refused)
        for number in range(2):
            write(tmp_path / f"archive{number}", "a", number)
            everything(tmp_path / f"archive{number}")
        assert kept == [True, True]
        assert len(list(cache_directory.glob("*.catalog"))) == 2

    def test_buckets_of_one_name_at_two_endpoints_are_two(self, monkeypatch: pytest.MonkeyPatch) -> None:
        place = object_path.ObjectPath(None, "s3://bucket/archive")  # type: ignore[arg-type]
        entries = set()
        for endpoint in ("", "http://one:1", "http://someone:secret@two:2"):
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
            entries.add(str(cache._file_of(place)))
            assert "secret" not in place.identity
        assert len(entries) == 3

    def test_where_it_lies(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NEPTUNE_FRAMES_CACHE")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert cache.cache_directory() == tmp_path / "xdg" / "neptune-frames"
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert cache.cache_directory() == tmp_path / ".cache" / "neptune-frames"


class TestWatching:
    @pytest.fixture(autouse=True)
    def settled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Time stamps count as soon as they are there, and each look compares."""
        monkeypatch.setattr(freshness, "_CLOCK_TICK_NS", -(10**12))
        monkeypatch.setattr(freshness, "_SHARE_OF_TIME", 1)

    def test_nothing_is_listed_while_nothing_changes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        directory = write(tmp_path, "a", 1).parent
        watched = WatchedDirectory(directory, list_parts)
        first = watched.look()
        monkeypatch.setattr(watched, "_list_files", None)
        assert all(watched.look() is first for _ in range(5))

    def test_names_count_at_once(self, tmp_path: Path) -> None:
        path = write(tmp_path, "a", 1)
        watched = WatchedDirectory(path.parent, list_parts)

        def seen() -> list[str]:
            os.utime(path.parent, ns=(0, next(clock)))  # as if the clock were finer than it is
            return sorted(Path(name).name.partition("-")[0] for name in watched.look().parts)

        clock = iter(range(1, 100))
        assert seen() == ["a"]
        other = write(tmp_path, "b", 1)
        assert seen() == ["a", "b"]
        moved = other.with_name(other.name.replace("b-", "c-"))
        other.rename(moved)
        assert seen() == ["a", "c"]
        moved.unlink()
        assert seen() == ["a"]

    def test_files_overwritten_in_place_are_seen_within_a_round(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(freshness, "FILES_COMPARED", 2)
        paths = [write(tmp_path, f"r{number}", number) for number in range(5)]
        watched = WatchedDirectory(paths[0].parent, list_parts)
        for path in paths:
            before = watched.look()
            content = path.read_bytes()
            path.write_bytes(content + b" ")
            looks = [watched.look() for _ in range(3)]
            assert looks[-1] is not before
            assert looks[-1].parts[str(path)].size == len(content) + 1

    def test_looks_that_follow_at_once_compare_no_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = write(tmp_path, "a", 1)
        watched = WatchedDirectory(path.parent, list_parts)
        listed, compared = watched.look(), watched.look()
        assert listed is compared
        now = time.monotonic()
        monkeypatch.setattr(freshness, "_SHARE_OF_TIME", 20)
        watched.look()
        path.write_bytes(path.read_bytes() + b" ")
        monkeypatch.setattr(time, "monotonic", lambda: now)
        assert watched.look() is listed
        monkeypatch.setattr(time, "monotonic", lambda: now + 10)
        assert watched.look() is not listed

    def test_a_directory_that_changed_a_moment_ago_is_listed_each_time(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write(tmp_path, "a", 1)
        changed_ns = path.parent.stat().st_mtime_ns
        watched = WatchedDirectory(path.parent, list_parts)
        monkeypatch.setattr(freshness, "_CLOCK_TICK_NS", 10**12)
        watched.look()
        write(tmp_path, "b", 1)
        os.utime(path.parent, ns=(changed_ns, changed_ns))  # within one tick of the clock
        assert len(watched.look().parts) == 2
        assert watched.listed_ns <= time.time_ns()

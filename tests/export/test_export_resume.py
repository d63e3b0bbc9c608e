"""Exports that end early: what is there is whole, and the same call ends with the same archive."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

import neptune_frames as nf
from archive_content import assert_same, content
from export_projects import PROJECT, tree, write_one, write_project
from neptune_frames.errors import ArchiveError, NeptuneError
from neptune_frames.server.testing import serve_in_thread
from neptune_frames.sources.archive import ArchiveSource, payloads
from neptune_frames.sources.archive.batch_layout import committed_batches, project_directory, read_manifest
from neptune_frames.sources.remote import RemoteSource, RetryPolicy
from neptune_frames.writing import part_files
from neptune_frames.writing.durable import HashingFile, only_writer
from neptune_frames.writing.layouts import LAYOUTS, Layout

RUNS = 5


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neptune_frames.writing.collecting.BATCH_RUNS", 3)
    monkeypatch.setattr("neptune_frames.writing.collecting._FIRST_RUNS", 2)


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("resume") / "exporter", range(RUNS))


@pytest.fixture
def complete(exporter: Path, tmp_path: Path) -> Callable[[Layout], dict[str, str]]:
    """What an export that was not disturbed writes."""

    def export(layout: Layout) -> dict[str, str]:
        nf.export(tmp_path / "undisturbed" / layout, project=PROJECT, source=exporter, layout=layout)
        return tree(tmp_path / "undisturbed" / layout)

    return export


class Interrupted(Exception):
    pass


class StopsAfter(ArchiveSource):
    """An archive that fails at the ``calls``-th answer."""

    def __init__(self, data: Path, calls: int) -> None:
        super().__init__(data)
        self.left = calls

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Interrupted

    def values(self, *args: Any) -> Iterator[Any]:
        for each in super().values(*args):
            self._count()
            yield each

    def float_points(self, *args: Any) -> Iterator[Any]:
        for each in super().float_points(*args):
            self._count()
            yield each

    def fetch_files(self, *args: Any, **options: Any) -> list[bool]:
        self._count()
        return super().fetch_files(*args, **options)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_interrupted_export_goes_on_and_ends_the_same(
    layout: Layout, exporter: Path, complete: Callable[[Layout], dict[str, str]], tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    interruptions = 0
    for calls in range(6, 400, 11):
        try:
            nf.export(kept, project=PROJECT, source=StopsAfter(exporter, calls), layout=layout)
            break
        except Interrupted:
            interruptions += 1
            _check_whole(kept, exporter)
    assert interruptions > 1
    assert tree(kept) == complete(layout)
    again = nf.export(kept, project=PROJECT, source=exporter, layout=layout)
    assert (again.runs, again.kept) == (0, RUNS)


def _check_whole(kept: Path, exporter: Path) -> None:
    """The newest of the runs that an archive shows is as the source has it."""
    try:
        shown = nf.list_runs(project=PROJECT, source=ArchiveSource(kept))
    except NeptuneError:
        return  # nothing of the project is there yet
    there, expected = (
        nf.fetch_metrics(project=PROJECT, runs=shown[-1:], lineage_to_the_root=False, source=source).collect()
        for source in (ArchiveSource(kept), exporter)
    )
    assert there.equals(expected)


@pytest.mark.parametrize(
    "fails_at", [pytest.param(1, marks=pytest.mark.slow), 11, pytest.param(14, marks=pytest.mark.slow)]
)
def test_a_full_disk_leaves_a_valid_archive(
    fails_at: int,
    exporter: Path,
    complete: Callable[[Layout], dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept, closed = tmp_path / "kept", 0

    class FullDisk(HashingFile):
        def close(self) -> None:
            nonlocal closed
            super().close()
            closed += 1
            if closed >= fails_at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(part_files, "HashingFile", FullDisk)
        with pytest.raises(ArchiveError, match=r"No space left on device.*export again"):
            nf.export(kept, project=PROJECT, source=exporter)
    shown = committed_batches(project_directory(kept, PROJECT))
    assert all(read_manifest(path).runs for _, path in shown)
    nf.export(kept, project=PROJECT, source=exporter)
    assert tree(kept) == complete("neptune-frames")


@pytest.mark.parametrize(("what", "fails_at"), [("payloads", 9), ("scratch files", 2)])
def test_a_disk_that_is_full_before_a_batch_leaves_a_valid_archive(
    what: str,
    fails_at: int,
    exporter: Path,
    complete: Callable[[Layout], dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept, written = tmp_path / "kept", 0
    # Points of a batch go to scratch files.
    monkeypatch.setattr("neptune_frames.writing.point_store.MEMORY_BYTES", 1000)
    place, name = (payloads, "copy_payload") if what == "payloads" else (pa, "OSFile")
    original = getattr(place, name)

    def full(*arguments: Any) -> Any:
        nonlocal written
        written += 1
        if written >= fails_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(place, name, full)
        with pytest.raises(ArchiveError, match=r"No space left on device.*export again"):
            nf.export(kept, project=PROJECT, source=exporter)
    shown = committed_batches(project_directory(kept, PROJECT))
    assert all(read_manifest(path).runs for _, path in shown)
    nf.export(kept, project=PROJECT, source=exporter)
    assert tree(kept) == complete("neptune-frames")


class Flaky(httpx.BaseTransport):
    """The network, which breaks: from the ``good``-th request on, every request fails ``kind``'s way."""

    def __init__(self, good: int, kind: str) -> None:
        self._inner = httpx.HTTPTransport()
        self._good = good
        self._kind = kind
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self._good -= 1
            broken = self._good < 0
        if not broken:
            return self._inner.handle_request(request)
        if self._kind == "cut":
            raise httpx.ConnectError("the network is unreachable", request=request)
        return httpx.Response(503, request=request)

    def close(self) -> None:
        self._inner.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cut", "503"])
def test_a_network_that_breaks_leaves_a_valid_archive(kind: str, exporter: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with serve_in_thread(exporter) as server:
        policy = RetryPolicy(sleep=lambda seconds: None, soft_timeout=0.0, hard_timeout=0.0)
        failures = 0
        for good in range(10, 400, 18):
            source = RemoteSource(server.api_token, transport=Flaky(good, kind), retry_policy=policy)
            try:
                nf.export(kept, project=PROJECT, source=source)
                break
            except NeptuneError:
                failures += 1
            finally:
                source.close()
        assert failures > 1
    assert_same(
        content(ArchiveSource(exporter), PROJECT, tmp_path / "one"),
        content(ArchiveSource(kept), PROJECT, tmp_path / "two"),
    )


def test_leftovers_are_hidden_and_removed(exporter: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    nf.export(kept, project=PROJECT, runs="run-00[0-2]", source=exporter)
    project = project_directory(kept, PROJECT)
    for name in (".batch=000009.staging/float_series", ".scratch/3"):
        (project / name).mkdir(parents=True)
        (project / name / "part-00000.parquet").write_bytes(b"half")
    assert nf.list_runs(project=PROJECT, source=ArchiveSource(kept)) == [f"run-00{n}" for n in range(3)]
    nf.export(kept, project=PROJECT, source=exporter)
    assert {path.name for path in project.iterdir()} == {
        "files", "batch=000000", "batch=000001", ".writer.lock",
    }  # fmt: skip


def test_leftovers_of_the_exporters_layout_are_removed(exporter: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    nf.export(kept, project=PROJECT, source=exporter, layout="neptune-exporter")
    expected = tree(kept)
    (project,) = (kept / "data").iterdir()
    part = next(path for path in project.iterdir() if path.name.startswith("run-003"))
    part.rename(part.with_name(part.name.replace("_part_0", "_part_1")))
    part.with_name(part.name + ".tmp").write_bytes(b"half")
    again = nf.export(kept, project=PROJECT, source=exporter, layout="neptune-exporter")
    assert (again.runs, again.kept) == (1, RUNS - 1)
    assert tree(kept) == expected


def test_two_exports_do_not_write_one_project(exporter: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    nf.export(kept, project=PROJECT, runs=["run-000"], source=exporter)
    with only_writer(project_directory(kept, PROJECT)), pytest.raises(ArchiveError, match="Another export"):
        nf.export(kept, project=PROJECT, source=exporter)
    assert nf.export(kept, project=PROJECT, source=exporter).runs == RUNS - 1


def test_another_selection_of_attributes_is_refused(exporter: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    nf.export(kept, project=PROJECT, runs=["run-000"], attributes="loss", source=exporter)
    expected = tree(kept)
    with pytest.raises(ArchiveError, match="other attributes or types"):
        nf.export(kept, project=PROJECT, attributes="acc", source=exporter)
    with pytest.raises(ArchiveError, match="with the content of files, and not chosen attributes, without"):
        nf.export(kept, project=PROJECT, attributes="loss", files=False, source=exporter)
    assert tree(kept) == expected
    assert nf.export(kept, project=PROJECT, runs="run-00[0-2]", attributes="loss", source=exporter).runs == 2


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_directory_with_other_things_is_refused(layout: Layout, exporter: Path, tmp_path: Path) -> None:
    other: Layout = "neptune-frames" if layout == "neptune-exporter" else "neptune-exporter"
    nf.export(tmp_path / "kept", project=PROJECT, runs=["run-000"], source=exporter, layout=other)
    expected = tree(tmp_path / "kept")
    with pytest.raises(ArchiveError, match="Give"):
        nf.export(tmp_path / "kept", project=PROJECT, source=exporter, layout=layout)
    assert tree(tmp_path / "kept") == expected


def test_an_archive_of_a_later_version_is_not_written_to(exporter: Path, tmp_path: Path) -> None:
    (tmp_path / "neptune-frames.json").write_text('{"format": "neptune-frames", "version": 2}')
    with pytest.raises(ArchiveError, match="version 2"):
        nf.export(tmp_path, project=PROJECT, source=exporter)


def test_runs_that_came_meanwhile_are_brought_by_the_next_export(tmp_path: Path) -> None:
    exporter = write_project(tmp_path / "exporter", range(3))
    nf.export(tmp_path / "kept", project=PROJECT, source=exporter)
    write_one(exporter, 7)
    again = nf.export(tmp_path / "kept", project=PROJECT, source=exporter)
    assert (again.runs, again.kept) == (1, 3)


class Unreadable(ArchiveSource):
    """An archive of which one kind of answer fails as a disk does."""

    def __init__(self, data: Path, answer: str) -> None:
        super().__init__(data)
        setattr(self, answer, self._fail)

    def _fail(self, *arguments: Any, **options: Any) -> Any:
        raise OSError(errno.EIO, "Input/output error", "/source/data/part.parquet")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("answer", ["search", "values", "float_points"])
def test_a_source_that_cannot_be_read_is_not_blamed_on_the_archive(
    answer: str, layout: Layout, exporter: Path, tmp_path: Path
) -> None:
    with pytest.raises(ArchiveError, match=r"The source could not be read: .*part\.parquet.*export again") as caught:
        nf.export(tmp_path / "kept", project=PROJECT, source=Unreadable(exporter, answer), layout=layout)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_file_that_cannot_be_copied_is_blamed_on_neither(exporter: Path, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"could not be copied from the source to the archive: .*part\.parquet"):
        nf.export(tmp_path / "kept", project=PROJECT, source=Unreadable(exporter, "fetch_files"))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "place",
    [
        "neptune_frames.writing.exporting.sync_directory",
        "neptune_frames.writing.point_store.PointStore.add",
        "neptune_frames.writing.payloads.sync_file",
        "neptune_frames.writing.pipeline.Batch.close",
    ],
)
def test_an_archive_that_cannot_be_written(
    place: str, layout: Layout, exporter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **options: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(place, full)
    with pytest.raises(ArchiveError, match=r"The archive .*kept could not be written: .*No space left") as caught:
        nf.export(tmp_path / "kept", project=PROJECT, source=exporter, layout=layout)
    assert isinstance(caught.value.__cause__, OSError)

"""Batches in an object store: several exports at once, and exports that break off at any point."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from archive_layout_small import PROJECT, write_small_run
from neptune_frames.archives.checking import check_archive
from neptune_frames.archives.comparing import compare
from neptune_frames.archives.converting import convert
from neptune_frames.cli import main
from neptune_frames.errors import ArchiveError
from neptune_frames.query.selection import ContainerKind, RunQuery
from neptune_frames.sources.archive import ArchiveSource, object_path
from neptune_frames.sources.archive.batch_layout import (
    FORMAT_FILE,
    batch_directory,
    claim_file,
    format_document,
    project_directory,
    staged_number,
)
from neptune_frames.sources.archive.object_path import ObjectPath, open_location
from neptune_frames.sources.choose import close_sources
from neptune_frames.writing import publishing

obstore_store = pytest.importorskip("obstore.store")

URL = "s3://bucket/archive"
#: What an export does to a store, after which it may break off.
STEPS = ("upload", "create", "copy_to", "unlink")


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> Any:
    """One store in memory, whatever URL is opened."""
    memory = obstore_store.MemoryStore()
    monkeypatch.setattr(object_path, "_store_of", lambda url, scheme: memory)
    return memory


@pytest.fixture
def exports(tmp_path: Path) -> tuple[Path, Path]:
    """Two exports of one project whose runs are called the same and hold other values, points and files."""
    for name, points in (("one", 50), ("other", 300)):
        for number in range(3):
            write_small_run(tmp_path / name, number, points=points, note=name)
        for payload in (tmp_path / name / "files").rglob("*.bin"):
            payload.write_bytes(f"{payload} of {name}".encode())
    return tmp_path / "one", tmp_path / "other"


def project() -> ObjectPath:
    place = open_location(URL)
    assert isinstance(place, ObjectPath)
    return project_directory(place, PROJECT)


def batch() -> ObjectPath:
    return batch_directory(project(), 0)


def holds(export: Path) -> bool:
    """Whether the archive is whole, and says what this export says."""
    assert check_archive(URL).problems == []
    return compare(ArchiveSource(URL), ArchiveSource(export), payloads=True).is_equal


def staged() -> list[str]:
    return [path.name for path in project().iterdir() if staged_number(path.name) is not None]


def before(monkeypatch: pytest.MonkeyPatch, step: str, act: Callable[[ObjectPath], None]) -> None:
    """Do something before each of these steps of an export."""
    original = getattr(ObjectPath, step)

    def noted(path: ObjectPath, *arguments: Any, **options: Any) -> Any:
        act(path)
        return original(path, *arguments, **options)

    monkeypatch.setattr(ObjectPath, step, noted)


def test_the_export_that_comes_second_leaves_the_first_as_it_is(
    exports: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = exports
    with monkeypatch.context() as meanwhile:

        def another(path: ObjectPath) -> None:
            """All of another export, while this one has uploaded everything and committed nothing."""
            if path.name.endswith(".claim"):
                meanwhile.undo()
                meanwhile.setattr(object_path, "_store_of", lambda url, scheme: path._store)
                assert convert(one, URL, progress_bar=False).runs == 3

        before(meanwhile, "create", another)
        with pytest.raises(ArchiveError, match=r"batch=000000 was written by another export meanwhile"):
            convert(other, URL, progress_bar=False)
    assert holds(one)
    assert staged() == []
    assert convert(other, URL, progress_bar=False).kept == 3


def test_exports_side_by_side(exports: tuple[Path, Path]) -> None:
    together = threading.Barrier(2)
    failures: list[BaseException | None] = [None, None]

    def run(number: int) -> None:
        together.wait()
        try:
            convert(exports[number], URL, progress_bar=False)
        except ArchiveError as error:
            failures[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert any(failure is None for failure in failures)
    assert sum(holds(export) for export in exports) == 1
    assert staged() == []


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("done", [0, 1, 3])
def test_an_export_that_breaks_off_is_completed_or_written_again(
    step: str, done: int, exports: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = exports
    left = [done]

    def break_off(path: ObjectPath) -> None:
        if left[0] == 0:
            raise ArchiveError("the network is gone")
        left[0] -= 1

    with monkeypatch.context() as broken:
        broken.setattr(publishing, "TRANSFERS", 1)
        before(broken, step, break_off)
        # Not every kind of step is taken so often: then the export ends well.
        with suppress(ArchiveError):
            convert(one, URL, progress_bar=False)
    claimed = any(path.name.endswith(".claim") for path in project().iterdir())
    there = (batch() / "manifest.json").is_file()
    assert ArchiveSource(URL).projects().num_rows == there
    # What had been claimed counts; what had not is as if it had never been there.
    summary = convert(other, URL, progress_bar=False)
    assert summary.kept == (3 if claimed else 0)
    assert holds(one if claimed else other)
    assert staged() == []
    assert {path.relative_to(batch()) for path in batch().files_below()} == {
        "attributes/part-00000.parquet",
        "float_series/part-00000.parquet",
        "manifest.json",
        "payloads.parquet",
        "runs.parquet",
        "series/part-00000.parquet",
        "string_series/part-00000.parquet",
    }


def test_two_complete_the_same_batch(exports: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = exports
    helped = []

    def help_out(path: ObjectPath) -> None:
        if ".staging" in str(path) and not helped:
            helped.append(path)
            publishing.complete_claimed(project())

    before(monkeypatch, "copy_to", help_out)
    assert convert(one, URL, progress_bar=False).runs == 3
    assert helped
    assert holds(one)
    assert not holds(other)


def test_a_claim_whose_answer_was_lost_is_recognised(
    exports: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    create = ObjectPath.create

    def repeated(path: ObjectPath, content: bytes) -> bool:
        """As a store answers a request that a client sends again since it heard nothing of the first."""
        create(path, content)
        return create(path, content)

    monkeypatch.setattr(ObjectPath, "create", repeated)
    assert convert(exports[0], URL, progress_bar=False).runs == 3
    assert holds(exports[0])


def test_what_earlier_releases_left_without_a_manifest_is_replaced(exports: tuple[Path, Path]) -> None:
    (project().parent / FORMAT_FILE).write_bytes(format_document())
    (batch() / "runs.parquet").write_bytes(b"half a file")
    (batch() / "float_series/part-00007.parquet").write_bytes(b"of an export that had more points")
    assert convert(exports[0], URL, progress_bar=False).runs == 3
    assert holds(exports[0])
    assert not (batch() / "float_series/part-00007.parquet").is_file()


def test_an_export_brings_only_what_it_looks_up(exports: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    convert(exports[0], URL, progress_bar=False)
    for update, expected in (
        (False, {"manifest.json", "runs.parquet"}),
        (True, {"manifest.json", "runs.parquet", "series/part-00000.parquet", "attributes/part-00000.parquet"}),
    ):
        with monkeypatch.context() as noting:
            brought: list[str] = []
            before(noting, "download", lambda path, into=brought: into.append(path.relative_to(batch())))
            convert(exports[0], URL, update=update, progress_bar=False)
        assert set(brought) == expected


def test_objects_too_large_to_be_copied_by_the_store(
    exports: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_path, "_COPIED_BYTES", 1000)
    assert convert(exports[0], URL, progress_bar=False).runs == 3
    assert holds(exports[0])


def test_staged_batches_are_not_read(exports: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look(path: ObjectPath) -> None:
        if path.name.endswith(".claim"):
            seen.append(ArchiveSource(URL).projects().num_rows)

    before(monkeypatch, "create", look)
    convert(exports[0], URL, progress_bar=False)
    assert seen == [0]
    assert ArchiveSource(URL).search(RunQuery(PROJECT, ContainerKind.RUN)).runs.num_rows == 3


def test_every_command_takes_a_url(
    exports: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    there = set(tmp_path.iterdir())
    assert main(["export", URL, "--project", PROJECT, "--source", str(exports[0])]) == 0
    assert f"Written to {URL} (neptune-frames)" in capsys.readouterr().out
    assert holds(exports[0])
    assert main(["info", URL]) == 0
    assert main(["verify", URL, "--against", URL]) == 0
    assert main(["export", "back", "--project", PROJECT, "--source", URL]) == 0
    assert main(["convert", URL, "again"]) == 0
    assert set(tmp_path.iterdir()) == {*there, tmp_path / "back", tmp_path / "again"}
    with pytest.raises(SystemExit):
        main(["demo", "--output", URL])
    assert "not to s3://bucket/archive" in capsys.readouterr().err
    close_sources()


def test_a_batch_that_has_no_claim_is_not_replaced(exports: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an archive that was copied into the store from a directory."""
    one, other = exports
    convert(one, URL, progress_bar=False)
    claim_file(project(), 0).unlink()
    with monkeypatch.context() as late:
        late.setattr("neptune_frames.writing.object_store.committed_batches", lambda place: [])
        with pytest.raises(ArchiveError, match=r"batch=000000 was written by another export"):
            convert(other, URL, progress_bar=False)
    assert holds(one)
    assert staged() == []


def test_an_export_goes_on_after_batches_of_others(exports: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Several batches; the export breaks off while it publishes the second, and the next one brings the rest."""
    monkeypatch.setattr("neptune_frames.writing.collecting.BATCH_RUNS", 1)
    monkeypatch.setattr("neptune_frames.writing.collecting._FIRST_RUNS", 1)

    def break_off(path: ObjectPath) -> None:
        if ".batch=000001." in str(path):
            raise ArchiveError("the network is gone")

    with monkeypatch.context() as broken:
        before(broken, "copy_to", break_off)
        with pytest.raises(ArchiveError, match="network is gone"):
            convert(exports[0], URL, progress_bar=False)
    summary = convert(exports[0], URL, progress_bar=False)
    assert (summary.runs, summary.kept) == (1, 2)
    assert holds(exports[0])

"""A project that cannot be read, or takes long to be read, beside others: they answer as if they were alone."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from archive_layout_small import batch_of, change_manifest, write_small_run
from neptune_frames.archives.comparing import compare
from neptune_frames.archives.converting import convert
from neptune_frames.errors import (
    ArchiveError,
    DamagedFileError,
    NeptuneProjectInaccessible,
    NeptuneUnexpectedResponseError,
    NeptuneWarning,
)
from neptune_frames.query.selection import ContainerKind, RunQuery
from neptune_frames.sources.archive import ArchiveSource, project_uuid
from neptune_frames.sources.archive.batch_layout import MANIFEST, RUNS_FILE, VERSION, project_directory, read_manifest
from neptune_frames.sources.archive.batch_store import BatchStore
from neptune_frames.sources.archive.exporter_store import ExporterStore
from neptune_frames.sources.archive.layout import encoded_name

GOOD, BAD = "ws/good", "ws/bad"


def exported(root: Path, *projects: str) -> Path:
    for project in projects:
        write_small_run(root, 0, project=project)
    return root


def converted(root: Path, *projects: str) -> Path:
    convert(exported(root / "exported", *projects), root / "own", progress_bar=False)
    return root / "own"


def a_damaged_part(root: Path, *others: str) -> Path:
    archive = exported(root, BAD, *others)
    (part,) = (archive / "data" / encoded_name(BAD)).glob("*.parquet")
    part.write_bytes(b"PAR1 damaged")
    return archive


def a_damaged_manifest(root: Path, *others: str) -> Path:
    archive = converted(root, BAD, *others)
    (project_directory(archive, BAD) / "batch=000000" / MANIFEST).write_bytes(b"{")
    return archive


def a_later_version(root: Path, *others: str) -> Path:
    archive = converted(root, BAD, *others)
    change_manifest(project_directory(archive, BAD) / "batch=000000", version=VERSION + 1)
    return archive


DAMAGES = [a_damaged_part, a_damaged_manifest, a_later_version]


@pytest.mark.parametrize("damage", DAMAGES)
class TestDamage:
    def test_others_answer(self, tmp_path: Path, damage: Callable[..., Path]) -> None:
        source = ArchiveSource(damage(tmp_path, GOOD))
        assert source.project_name(GOOD) == source.project_name(project_uuid(GOOD)) == GOOD
        answer = source.search(RunQuery(GOOD, ContainerKind.RUN), ["model"])
        assert source.find_runs([f"{GOOD}/SYS-0"]).runs.equals(answer.runs)
        (model,) = answer.values["file"].to_pylist()
        assert source.payload(GOOD, model["value"]["path"]) is not None

    def test_whoever_asks_for_it_or_for_all_is_told(self, tmp_path: Path, damage: Callable[..., Path]) -> None:
        source = ArchiveSource(damage(tmp_path, GOOD))
        match = "later|damaged|version"
        for project in (BAD, project_uuid(BAD), "ws/unknown", None):
            with pytest.raises(ArchiveError, match=match):
                source.search(RunQuery(project, ContainerKind.RUN))
        with pytest.raises(ArchiveError, match=match):
            source.payload(BAD, "run-0/model.bin")
        for ask in (lambda: convert(tmp_path / "x", tmp_path / "y"), lambda: compare(source, source)):
            with pytest.raises(ArchiveError):
                ask()

    def test_the_list_of_projects_leaves_it_out_with_one_warning(
        self, tmp_path: Path, damage: Callable[..., Path]
    ) -> None:
        source = ArchiveSource(damage(tmp_path, GOOD))
        with pytest.warns(NeptuneWarning, match="is left out of the projects") as warned:
            listed = [source.projects()["project"].to_pylist() for _ in range(2)]
        assert listed == [[GOOD], [GOOD]]
        assert len(warned) == 1
        with pytest.raises(ArchiveError):
            source.projects(complete=True)

    def test_alone_it_is_an_error(self, tmp_path: Path, damage: Callable[..., Path]) -> None:
        source = ArchiveSource(damage(tmp_path))
        for ask in (source.projects, lambda: source.project_name(BAD), lambda: source.project_name("ws/unknown")):
            with pytest.raises(ArchiveError) as caught:
                ask()
            assert not isinstance(caught.value, NeptuneProjectInaccessible)


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="file names are always text there")
@pytest.mark.parametrize("layout", [exported, converted])
def test_names_that_are_no_text(tmp_path: Path, layout: Callable[..., Path]) -> None:
    archive = layout(tmp_path, BAD, GOOD)
    project = project_directory(archive, BAD) if layout is converted else archive / "data" / encoded_name(BAD)
    project.rename(project.with_name(f"{project.name}\udcff"))
    source = ArchiveSource(archive)
    assert source.project_name(GOOD) == GOOD
    with pytest.raises(ArchiveError, match=r"udcff.* is not in UTF-8. Rename it"):
        source.project_name(BAD)
    odd = archive.with_name("odd\udcff")
    archive.rename(odd)
    with pytest.raises(ArchiveError, match="not in UTF-8"):
        ArchiveSource(odd).project_name(GOOD)


@pytest.mark.filterwarnings("ignore:.*is left out of the projects")
def test_a_server_tells_so_too(tmp_path: Path) -> None:
    pytest.importorskip("starlette")
    from neptune_frames.server.testing import serve_in_thread
    from neptune_frames.sources.remote import RemoteSource

    with serve_in_thread(a_damaged_part(tmp_path, GOOD)) as server:
        remote = RemoteSource(server.api_token)
        assert remote.project_name(GOOD) == GOOD
        assert remote.search(RunQuery(GOOD, ContainerKind.RUN)).total == 1
        for ask in (remote.project_name, lambda project: remote.search(RunQuery(project, ContainerKind.RUN))):
            with pytest.raises(NeptuneUnexpectedResponseError, match="is damaged"):
                ask(BAD)
        remote.close()


def test_a_conversion_of_all_projects_does_not_pass_over_one(tmp_path: Path) -> None:
    archive = a_damaged_part(tmp_path / "archive", GOOD)
    with pytest.raises(DamagedFileError):
        convert(archive, tmp_path / "copy", progress_bar=False)
    assert convert(archive, tmp_path / "copy", projects=[GOOD], progress_bar=False).runs == 1


def test_of_many_damaged_parts_only_some_are_read_for_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = exported(tmp_path, BAD, GOOD) / "data" / encoded_name(BAD)
    (part,) = directory.glob("*.parquet")
    part.write_bytes(b"PAR1")
    for number in range(100):
        (directory / f"r{number}_part_0.parquet").write_bytes(b"PAR1")
    read: list[str] = []
    project_in = ExporterStore.project_in

    def noting(store: ExporterStore, part: str) -> str | None:
        read.append(part)
        return project_in(store, part)

    monkeypatch.setattr(ExporterStore, "project_in", noting)
    assert ArchiveSource(tmp_path).project_name(GOOD) == GOOD
    assert len(read) == 11


@pytest.mark.parametrize(("layout", "store"), [(exported, ExporterStore), (converted, BatchStore)])
def test_others_do_not_wait_for_a_project_that_is_being_read(
    tmp_path: Path,
    layout: Callable[..., Path],
    store: type[ExporterStore | BatchStore],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive = layout(tmp_path, "ws/slow", GOOD)
    reading, go_on = threading.Event(), threading.Event()
    read_inventory = store.read_inventory

    def slow(self: object, parts: dict[str, object]) -> object:
        if "slow" in next(iter(parts)):
            reading.set()
            assert go_on.wait(60)
        return read_inventory(self, parts)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "read_inventory", slow)
    source = ArchiveSource(archive)
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(source.project_name("ws/slow")))]
    threads.append(threading.Thread(target=lambda: answers.append(source.project_name(GOOD))))
    try:
        threads[0].start()
        assert reading.wait(60)
        threads[1].start()
        threads[1].join(20)
        assert answers == [GOOD]
    finally:
        go_on.set()
        for thread in threads:
            thread.join()
    assert answers == [GOOD, "ws/slow"]


def test_a_batch_of_another_archive_in_the_same_place(tmp_path: Path) -> None:
    archive = converted(tmp_path / "one", GOOD)
    source = ArchiveSource(archive)
    assert source.project_name(GOOD) == GOOD
    change_manifest(batch := batch_of(archive), project="ws/other")
    os.utime(batch)
    os.utime(batch.parent)
    assert source.projects()["project"].to_pylist() == ["ws/other"]


def test_a_manifest_that_names_no_runs(tmp_path: Path) -> None:
    archive = converted(tmp_path, BAD)
    batch = project_directory(archive, BAD) / "batch=000000"
    change_manifest(batch, files=[entry for entry in read_manifest(batch).files if entry.path != RUNS_FILE])
    with pytest.raises(DamagedFileError, match=r"runs\.parquet.*the manifest of its batch does not name it"):
        ArchiveSource(archive).catalogs()

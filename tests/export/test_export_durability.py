"""What a batch shows is on the disk before it is shown: the order of syncs and renames, which no crash can test."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import neptune_frames as nf
from export_projects import PROJECT, write_project
from neptune_frames.sources.archive.batch_layout import batch_directory, project_directory, staging_directory
from neptune_frames.sources.archive.layout import encoded_name, exporter_part_name
from neptune_frames.writing import exporter_project
from neptune_frames.writing.durable import write_durably
from neptune_frames.writing.exporter_layout import write_run
from neptune_frames.writing.layouts import LAYOUTS, Layout

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="paths of descriptors are asked of Linux")


class Act(NamedTuple):
    """A sync of a path, or a rename to it."""

    kind: str
    path: Path
    origin: Path | None = None


class Recorded(list[Act]):
    """Syncs and renames in their order."""

    def first(self, kind: str, path: Path) -> int:
        return next(at for at, act in enumerate(self) if (act.kind, act.path) == (kind, path))

    def synced(self, path: Path, after: int = 0) -> int:
        """When a path was synced first after that; a path that never was is an error."""
        found = [at for at, act in enumerate(self) if at >= after and (act.kind, act.path) == ("sync", path)]
        assert found, f"{path} is not synced after {self[after - 1] if after else 'the start'}"
        return found[0]

    def renamed(self, path: Path) -> int:
        return self.first("rename", path)


@pytest.fixture
def acts(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    recorded = Recorded()
    fsync = os.fsync

    def noted_sync(descriptor: int) -> None:
        recorded.append(Act("sync", Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    def noted_rename(rename: Callable[..., None], source: Any, target: Any, **options: Any) -> None:
        rename(source, target, **options)
        recorded.append(Act("rename", Path(target), Path(source)))

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "rename", partial(noted_rename, os.rename))
    monkeypatch.setattr(os, "replace", partial(noted_rename, os.replace))
    return recorded


@pytest.fixture
def exporter(tmp_path: Path) -> Path:
    return write_project(tmp_path / "exporter", range(3))


def test_a_batch_is_on_the_disk_before_it_is_shown(
    exporter: Path, tmp_path: Path, acts: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neptune_frames.writing.point_store.BLOCK_POINTS", 8)
    monkeypatch.setattr("neptune_frames.writing.point_files.PART_BYTES", 1)
    nf.export(tmp_path / "kept", project=PROJECT, source=exporter)
    project = project_directory(tmp_path / "kept", PROJECT)
    batch, staging = batch_directory(project, 0), staging_directory(project, 0)
    shown = acts.renamed(batch)
    there = [path.relative_to(batch) for path in (batch, *batch.rglob("*"))]
    assert len([path for path in there if path.parent.name == "float_series"]) > 1
    for path in there:
        assert acts.synced(staging / path) < shown, path
    for directory in [path for path in there if (batch / path).is_dir()]:
        for file in [path for path in there if path.parent == directory and path != directory]:
            assert acts.synced(staging / file) < acts.synced(staging / directory), "names come after what they name"
    acts.synced(project, after=shown)
    _check_payloads(project / "files", acts, shown)


def test_a_small_file_is_on_the_disk_when_it_is_written(tmp_path: Path, acts: Recorded) -> None:
    write_durably(tmp_path / "small", b"content")
    assert [(act.kind, act.path.parent) for act in acts[:2]] == [("sync", tmp_path), ("rename", tmp_path)]
    assert acts[1] == Act("rename", tmp_path / "small", acts[0].path)
    assert acts[2:] == [Act("sync", tmp_path)]


def test_the_format_of_an_archive_is_on_the_disk_before_its_projects(
    exporter: Path, tmp_path: Path, acts: Recorded
) -> None:
    kept = tmp_path / "kept"
    nf.export(kept, project=PROJECT, source=exporter)
    written = acts.renamed(kept / "neptune-frames.json")
    origin = acts[written].origin
    assert origin is not None
    assert acts.synced(origin) < written
    assert acts.synced(kept, after=written) < acts.renamed(batch_directory(project_directory(kept, PROJECT), 0))


def test_a_run_of_the_exporters_layout_is_on_the_disk_before_it_is_shown(
    exporter: Path, tmp_path: Path, acts: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter_project, "write_run", partial(write_run, part_bytes=0))
    kept = tmp_path / "kept"
    nf.export(kept, project=PROJECT, source=exporter, layout="neptune-exporter")
    data = kept / "data" / encoded_name(PROJECT)
    for run in ("run-000", "run-001", "run-002"):
        parts = [data / path.name for path in data.glob(exporter_part_name(run, 0).replace("_part_0", "_part_*"))]
        assert len(parts) > 2
        complete = acts.renamed(data / exporter_part_name(run, 0))
        for part in parts:
            written = acts.renamed(part)
            assert written <= complete, "part 0 says that the run is complete"
            assert acts.synced(part.with_name(part.name + ".tmp")) < written
        last = max(acts.renamed(part) for part in parts if acts.renamed(part) != complete)
        assert acts.synced(data, after=last) < complete
        acts.synced(data, after=complete)
    _check_payloads(kept / "files" / encoded_name(PROJECT), acts, acts.renamed(data / exporter_part_name("run-000", 0)))


def _check_payloads(files: Path, acts: Recorded, shown: int) -> None:
    """Each payload is synced, then renamed, and then are its directories; all before it is named by anything."""
    payloads = [path for path in files.rglob("*") if path.is_file()]
    assert payloads
    for payload in payloads:
        renamed = acts.renamed(payload)
        origin = acts[renamed].origin
        assert origin is not None
        assert acts.synced(origin) < renamed
        for directory in payload.parents[: len(payload.relative_to(files).parts) + 1]:
            assert acts.synced(directory, after=renamed) < shown, directory


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_but_the_archive_is_left(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neptune_frames.writing.point_store.MEMORY_BYTES", 1)
    source = write_project(tmp_path / "exporter", range(3))
    nf.export(tmp_path / "kept", project=PROJECT, source=source, layout=layout)
    hidden = {path.name for path in (tmp_path / "kept").rglob(".*")}
    assert hidden == {".writer.lock"}

"""Payloads: each run keeps its own, whatever ran before, and what the archive vouches for is what the source has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import neptune_frames as nf
from archive_content import assert_same, content
from export_projects import PROJECT, tree, write_one, write_project
from neptune_frames.archives.checking import check_archive
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.archive.batch_layout import project_directory
from neptune_frames.sources.archive.layout import exporter_part_name
from neptune_frames.sources.base import FileRequest
from neptune_frames.writing.exporter_layout import parameter_rows, write_payload, write_run
from neptune_frames.writing.layouts import LAYOUTS, Layout


class CountsFiles(ArchiveSource):
    """Remembers which files were asked for."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.asked: list[str] = []

    def fetch_files(self, files: Sequence[FileRequest], *, progress: bool = True) -> list[bool]:
        self.asked += [file.path for file in files]
        return super().fetch_files(files, progress=progress)


def _same(exporter: Path, kept: Path, tmp_path: Path) -> None:
    assert_same(
        content(ArchiveSource(exporter), PROJECT, tmp_path / "one"),
        content(ArchiveSource(kept), PROJECT, tmp_path / "two"),
    )


def _write_run_with_file(root: Path, run: str, text: bytes, attribute: str = "model") -> None:
    path = f"{run.replace(' ', '-')}/m.bin"
    write_payload(root / "files", PROJECT, path, text)
    parameters: dict[str | tuple[str, str], Any] = {"sys/id": run, "sys/custom_run_id": run, (attribute, "file"): path}
    write_run(root / "data", PROJECT, run, [parameter_rows(parameters)])


@pytest.mark.parametrize("runs", [("a b", "a_b"), ("a_b", "a b"), ("A_b", "a_b"), ("a/b", "a_b")])
def test_runs_exported_one_after_the_other_keep_their_files(runs: tuple[str, str], tmp_path: Path) -> None:
    exporter, kept = tmp_path / "exporter", tmp_path / "kept"
    for run in runs:
        _write_run_with_file(exporter, run, f"the file of {run}".encode())
    for run in runs:
        nf.export(kept, project=PROJECT, runs=[run], source=exporter, layout="neptune-exporter")
    _same(exporter, kept, tmp_path)
    directories = {path.name.casefold() for path in (kept / "files").glob("*/*")}
    assert len(directories) == 2, "distinct where case does not count"
    assert "a_b" in directories, "the first keeps the name that the exporter gives it"


def test_the_order_of_exports_that_break_off_does_not_matter(tmp_path: Path) -> None:
    """Names depend on the runs asked for, not on those that an earlier attempt at the same export has written."""
    exporter = tmp_path / "exporter"
    for run in ("a b", "a_b"):
        _write_run_with_file(exporter, run, run.encode() * 3)
    nf.export(tmp_path / "whole", project=PROJECT, source=exporter, layout="neptune-exporter")
    nf.export(tmp_path / "kept", project=PROJECT, source=exporter, layout="neptune-exporter")
    next((tmp_path / "kept/data").rglob(exporter_part_name("a_b", 0))).unlink()
    nf.export(tmp_path / "kept", project=PROJECT, source=exporter, layout="neptune-exporter")
    assert tree(tmp_path / "kept") == tree(tmp_path / "whole")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_an_export_left_behind_is_not_trusted(layout: Layout, tmp_path: Path) -> None:
    """As after a crash of the machine: files of the right size whose content never came to the disk."""
    exporter, kept = write_project(tmp_path / "exporter", range(2)), tmp_path / "kept"
    nf.export(kept, project=PROJECT, source=exporter, layout=layout)
    expected = tree(kept)
    for path in [*kept.rglob("batch=*/*"), *kept.rglob("data/*/*")]:
        if path.is_file():
            path.unlink()
    for path in kept.rglob("batch=*/*"):
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    for path in kept.rglob("batch=*"):
        path.rmdir()
    payloads = [path for path in kept.rglob("*.*") if path.suffix in (".bin", ".txt")]
    assert payloads
    for path in payloads:
        path.write_bytes(bytes(path.stat().st_size))
    nf.export(kept, project=PROJECT, source=exporter, layout=layout)
    assert tree(kept) == expected
    assert check_archive(kept).problems == []
    _same(exporter, kept, tmp_path)


def test_an_update_brings_only_files_that_are_new_or_damaged(tmp_path: Path) -> None:
    exporter, kept = write_project(tmp_path / "exporter", range(3)), tmp_path / "kept"
    nf.export(kept, project=PROJECT, source=exporter)
    write_one(exporter, 0, steps=22)
    write_one(exporter, 1, steps=22)
    (damaged,) = [path for path in kept.rglob("run-001*/model*") if path.is_file()]
    stored = damaged.read_bytes()
    damaged.write_bytes(bytes(len(stored)))
    source = CountsFiles(exporter)
    assert nf.export(kept, project=PROJECT, source=source, update=True).runs == 2
    assert source.asked == ["run-001/model.bin"]
    assert damaged.read_bytes() == stored
    assert check_archive(kept).problems == []
    table = pl.read_parquet(project_directory(kept, PROJECT) / "batch=000001" / "payloads.parquet")
    assert table["sha256"].null_count() == 0


def test_a_stored_file_that_the_source_has_lost_stays(tmp_path: Path) -> None:
    exporter, kept = write_project(tmp_path / "exporter", range(1)), tmp_path / "kept"
    (payload,) = (exporter / "files").rglob("run-000/model.bin")
    payload.write_bytes(b"")
    nf.export(kept, project=PROJECT, source=exporter)
    payload.unlink()
    write_one(exporter, 0, steps=22)
    payload.unlink()
    nf.export(kept, project=PROJECT, source=exporter, update=True)
    assert check_archive(kept).problems == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_that_were_on_their_way_are_removed(layout: Layout, tmp_path: Path) -> None:
    exporter, kept = write_project(tmp_path / "exporter", range(2)), tmp_path / "kept"
    nf.export(kept, project=PROJECT, source=exporter, layout=layout)
    (some,) = (path for path in kept.rglob("model*") if "run-001" in str(path))
    incoming = some.parent.parent / ".incoming"
    incoming.mkdir()
    (incoming / "half").write_bytes(b"half")
    assert nf.export(kept, project=PROJECT, source=exporter, layout=layout).runs == 0
    assert not incoming.exists()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_long_names_of_many_bytes(layout: Layout, tmp_path: Path) -> None:
    _write_run_with_file(tmp_path / "exporter", "r1", b"content", attribute="図" * 100)
    summary = nf.export(tmp_path / "kept", project=PROJECT, source=tmp_path / "exporter", layout=layout)
    assert summary.files == 1
    _same(tmp_path / "exporter", tmp_path / "kept", tmp_path)

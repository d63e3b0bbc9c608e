"""How runs are cut into batches, and files into parts and row groups: bounds that keep memory and files small."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

import neptune_frames as nf
from export_projects import PROJECT, tree, write_one, write_project
from neptune_frames.errors import ArchiveError
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.archive.batch_layout import Manifest, committed_batches, project_directory, read_manifest
from neptune_frames.writing.held import HeldSteps
from neptune_frames.writing.layouts import LAYOUTS, Layout

COLLECTING = "neptune_frames.writing.collecting"


def _batches(kept: Path) -> list[Manifest]:
    return [read_manifest(path) for _, path in committed_batches(project_directory(kept, PROJECT))]


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("batches") / "exporter", range(8))


@pytest.mark.parametrize(
    ("bound", "value", "batches"),
    [
        ("BATCH_RUNS", 1_000, 1),
        ("BATCH_RUNS", 2, 4),
        ("BATCH_VALUES", 22, 4),  # a run has 11 to 13
        ("BATCH_POINTS", 130, 4),  # and 55 to 70 points
        ("BATCH_TEXT", 60, 4),  # and some 30 bytes of texts
    ],
)
def test_a_batch_is_full(
    bound: str, value: int, batches: int, exporter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{COLLECTING}._FIRST_RUNS", 1)
    monkeypatch.setattr(f"{COLLECTING}.{bound}", value)
    nf.export(tmp_path / "kept", project=PROJECT, source=exporter)
    assert [manifest.runs for manifest in _batches(tmp_path / "kept")] == [8 // batches] * batches


def test_an_export_that_goes_on_goes_by_the_batch_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{COLLECTING}._FIRST_RUNS", 1)
    monkeypatch.setattr(f"{COLLECTING}.BATCH_POINTS", 300)
    exporter = write_project(tmp_path / "exporter", range(4))
    for number in range(4, 8):
        write_one(exporter, number, steps=200)
    nf.export(tmp_path / "whole", project=PROJECT, source=exporter)
    nf.export(tmp_path / "kept", project=PROJECT, runs=[f"run-{n:03d}" for n in range(4)], source=exporter)
    assert len(_batches(tmp_path / "kept")) == 1
    nf.export(tmp_path / "kept", project=PROJECT, source=exporter)
    assert tree(tmp_path / "kept") == tree(tmp_path / "whole")
    assert [manifest.runs for manifest in _batches(tmp_path / "whole")] == [4, 4]


def test_files_are_cut_by_bytes_too(exporter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neptune_frames.writing.part_files.ROW_GROUP_BYTES", 70)
    monkeypatch.setattr("neptune_frames.writing.point_store.BLOCK_BYTES", 128)
    nf.export(tmp_path / "kept", project=PROJECT, runs=["run-000"], source=exporter)
    ((_, batch),) = committed_batches(project_directory(tmp_path / "kept", PROJECT))
    index = pl.read_parquet(batch / "series" / "*.parquet", hive_partitioning=False)
    logs = index.filter(type="string_series")  # five texts, each some 30 bytes with its step and time
    assert logs["count"].to_list() == [3, 2]
    footer = pq.ParquetFile(batch / "string_series" / "part-00000.parquet").metadata
    assert [footer.row_group(number).num_rows for number in range(footer.num_row_groups)] == [2, 1, 2]


def test_columns_are_encoded_as_the_format_says(exporter: Path, tmp_path: Path) -> None:
    nf.export(tmp_path / "kept", project=PROJECT, source=exporter)
    ((_, batch),) = committed_batches(project_directory(tmp_path / "kept", PROJECT))
    group = pq.ParquetFile(batch / "float_series" / "part-00000.parquet").metadata.row_group(0)
    encodings = {group.column(at).path_in_schema: set(group.column(at).encodings) for at in range(group.num_columns)}
    assert all("RLE_DICTIONARY" in encodings[name] for name in ("run", "attribute"))
    assert all("BYTE_STREAM_SPLIT" in encodings[name] for name in ("step", "value"))
    assert "DELTA_BINARY_PACKED" in encodings["timestamp"]
    index = pl.read_parquet(batch / "series" / "*.parquet", hive_partitioning=False).filter(type="float_series")
    assert (index["bytes"] == 16 * index["count"]).all(), "a step and a value"


def test_an_update_reads_once_what_is_stored_of_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{COLLECTING}.BATCH_RUNS", 2)
    monkeypatch.setattr(f"{COLLECTING}._FIRST_RUNS", 1)
    exporter, kept = write_project(tmp_path / "exporter", range(8)), tmp_path / "kept"
    nf.export(kept, project=PROJECT, source=exporter)
    for number in range(8):
        write_one(exporter, number, steps=22)
    reads = []
    stretches = HeldSteps._stretches

    def counted(steps: HeldSteps) -> pl.LazyFrame:
        reads.append(steps)
        return stretches.fget(steps)  # type: ignore[attr-defined]

    monkeypatch.setattr(HeldSteps, "_stretches", property(counted))
    assert nf.export(kept, project=PROJECT, source=exporter, update=True).runs == 8
    assert len(reads) == 2, "the names of attributes, and the last steps"
    points = pl.read_parquet(project_directory(kept, PROJECT) / "batch=*" / "float_series" / "*.parquet")
    assert not points.select("run", "attribute", "step").is_duplicated().any()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_batch_that_cannot_be_written_ends_the_collecting_of_the_next(
    layout: Layout, exporter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{COLLECTING}.BATCH_RUNS", 4)
    monkeypatch.setattr(f"{COLLECTING}._FIRST_RUNS", 4)
    failed = threading.Event()

    def full(*arguments: Any, **options: Any) -> Any:
        failed.set()
        raise OSError("No space left on device")

    class Source(ArchiveSource):
        answers = 0

        def values(self, *arguments: Any) -> Iterator[Any]:
            Source.answers += 1
            if Source.answers == 2:
                assert failed.wait(10)
                # The writer's thread is done once the error has come through.
                _wait_for_thread_to_idle()
            yield from super().values(*arguments)

        def fetch_files(self, *arguments: Any, **options: Any) -> Any:
            assert Source.answers < 2, "the next batch is completed though the one before has failed"
            return super().fetch_files(*arguments, **options)

    monkeypatch.setattr("neptune_frames.writing.own_layout.write_batch", full)
    monkeypatch.setattr("neptune_frames.writing.exporter_project.write_run", full)
    with pytest.raises(ArchiveError, match="No space left"):
        nf.export(tmp_path / "kept", project=PROJECT, source=Source(exporter), layout=layout)
    assert Source.answers == 2


def _wait_for_thread_to_idle() -> None:
    threading.Event().wait(0.2)

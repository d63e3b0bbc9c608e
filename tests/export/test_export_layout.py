"""An archive in the layout neptune-frames: what lies in it, and that others read it without us."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import neptune_frames as nf
from export_projects import PROJECT, write_project
from neptune_frames.schemas import SERIES_TYPES
from neptune_frames.sources.archive.batch_layout import (
    ATTRIBUTE_ROWS,
    PAYLOADS,
    RUN_ROWS,
    STRETCHES,
    committed_batches,
    point_rows,
    project_directory,
    read_manifest,
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six runs in two batches."""
    root = tmp_path_factory.mktemp("layout")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neptune_frames.writing.collecting.BATCH_RUNS", 4)
        patch.setattr("neptune_frames.writing.collecting._FIRST_RUNS", 2)
        nf.export(root / "kept", project=PROJECT, source=write_project(root / "exporter", range(6)))
    return root / "kept"


def _batches(archive: Path) -> list[Path]:
    return [path for _, path in committed_batches(project_directory(archive, PROJECT))]


def test_the_archive_says_what_it_is(archive: Path) -> None:
    assert json.loads((archive / "neptune-frames.json").read_text()) == {"format": "neptune-frames", "version": 1}
    assert [path.name for path in _batches(archive)] == ["batch=000000", "batch=000001"]


def test_manifests_describe_every_file(archive: Path) -> None:
    for number, batch in enumerate(_batches(archive)):
        manifest = read_manifest(batch)
        assert (manifest.project, manifest.batch, manifest.version) == (PROJECT, number, 1)
        there = {path.relative_to(batch).as_posix() for path in batch.rglob("*") if path.is_file()}
        assert there == {entry.path for entry in manifest.files} | {"manifest.json"}
        for entry in manifest.files:
            content = (batch / entry.path).read_bytes()
            assert (entry.bytes, entry.sha256) == (len(content), hashlib.sha256(content).hexdigest())
            assert entry.rows == pq.ParquetFile(batch / entry.path).metadata.num_rows
        runs = pl.read_parquet(batch / "runs.parquet", hive_partitioning=False)
        assert manifest.runs == runs.height
        assert manifest.attributes == runs["attribute_count"].sum()
        assert manifest.series == runs["series_count"].sum()
        assert manifest.point_count == runs["point_count"].sum()


def test_files_have_the_documented_columns(archive: Path) -> None:
    schemas = {"attributes": ATTRIBUTE_ROWS, "series": STRETCHES, **{kind: point_rows(kind) for kind in SERIES_TYPES}}
    for batch in _batches(archive):
        for kind, schema in schemas.items():
            assert _plain(pq.read_schema(batch / kind / "part-00000.parquet")) == _plain(schema)
        assert _plain(pq.read_schema(batch / "runs.parquet")) == _plain(RUN_ROWS)
        assert _plain(pq.read_schema(batch / "payloads.parquet")) == _plain(PAYLOADS)


def _plain(schema: pa.Schema) -> list[tuple[str, str]]:
    return [(field.name, str(field.type).replace("element:", "item:")) for field in schema]


def test_points_are_sorted_compressed_and_indexed(archive: Path) -> None:
    for batch in _batches(archive):
        for kind in SERIES_TYPES:
            path = batch / kind / "part-00000.parquet"
            keys = pl.read_parquet(path, hive_partitioning=False).select("attribute", "run", "step")
            assert keys.equals(keys.sort("attribute", "run", "step"))
            metadata = pq.ParquetFile(path).metadata
            for group in range(metadata.num_row_groups):
                for number in range(4):
                    column = metadata.row_group(group).column(number)
                    assert column.compression == "ZSTD"
                    assert column.statistics.has_min_max
                    assert column.has_column_index
                    assert column.has_offset_index
                assert "RLE_DICTIONARY" in metadata.row_group(group).column(0).encodings


def test_the_index_of_series_finds_the_points(archive: Path) -> None:
    for batch in _batches(archive):
        index = pl.read_parquet(batch / "series" / "*.parquet", hive_partitioning=False)
        assert set(index["type"]) == set(SERIES_TYPES)
        parts = {
            kind: pl.read_parquet(batch / kind / "part-00000.parquet", hive_partitioning=False) for kind in SERIES_TYPES
        }
        assert {kind: rows.height for kind, rows in parts.items()} == dict(
            index.group_by("type").agg(pl.col("count").sum()).rows()
        )
        for row in index.iter_rows(named=True):
            points = parts[row["type"]].slice(row["row"], row["count"])
            assert points.select("run", "attribute").unique().rows() == [(row["run"], row["attribute"])]
            assert (points["step"][0], points["step"][-1]) == (row["first_step"], row["last_step"])
            if row["type"] == "float_series":
                numbers = points["value"].drop_nans()
                assert row["last"] == pytest.approx(points["value"][-1], nan_ok=True)
                assert (row["min"], row["max"]) == (numbers.min(), numbers.max())
                assert row["average"] == pytest.approx(numbers.mean())
                assert row["variance"] == pytest.approx(numbers.var(ddof=0), abs=1e-12)
            else:
                assert row["min"] is None


def test_payloads_lie_where_the_values_say(archive: Path) -> None:
    files = project_directory(archive, PROJECT) / "files"
    listed = pl.read_parquet(project_directory(archive, PROJECT) / "batch=*" / "payloads.parquet")
    assert listed["bytes"].null_count() == 0
    for path, size, digest in listed.drop_nulls("bytes").select("path", "bytes", "sha256").iter_rows():
        content = (files / path).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (size, digest)
    values = pl.read_parquet(project_directory(archive, PROJECT) / "batch=*" / "attributes" / "*.parquet")
    named = values["file_value"].struct.field("path").drop_nulls()
    assert set(named) <= set(listed["path"])
    assert len(named) == 6


def test_duckdb_reads_it_in_one_line(archive: Path) -> None:
    points = f"'{archive}/project=*/batch=*/float_series/*.parquet'"
    asked = f"SELECT run, count(*), max(step) FROM {points} WHERE attribute = 'train/loss' GROUP BY run ORDER BY run"
    assert duckdb.sql(asked).fetchall() == [(f"run-{n:03d}", 15 if n % 3 == 2 else 20, 19.0) for n in range(6)]
    asked = f"""
        SELECT run, float_value FROM '{archive}/project=*/batch=*/attributes/*.parquet'
        WHERE attribute = 'lr' ORDER BY float_value DESC LIMIT 1
    """
    (best,) = duckdb.sql(asked).fetchall()
    assert best == max(_learning_rates(archive).rows(), key=lambda row: row[1])


def _learning_rates(archive: Path) -> pl.DataFrame:
    values = pl.scan_parquet(archive / "project=*/batch=*/attributes/*.parquet")
    return values.filter(pl.col("attribute") == "lr").select("run", "float_value").collect()


def test_polars_reads_it_in_one_line(archive: Path) -> None:
    points = pl.scan_parquet(archive / "project=*/batch=*/float_series/*.parquet")
    best = points.filter(attribute="train/acc").group_by("run").agg(pl.col("value").drop_nans().max()).collect()
    own = nf.fetch_metrics(
        project=PROJECT, runs="", attributes=["train/acc"], lineage_to_the_root=False, source=archive
    ).collect()
    assert dict(best.rows()) == dict(
        own.group_by(pl.col("run").cast(pl.String)).agg(pl.col("train/acc").drop_nans().max()).rows()
    )
    scan = pl.scan_parquet(archive / "project=*/batch=*/float_series/*.parquet", hive_partitioning=True)
    assert set(scan.collect_schema()) == {"run", "attribute", "step", "timestamp", "value", "project", "batch"}


def test_a_series_that_does_not_fit_a_block_is_several_stretches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_project(tmp_path / "exporter", range(3))
    monkeypatch.setattr("neptune_frames.writing.point_store.BLOCK_POINTS", 8)
    monkeypatch.setattr("neptune_frames.writing.point_files.PART_BYTES", 1)
    nf.export(tmp_path / "kept", project=PROJECT, source=source)
    batch = _batches(tmp_path / "kept")[0]
    index = pl.read_parquet(batch / "series" / "*.parquet", hive_partitioning=False)
    floats = index.filter(type="float_series")
    assert floats["count"].max() <= 8  # type: ignore[operator]
    assert floats["part"].n_unique() == len(list((batch / "float_series").iterdir())) > 3
    runs = pl.read_parquet(batch / "runs.parquet", hive_partitioning=False)
    assert runs["series_count"].to_list() == [6, 6, 6]
    for row in floats.iter_rows(named=True):
        part = pl.read_parquet(batch / "float_series" / f"part-{row['part']:05d}.parquet", hive_partitioning=False)
        steps = part.slice(row["row"], row["count"])["step"]
        assert (steps[0], steps[-1]) == (row["first_step"], row["last_step"])

"""Everything a source knows of a project, as frames that can be compared."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from neptune_frames.query.attributes import KNOWN_TYPES
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    RunQuery,
    SeriesOptions,
)
from neptune_frames.schemas import SERIES_TYPES
from neptune_frames.sources.base import FileRequest, SeriesKeys, Source

EVERYTHING = AttributeSelector((AttributeAlternative(KNOWN_TYPES),))


def content(source: Source, project: str, payloads: Path | None = None) -> dict[str, Any]:
    """Runs, heads, values (statistics included), own and stitched points of a project.

    ``payloads`` is a directory to download all files to: instead of its path, which differs from archive
    to archive, a file is then known by a digest of its content (None: the source has none).
    """
    runs = source.search(RunQuery(project, ContainerKind.RUN)).runs.sort_by("run_id")
    heads = source.search(RunQuery(project, ContainerKind.EXPERIMENT)).runs
    names = pl.Series(runs["run_id"])
    found: dict[str, Any] = {
        "runs": pl.DataFrame(runs),
        "heads": sorted(heads["run_id"].to_pylist()),
        "definitions": pl.DataFrame(source.definitions([project], None, EVERYTHING)),
    }
    values: dict[str, list[pl.DataFrame]] = {}
    for kind, batch in source.values(runs, EVERYTHING):
        frame = pl.DataFrame(batch).with_columns(
            run=names.gather(pl.DataFrame(batch)["run"]), attribute=pl.col("attribute").cast(pl.String)
        )
        values.setdefault(kind, []).append(frame)
    files = _Files(source, project, payloads)
    for kind, frames in sorted(values.items()):
        found[kind] = files.known(pl.concat(frames).sort("run", "attribute"), "value")
    attributes = pa.array(found["definitions"].filter(pl.col("type").is_in(SERIES_TYPES))["attribute"].unique().sort())
    keys = SeriesKeys(runs, attributes.cast(pa.string()))
    for lineage in (True, False):
        options = SeriesOptions(include_time=True, lineage=lineage)
        for name, answer in (("floats", source.float_points), ("objects", source.object_points)):
            frame = files.known(_points(list(answer(keys, options)), names, pl.Series(attributes)), "file")
            found[f"{name} {'stitched' if lineage else 'own'}"] = frame
    return found


def assert_same(left: dict[str, Any], right: dict[str, Any]) -> None:
    """Both contents are equal; NaN equals NaN."""
    assert left.keys() == right.keys()
    for name, value in left.items():
        if isinstance(value, pl.DataFrame):
            assert value.schema == right[name].schema, name
            assert value.equals(right[name]), f"{name}\n{_difference(value, right[name])}"
        else:
            assert value == right[name], name


def _points(batches: list[pa.RecordBatch], runs: pl.Series, attributes: pl.Series) -> pl.DataFrame:
    if not batches:
        return pl.DataFrame()
    frame = pl.DataFrame(pa.Table.from_batches(batches)).explode("points").unnest("points").drop_nulls("step")
    frame = frame.with_columns(run=runs.gather(frame["run"]), attribute=attributes.gather(frame["attribute"]))
    return frame.sort("run", "attribute", "step", maintain_order=True)


class _Files:
    def __init__(self, source: Source, project: str, directory: Path | None) -> None:
        self._source = source
        self._project = project
        self._directory = directory

    def known(self, frame: pl.DataFrame, column: str) -> pl.DataFrame:
        """The frame with files known by their content."""
        if column not in frame.columns or not isinstance(frame.schema[column], pl.Struct) or not frame.height:
            return frame
        if "path" not in [field.name for field in frame.schema[column].fields]:  # type: ignore[attr-defined]
            return frame
        paths = frame[column].struct.field("path").drop_nulls().unique().to_list()
        content = pl.DataFrame(
            {"path": paths, "content": self._digests(paths)}, schema={"path": pl.String, "content": pl.String}
        )
        files = frame[column].struct.unnest().join(content, on="path", how="left", maintain_order="left")
        return frame.drop(column).with_columns(files.drop("path"))

    def _digests(self, paths: list[str]) -> list[str | None]:
        if self._directory is None:
            return [None] * len(paths)
        self._directory.mkdir(parents=True, exist_ok=True)
        targets = [self._directory / hashlib.sha256(path.encode()).hexdigest() for path in paths]
        requests = [FileRequest(self._project, path, None, target) for path, target in zip(paths, targets, strict=True)]
        there = self._source.fetch_files(requests, progress=False)
        return [
            hashlib.sha256(target.read_bytes()).hexdigest() if found else None
            for target, found in zip(targets, there, strict=True)
        ]


def _difference(left: pl.DataFrame, right: pl.DataFrame) -> str:
    if left.height != right.height:
        return f"{left.height} and {right.height} rows"
    for name in left.columns:
        equal = left[name].eq_missing(right[name])
        if not equal.all():
            rows = (~equal).arg_true()[:3]
            return f"{name}: {left[rows]} and {right[rows]}"
    return "no difference found"

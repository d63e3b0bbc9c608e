"""An archive against a source, run by run, value by value and point by point."""

from __future__ import annotations

import filecmp
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from neptune_frames.errors import NeptuneProjectInaccessible
from neptune_frames.query.attributes import FLOAT_SERIES, KNOWN_TYPES
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    RunQuery,
    SeriesOptions,
)
from neptune_frames.schemas import OBJECT_MEMBERS, SERIES_TYPES
from neptune_frames.slices import each_stretch
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.base import FileRequest, SeriesKeys, Source

_EVERYTHING = AttributeSelector((AttributeAlternative(KNOWN_TYPES),))
_RUNS_AT_ONCE = 200
#: Points of each side that are held at once, as far as the archive knows how many there are.
_POINTS_AT_ONCE = 1_000_000
#: Points of a series that the archive does not have.
_POINTS_GUESSED = 1_000
#: Differences of one kind that are written out.
_SHOWN = 10
#: Files of each side that are held on disk at once.
_PAYLOADS_AT_ONCE = 32
_KEYS = ("type", "run", "attribute")
_POINT = ("run", "attribute", "step")
_VALUES = pl.Schema({"type": pl.String, "run": pl.Int32, "attribute": pl.String, "text": pl.String, "path": pl.String})


@dataclass
class Comparison:
    """What was compared, and what differs: ``counts`` by kind of difference, ``shown`` the first of each kind."""

    counts: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)
    runs: int = 0
    values: int = 0
    points: int = 0
    payloads: int = 0

    @property
    def is_equal(self) -> bool:
        return not self.counts

    def differ(self, kind: str, where: str, what: str, count: int = 1) -> None:
        """Note ``count`` differences, the first of which is described."""
        self.counts[kind] += count
        if sum(line.startswith(kind) for line in self.shown) < _SHOWN:
            self.shown.append(f"{kind}: {where}{': ' if what else ''}{what}")


def compare(archive: ArchiveSource, other: Source, *, subset: bool = False, payloads: bool = False) -> Comparison:
    """Compare all projects of an archive with what another source says of them.

    Args:
        archive: The archive that is looked at.
        other: What it is compared with: a server, or another archive.
        subset: The archive is an export of chosen projects, runs or attributes: what only ``other`` has is no
            difference.
        payloads: Whether to fetch the files from both, and compare their content.

    Points are those that runs logged themselves. Statistics of series follow from their points, and names of
    payloads differ from layout to layout: neither is compared. A server does not list its projects, so that what
    only a server has of those is not seen.
    """
    found = Comparison()
    projects = archive.projects(complete=True)["project"].to_pylist()
    for project in projects:
        _ProjectComparison(project, archive, other, found, subset=subset, payloads=payloads).run()
    if isinstance(other, ArchiveSource) and not subset:
        for project in sorted(set(other.projects(complete=True)["project"].to_pylist()).difference(projects)):
            found.differ("only in the source", f"project {project}", "")
    return found


@dataclass
class _ProjectComparison:
    project: str
    archive: ArchiveSource
    other: Source
    found: Comparison
    subset: bool
    payloads: bool

    def run(self) -> None:
        try:
            ours, theirs = (source.search(RunQuery(self.project, ContainerKind.RUN)).runs for source in self._sources)
        except NeptuneProjectInaccessible:
            self.found.differ("only in the archive", f"project {self.project}", "")
            return
        first, second = _by_key(ours), _by_key(theirs)
        self._only("run", first.join(second, on="key", how="anti")["key"], "the archive")
        self._only("run", second.join(first, on="key", how="anti")["key"], "the source")
        both = first.join(second, on="key", suffix="_other").sort("key")
        for column in ("sys_id", "experiment"):
            differing = both.filter(pl.col(column).ne_missing(pl.col(f"{column}_other")))
            for key, one, another in differing.select("key", column, f"{column}_other").iter_rows():
                self.found.differ("other identity", f"run {key!r} of {self.project}", f"{column} {one!r}, {another!r}")
        points = _points_of_runs(self.archive, self.project)
        for start in range(0, both.height, _RUNS_AT_ONCE):
            some = both.slice(start, _RUNS_AT_ONCE)
            self.found.runs += some.height
            tables = (
                ours.take(pa.array(some["at"].to_numpy())),
                theirs.take(pa.array(some["at_other"].to_numpy())),
            )
            self._runs(some["key"], tables, points)

    @property
    def _sources(self) -> tuple[Source, Source]:
        return self.archive, self.other

    def _only(self, what: str, names: Sequence[Any] | pl.Series, where: str) -> None:
        if where == "the source" and self.subset:
            return
        for name in names:
            self.found.differ(f"only in {where}", f"{what} {name!r} of {self.project}", "")

    def _runs(self, keys: pl.Series, tables: tuple[pa.Table, pa.Table], points: pl.DataFrame) -> None:
        """Values and points of some runs, which are in the same order on both sides."""
        ours, theirs = (_values(source, table) for source, table in zip(self._sources, tables, strict=True))
        self.found.values += ours.height
        only = ours.join(theirs, on=_KEYS, how="anti"), theirs.join(ours, on=_KEYS, how="anti")
        for rows, where in zip(only, ("the archive", "the source"), strict=True):
            named = [f"{row['type']} {row['attribute']}" for row in rows.head(_SHOWN).iter_rows(named=True)]
            for run, name in zip(rows["run"], [*named, *([""] * (rows.height - len(named)))], strict=True):
                self._only("attribute", [f"{name} (run {keys[run]})"], where)
        both = ours.join(theirs, on=_KEYS, suffix="_other").sort(_KEYS)
        for row in both.filter(pl.col("text").ne_missing(pl.col("text_other"))).iter_rows(named=True):
            self.found.differ(
                "other value",
                self._place(row, keys),
                f"{row['text']} in the archive, {row['text_other']} in the source",
            )
        series = both.filter(pl.col("type").is_in(SERIES_TYPES))
        for kind in SERIES_TYPES:
            for some in _cut(series.filter(type=kind), points, tables[0]):
                self._points(kind, some, keys, tables)
        if self.payloads:
            self._payloads(both.filter(pl.col("type") == "file"), keys)

    def _points(self, kind: str, series: pl.DataFrame, keys: pl.Series, tables: tuple[pa.Table, pa.Table]) -> None:
        names = series["attribute"].unique().sort()
        pairs = (
            series["run"].to_numpy().astype(np.int32),
            names.search_sorted(series["attribute"]).to_numpy().astype(np.int32),
        )
        ours, theirs = (
            _points(source, SeriesKeys(table, names.to_arrow().cast(pa.string()), pairs), kind)
            for source, table in zip(self._sources, tables, strict=True)
        )
        self.found.points += ours.height
        if not ours.drop("path").equals(theirs.drop("path")):
            self._differing_points(kind, names, keys, ours, theirs)
        if kind == "file_series" and self.payloads:
            files = ours.join(theirs, on=_POINT, suffix="_other").drop_nulls(["path", "path_other"])
            attribute = names.gather(files["attribute"]).alias("attribute")
            self._payloads(files.with_columns(attribute, type=pl.lit(kind)), keys)

    def _differing_points(
        self, kind: str, names: pl.Series, keys: pl.Series, ours: pl.DataFrame, theirs: pl.DataFrame
    ) -> None:
        """Points of one type, of which some differ."""
        only = ours.join(theirs, on=_POINT, how="anti"), theirs.join(ours, on=_POINT, how="anti")
        for rows, where in zip(only, ("the archive", "the source"), strict=True):
            for row in (
                rows.group_by("run", "attribute", maintain_order=True)
                .agg(pl.len().alias("count"), pl.col("step").first())
                .iter_rows(named=True)
            ):
                self.found.differ(
                    f"points only in {where}",
                    self._place({**row, "type": kind, "attribute": names[row["attribute"]]}, keys),
                    f"{row['count']:,}, the first at step {row['step']}",
                    row["count"],
                )
        both = ours.join(theirs, on=_POINT, suffix="_other")
        for column in ("value", "timestamp"):
            differing = both.filter(pl.col(column).ne_missing(pl.col(f"{column}_other")))
            for row in (
                differing.group_by("run", "attribute", maintain_order=True)
                .agg(pl.len().alias("count"), pl.col("step", column, f"{column}_other").first())
                .iter_rows(named=True)
            ):
                self.found.differ(
                    f"points with another {column}",
                    self._place({**row, "type": kind, "attribute": names[row["attribute"]]}, keys),
                    f"{row['count']:,}, the first at step {row['step']}: {row[column]} in the archive, "
                    f"{row[f'{column}_other']} in the source",
                    row["count"],
                )

    def _payloads(self, files: pl.DataFrame, keys: pl.Series) -> None:
        """The content of files, some of them at a time."""
        for some in files.iter_slices(_PAYLOADS_AT_ONCE):
            with tempfile.TemporaryDirectory() as directory:
                brought = [
                    self._brought(source, some[column], Path(directory) / column)
                    for source, column in zip(self._sources, ("path", "path_other"), strict=True)
                ]
                for row, one, another in zip(some.iter_rows(named=True), *brought, strict=True):
                    self.found.payloads += one is not None
                    what = _payloads_differ(one, another)
                    if what:
                        step = f" at step {row['step']}" if "step" in row else ""
                        self.found.differ("other payload", f"{self._place(row, keys)}{step}", what)

    def _brought(self, source: Source, paths: pl.Series, directory: Path) -> list[Path | None]:
        """Local copies of payloads; None of those that the source does not have."""
        targets = [directory / str(number) for number in range(len(paths))]
        requests = [FileRequest(self.project, path, None, target) for path, target in zip(paths, targets, strict=True)]
        there = source.fetch_files(requests, progress=False)
        return [target if found else None for target, found in zip(targets, there, strict=True)]

    def _place(self, row: dict[str, Any], keys: pl.Series) -> str:
        return f"{row['type']} {row['attribute']!r} of run {keys[row['run']]!r} of {self.project}"


def _payloads_differ(one: Path | None, another: Path | None) -> str | None:
    """How two payloads differ, where they do; a payload that nobody has is no difference."""
    if one is None or another is None:
        where = "source" if one is not None else "archive"
        return None if one is another else f"the payload is missing in the {where}"
    return None if filecmp.cmp(one, another, shallow=False) else "the content of the payload differs"


def _by_key(runs: pa.Table) -> pl.DataFrame:
    """Runs by what names them in every source: the run id, else ``sys/id``."""
    table: pl.DataFrame = pl.from_arrow(runs)  # type: ignore[assignment]
    return table.select(
        pl.coalesce("run_id", "sys_id").alias("key"), "sys_id", "experiment", pl.int_range(pl.len()).alias("at")
    )


def _values(source: Source, runs: pa.Table) -> pl.DataFrame:
    """All values of runs: `_KEYS`, ``text`` (what is compared) and ``path`` (of files)."""
    found = [pl.DataFrame(schema=_VALUES)]
    for kind, batch in source.values(runs, _EVERYTHING):
        frame: pl.DataFrame = pl.from_arrow(batch)  # type: ignore[assignment]
        value = pl.col("value")
        # As text, NaN equals NaN, and values of all types fit one column.
        text = {
            "string_set": _set_text(value.cast(pl.List(pl.String))),
            "datetime": value.dt.epoch("ms").cast(pl.String),
            "file": value.struct.field("size_bytes").cast(pl.String),
        }
        shown = pl.lit(None, pl.String) if kind in SERIES_TYPES else text.get(kind, value.cast(pl.String))
        path = value.struct.field("path") if kind == "file" else pl.lit(None, pl.String)
        found.append(
            frame.select(
                pl.lit(kind).alias("type"), "run", pl.col("attribute").cast(pl.String),
                shown.alias("text"), path.alias("path"),
            )
        )  # fmt: skip
    return pl.concat(found)


def _set_text(texts: pl.Expr) -> pl.Expr:
    """A set as one text, in which no two sets are alike: sorted, each element in quotation marks."""
    quoted = pl.element().str.replace_all("\\", "\\\\", literal=True).str.replace_all("'", "\\'", literal=True)
    elements = texts.list.unique().list.sort().list.eval(pl.lit("'") + quoted + pl.lit("'"))
    return pl.format("[{}]", elements.list.join(", "))


def _points_of_runs(archive: ArchiveSource, project: str) -> pl.DataFrame:
    """How many points each series of the archive has: ``run_id``, ``attribute``, ``points``."""
    (catalog,) = (one for one in archive.catalogs() if one.project == project)
    tables = [
        table.select("run", "attribute", "count")
        for kind, table in catalog.inventory.tables.items()
        if kind in SERIES_TYPES
    ]
    empty = pl.DataFrame(schema={"run": pl.Int32, "attribute": pl.Int32, "count": pl.Int64})
    counts = pl.concat([empty, *tables]).group_by("run", "attribute").agg(pl.col("count").sum().alias("points"))
    return counts.with_columns(
        run_id=pl.Series(catalog.runs["run_id"]).gather(counts["run"]),
        attribute=catalog.attributes.gather(counts["attribute"]),
    ).select("run_id", "attribute", "points")


def _cut(series: pl.DataFrame, points: pl.DataFrame, runs: pa.Table) -> Iterator[pl.DataFrame]:
    """Series in pieces of a bounded number of points; one series is never cut."""
    if not series.height:
        return
    ids = pl.Series(runs["run_id"]).gather(series["run"])
    sizes = (
        series.with_columns(run_id=ids)
        .join(points, on=["run_id", "attribute"], how="left", maintain_order="left")["points"]
        .fill_null(_POINTS_GUESSED)
    )
    for start, stop in each_stretch(np.cumsum(sizes.to_numpy()) // _POINTS_AT_ONCE):
        yield series.slice(start, stop - start)


def _points(source: Source, keys: SeriesKeys, kind: str) -> pl.DataFrame:
    """Own points of series, sorted: `_POINT`, ``timestamp``, ``value`` and ``path`` (of files)."""
    options = SeriesOptions(lineage=False, include_time=True)
    read = source.float_points if kind == FLOAT_SERIES else source.object_points
    found = [_long(batch, kind) for batch in read(keys, options)]
    if not found:
        return _long(None, kind)
    return pl.concat(found).sort("run", "attribute", "step")


def _long(batch: pa.RecordBatch | None, kind: str) -> pl.DataFrame:
    value = pl.col("value" if kind == FLOAT_SERIES else OBJECT_MEMBERS[kind])
    if kind == "file_series":
        value = value.struct.field("size_bytes")
    if batch is None:
        return pl.DataFrame(schema=dict.fromkeys((*_POINT, "timestamp", "value", "path"), pl.Null))
    frame: pl.DataFrame = pl.from_arrow(batch)  # type: ignore[assignment]
    points = frame.explode("points").unnest("points")
    path = pl.col("file").struct.field("path") if kind == "file_series" else pl.lit(None, pl.String)
    rows = points.select(*_POINT, "timestamp", value.alias("value"), path.alias("path"))
    return rows if kind == FLOAT_SERIES else rows.filter(pl.col("value").is_not_null())

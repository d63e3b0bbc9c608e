"""`ArchiveSource`: answers questions about projects from Parquet files in a directory or an object store."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.query.attributes import FLOAT_SERIES
from neptune_frames.query.selection import ALL_NEEDED, SeriesOptions
from neptune_frames.schemas import ATTRIBUTES, BUCKETS, RUNS, SERIES_TYPES, buckets_schema
from neptune_frames.sources.archive import batches, buckets, payloads, search
from neptune_frames.sources.archive.catalog import Catalog
from neptune_frames.sources.archive.discovery import payload_root
from neptune_frames.sources.archive.layout import OBJECT_SERIES_COLUMNS
from neptune_frames.sources.archive.local_copies import LocalCopies, PayloadFile
from neptune_frames.sources.archive.lookup import RunLookup, find_runs, projects_named
from neptune_frames.sources.archive.object_path import Location, ObjectPath, open_location
from neptune_frames.sources.archive.pages import PageBuilder
from neptune_frames.sources.archive.projects import Projects
from neptune_frames.sources.archive.series import SeriesRequest, StitchedSeries, read_series, step_span
from neptune_frames.sources.archive.values import CatalogColumns, attribute_values, values_batch
from neptune_frames.sources.base import FileRequest, SearchAnswer, SeriesKeys, distinct_files
from neptune_frames.sources.definitions import sorted_definitions

if TYPE_CHECKING:
    import numpy.typing as npt

    from neptune_frames.query.selection import AttributeSelector, RunNeeds, RunQuery

_POINTS_PER_BATCH = 1_000_000

#: Columns of `ArchiveSource.projects`.
PROJECTS = pa.schema([("project", pa.string()), ("directory", pa.string()), ("uuid", pa.string())])


class ArchiveSource:
    """Implements `neptune_frames.sources.base.Source` over archives in the layouts neptune-frames and neptune-exporter.

    Args:
        data: An archive, a directory of several (in one layout or both), or one project's directory. In the
            exporter's layout an archive holds ``data/`` (and ``files/``), or is a directory of projects. The
            URL of an archive in an object store (``s3://``, ``gs://``, ``az://``) is one in the layout neptune-frames.
        files: The root of file payloads of the exporter's layout; by default ``files`` beside the data.

    Files are looked at again on each call: what was added, removed or replaced by renaming counts at once,
    a file overwritten in place in a large archive a moment later (see `WatchedDirectory`). What was read
    of a large archive is kept on disk for the next process (``NEPTUNE_FRAMES_CACHE``). Runs that
    were exported without ``sys/id`` or ``sys/custom_run_id`` carry their run id there, and ``sys/trashed``
    where that is missing (see `neptune_frames.sources.archive.catalog.complete`). Trashed runs are not
    hidden. Thread-safe.

    Raises `ArchiveError` where there is no directory (of data, or of payloads if one is named), and
    `DamagedFileError`, naming the file, as soon as a part file of a project asked for cannot be read.
    """

    def __init__(self, data: str | Location, files: str | os.PathLike[str] | None = None) -> None:
        self._place = data if isinstance(data, ObjectPath) else open_location(data)
        self._projects = Projects(self._place, payload_root(files))
        self._columns: dict[str, CatalogColumns] = {}
        self._lock = threading.Lock()
        self._copies = LocalCopies()

    @property
    def place(self) -> Location:
        """The directory, or the place in an object store."""
        return self._place

    def __repr__(self) -> str:
        return f"ArchiveSource({str(self._place)!r})"

    def projects(self, *, complete: bool = False) -> pa.Table:
        """All projects by name: columns ``project``, ``directory`` (of the part files) and ``uuid``.

        A project whose name cannot be read is left out with a warning. With ``complete``, or where there is no other
        project, that is an `ArchiveError`.
        """
        found = self._projects.listed(complete=complete)
        columns = [[one.name for one in found], [str(one.place) for one in found], [one.uuid for one in found]]
        return pa.table([pa.array(column, pa.string()) for column in columns], schema=PROJECTS)

    def __str__(self) -> str:
        return f"archive {self._place}"

    def catalogs(self) -> list[Catalog]:
        """What is known of all projects as they are now, by name."""
        return self._projects.catalogs()

    def project_name(self, identifier: str) -> str:
        """See `Source.project_name`."""
        return self._projects.catalog(identifier).project

    def find_runs(self, identifiers: Sequence[str] | pa.Array, projects: Sequence[str] | None = None) -> RunLookup:
        """Runs by ``ws/proj/SYS-1``, ``CUSTOM/ws/proj/<custom run id>`` or run UUID, all at once.

        UUIDs are looked for in ``projects`` (names or UUIDs; default: all of them).
        """
        wanted = pl.Series("identifier", identifiers, dtype=pl.String)
        return find_runs(self._named_by(wanted, projects), wanted)

    def run_uuids(self, runs: pa.Table) -> pa.Array:
        """The UUID of each run of a RUNS table, null for an unknown one."""
        uuids = pl.repeat(None, runs.num_rows, dtype=pl.String, eager=True)
        for catalog, rows, numbers in self._located(runs):
            uuids = uuids.scatter(rows, pl.Series(catalog.uuids_of(numbers)))
        return uuids.to_arrow().cast(pa.string())

    def search(self, query: RunQuery, projection: Sequence[str] = (), needs: RunNeeds = ALL_NEEDED) -> SearchAnswer:
        """See `Source.search`. The order of runs that tie, or lack the sort attribute, is by run id.

        What ``needs`` leaves out is there all the same: it is at hand.
        """
        catalogs = self._projects.catalogs() if query.project is None else [self._projects.catalog(query.project)]
        columns = [self._columns_of(catalog) for catalog in catalogs]
        found = search.find(query, columns)
        runs = search.runs_table(found, columns)
        values: dict[str, list[pa.Table]] = {}
        names = list(dict.fromkeys(projection))
        for number, catalog in enumerate(catalogs if names else ()):
            rows = np.flatnonzero(found.project == number)
            codes = catalog.attribute_codes(names)
            chosen = catalog.definitions.filter(pl.col("attribute").is_in(codes[codes >= 0]))
            for kind, table in _values(catalog, rows, found.run[rows], chosen):
                values.setdefault(kind, []).append(table)
        merged = {kind: pa.concat_tables(tables).unify_dictionaries() for kind, tables in values.items()}
        return SearchAnswer(runs, merged, found.total)

    def definitions(self, projects: Sequence[str], runs: pa.Table | None, selector: AttributeSelector) -> pa.Table:
        """See `Source.definitions`. Unknown projects are passed over unless all are unknown."""
        if runs is None:
            found = [_defined(catalog, catalog.selected(selector)) for catalog in self._known(projects)]
        else:
            if projects:
                self._known(projects)
            found = [
                _defined(catalog, _held(catalog, numbers, catalog.selected(selector)))
                for catalog, _, numbers in self._located(runs)
            ]
        return sorted_definitions(pa.concat_tables([ATTRIBUTES.empty_table(), *found]))

    def values(self, runs: pa.Table, selector: AttributeSelector) -> Iterator[tuple[str, pa.RecordBatch]]:
        """See `Source.values`. Ordered by type, attribute and run within each project."""
        for catalog, rows, numbers in self._located(runs):
            for kind, table in _values(catalog, rows, numbers, catalog.selected(selector)):
                for batch in table.to_batches(max_chunksize=_POINTS_PER_BATCH):
                    yield kind, batch

    def resolve_custom_ids(self, project: str, run_ids: Sequence[str]) -> pa.Table:
        """See `Source.resolve_custom_ids`; known runs come with their other identities."""
        wanted = pa.array(run_ids, pa.string()).unique()
        catalog = self._projects.catalog(project)
        number = catalog.find_by("run_id", wanted)
        known = catalog.runs.take(pa.array(number, mask=number < 0))
        columns = {name: known[name] for name in RUNS.names}
        columns |= {"project": pa.repeat(catalog.project, len(wanted)), "run_id": wanted}
        return pa.table(columns, schema=RUNS)

    def float_points(self, keys: SeriesKeys, options: SeriesOptions) -> Iterator[pa.RecordBatch]:
        """See `Source.float_points`. Preview flags are not in an export: every point counts as committed."""
        return self._points(keys, options, FLOAT_SERIES)

    def object_points(self, keys: SeriesKeys, options: SeriesOptions) -> Iterator[pa.RecordBatch]:
        for attribute_type in OBJECT_SERIES_COLUMNS:
            yield from self._points(keys, options, attribute_type)

    def series_page(
        self,
        keys: SeriesKeys,
        options: SeriesOptions,
        *,
        limit: int,
        objects: bool = False,
        descending: bool = False,
        after: npt.NDArray[np.float64] | None = None,
    ) -> pa.Table:
        """One page of every series, for a server: one row per key, in the order of the keys.

        Columns: ``points`` (large list of `float_point(time=True, preview=True)`, or OBJECT_POINT with
        ``objects``), ``total`` (int64, points of the series within the options). The page holds the
        first ``limit`` points beyond ``after`` (one step per key, NaN: from the start) in the order asked for.
        """
        full = replace(options, include_time=True, include_previews=True)
        kinds = tuple(OBJECT_SERIES_COLUMNS) if objects else (FLOAT_SERIES,)
        page = PageBuilder(keys, batches.point_type(kinds[0], full), limit, descending, after)
        for kind in kinds:
            for catalog, points, runs, attributes in self._series(keys, full, kind):
                page.add(points, runs, attributes, batches.point_structs(catalog, points, kind, full))
        return page.table()

    def buckets(self, keys: SeriesKeys, options: SeriesOptions, limit: int, *, statistics: bool = True) -> pa.Table:
        return self.view_buckets(keys, options, limit + 1).select(buckets_schema(statistics=statistics).names)

    def view_buckets(
        self,
        keys: SeriesKeys,
        options: SeriesOptions,
        max_buckets: int,
        view: tuple[float, float] | None = None,
    ) -> pa.Table:
        """BUCKETS of ``max_buckets`` ranges over ``view``, or over the range of all the series (http-api 13.2)."""
        plain = replace(options, include_time=False, include_previews=False)
        if view is None:
            view = self._step_span(keys, plain)
            if view is None:
                return BUCKETS.empty_table()

        def read() -> Iterator[buckets.Series]:
            for _, points, runs, attributes in self._series(keys, plain, FLOAT_SERIES):
                values = points.column("value").fill_null(np.nan).to_numpy()
                yield runs, attributes, points.offsets, points.steps, values

        table = buckets.bucket_table(read(), buckets.View(*view, max_buckets))
        return table.sort_by([(name, "ascending") for name in BUCKETS.names[:3]])

    def fetch_files(self, files: Sequence[FileRequest], *, progress: bool = True) -> list[bool]:
        """See `Source.fetch_files`. Payloads are copied; a path that leaves the payload root counts as missing."""
        unique = distinct_files(files)
        projects = self._projects.find({file.project for file in unique})
        roots = {catalog.project: catalog.payloads for catalog in projects}
        found = [payloads.locate(roots[file.project], file.path) if file.project in roots else None for file in unique]
        copied = payloads.copy_out(found, [file.target for file in unique], progress=progress)
        is_there = dict(zip(unique, copied, strict=True))
        return [is_there[file] for file in files]

    def payload(self, project: str, path: str) -> PayloadFile | None:
        """The payload of a file attribute on disk; None where it is missing or would lie outside the root.

        That goes for files of unknown projects too. Of an archive in an object store it is a copy, which stays there
        until what is returned is closed.
        """
        known = self._projects.find([project])
        found = payloads.locate(known[0].payloads, path) if known else None
        if isinstance(found, ObjectPath):
            return self._copies.of(found)
        return None if found is None else PayloadFile(found)

    def close(self) -> None:
        """Forget what was read; the source stays usable."""
        self._projects.forget()
        with self._lock:
            self._columns.clear()

    def _columns_of(self, catalog: Catalog) -> CatalogColumns:
        """The columns of a catalog; those computed for an older catalog of the project are dropped."""
        with self._lock:
            columns = self._columns.get(catalog.project)
            if columns is None or columns.catalog is not catalog:
                columns = self._columns[catalog.project] = CatalogColumns(catalog)
            return columns

    def _known(self, projects: Sequence[str]) -> list[Catalog]:
        """Those of the projects that are there. Raises `NeptuneProjectInaccessible` where none of them is."""
        found = self._projects.find(projects)
        if projects and not found:
            raise self._projects.inaccessible(projects[0])
        return found

    def _named_by(self, identifiers: pl.Series, projects: Sequence[str] | None) -> list[Catalog]:
        """The projects that the identifiers can name."""
        named = projects_named(identifiers)
        if named is not None:
            return self._projects.find(named)
        return self._projects.catalogs() if projects is None else self._known(projects)

    def _located(self, runs: pa.Table) -> Iterator[tuple[Catalog, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Project by project: its catalog, the rows of ``runs`` that are known runs of it, and their numbers."""
        names = runs["project"]
        for catalog in self._projects.find(sorted(names.unique().to_pylist())):
            rows = np.flatnonzero(pc.equal(names, catalog.project).to_numpy())
            numbers = catalog.positions(runs.take(pa.array(rows)) if len(rows) < runs.num_rows else runs)
            yield catalog, rows[numbers >= 0], numbers[numbers >= 0]

    def _series(
        self, keys: SeriesKeys, options: SeriesOptions, attribute_type: str
    ) -> Iterator[tuple[Catalog, StitchedSeries, npt.NDArray[np.int32], npt.NDArray[np.int32]]]:
        """Points of the series, with the positions of run and attribute in the keys."""
        for request, rows in self._requests(keys, options, attribute_type):
            position = np.zeros(len(request.catalog.attributes) + 1, dtype=np.int32)
            position[request.attributes] = np.arange(len(request.attributes))
            for points in read_series(request, batches.stored_columns(options)):
                yield request.catalog, points, rows[points.target].astype(np.int32), position[points.attribute]

    def _step_span(self, keys: SeriesKeys, options: SeriesOptions) -> tuple[float, float] | None:
        """The first and the last step of all float series."""
        found = [step_span(request) for request, _ in self._requests(keys, options, FLOAT_SERIES)]
        spans = [span for span in found if span is not None]
        return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None

    def _requests(
        self, keys: SeriesKeys, options: SeriesOptions, attribute_type: str
    ) -> Iterator[tuple[SeriesRequest, npt.NDArray[np.int64]]]:
        """What the projects are asked for the series of the keys, with the rows of the runs that are in each."""
        for catalog, rows, numbers in self._located(keys.runs):
            for codes in _without_repetition(catalog.attribute_codes(keys.attributes)):
                pairs = _pairs(keys, rows, codes)
                yield SeriesRequest(catalog, attribute_type, numbers, codes, options, pairs), rows

    def _points(self, keys: SeriesKeys, options: SeriesOptions, attribute_type: str) -> Iterator[pa.RecordBatch]:
        for catalog, points, runs, attributes in self._series(keys, options, attribute_type):
            first = 0
            for piece in points.split(_POINTS_PER_BATCH):
                last = first + len(piece.target)
                structs = batches.point_structs(catalog, piece, attribute_type, options)
                yield batches.points_batch(piece, runs[first:last], attributes[first:last], structs)
                first = last


def _without_repetition(codes: npt.NDArray[np.int32]) -> Iterator[npt.NDArray[np.int32]]:
    """The codes, -1 where one was there before; then those left over, in the same way (a name given twice)."""
    left = codes
    while True:
        first = np.zeros(len(left), dtype=bool)
        first[np.unique(left, return_index=True)[1]] = True
        yield np.where(first, left, -1)
        left = np.where(first, -1, left)
        if not (left >= 0).any():
            return


def _pairs(keys: SeriesKeys, rows: npt.NDArray[np.int64], codes: npt.NDArray[np.int32]) -> pl.DataFrame | None:
    """The pairs of the keys as targets (positions in ``rows``) and attribute numbers."""
    if keys.pairs is None:
        return None
    target = np.full(keys.runs.num_rows, -1, dtype=np.int64)
    target[rows] = np.arange(len(rows))
    run, attribute = keys.pairs
    pairs = pl.DataFrame({"target": target[run], "attribute": codes[attribute]})
    return pairs.filter(pl.col("target") >= 0, pl.col("attribute") >= 0)


def _held(catalog: Catalog, runs: npt.NDArray[np.int64], definitions: pl.DataFrame) -> pl.DataFrame:
    """The definitions that any of the runs has, by itself or by inheritance."""
    member = np.zeros(catalog.run_count, dtype=bool)
    member[runs] = True
    reach = catalog.lineage.reach(runs)
    found = [definitions.clear()]
    for (kind,), group in definitions.group_by("type"):
        rows = catalog.rows(str(kind), group["attribute"].sort().to_numpy())
        run = rows["run"].to_numpy()
        held = rows["first_step"].to_numpy() <= reach[run] if kind in SERIES_TYPES else member[run]
        attributes = rows.filter(pl.Series(held)).select(pl.col("attribute").unique())
        found.append(attributes.with_columns(type=pl.lit(kind, pl.String)))
    return pl.concat(found)


def _defined(catalog: Catalog, definitions: pl.DataFrame) -> pa.Table:
    columns = (catalog.attributes.gather(definitions["attribute"]), definitions["type"])
    return pa.table([column.to_arrow().cast(pa.string()) for column in columns], schema=ATTRIBUTES)


def _values(
    catalog: Catalog, rows: npt.NDArray[np.int64], runs: npt.NDArray[np.int64], definitions: pl.DataFrame
) -> Iterator[tuple[str, pa.Table]]:
    """The values of the runs, type by type; their ``run`` column holds ``rows``."""
    types, attributes = definitions["type"].to_arrow().dictionary_encode(), definitions["attribute"].to_numpy()
    kinds, kind_of = types.dictionary.to_pylist(), types.indices.to_numpy()
    for kind in sorted(kinds):
        found = attribute_values(catalog, kind, runs, np.sort(attributes[kind_of == kinds.index(kind)]))
        if found.height:
            yield kind, values_batch(catalog, kind, found, rows)

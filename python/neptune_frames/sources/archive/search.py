"""Searching catalogs: filter, heads, order, page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from neptune_frames.query.evaluation import evaluate
from neptune_frames.query.selection import ContainerKind, RunQuery, SortKey
from neptune_frames.schemas import RUNS
from neptune_frames.sources.archive.values import CatalogColumns

#: Types that have an order; a search sorted by another type keeps the order of ties.
_ORDERED_TYPES = ("int", "float", "string", "bool", "datetime", "float_series", "string_series")


@dataclass(frozen=True)
class Found:
    """The page of runs a search found: ``project`` (position among the catalogs) and ``run`` (its number)."""

    project: npt.NDArray[np.int64]
    run: npt.NDArray[np.int64]
    total: int


def find(query: RunQuery, projects: Sequence[CatalogColumns]) -> Found:
    """The runs that satisfy a query, sorted.

    Runs that lack the sort attribute, or have NaN there, come last in either direction; ties are in
    order of project and run id. Texts sort by code point.
    """
    now = datetime.now(timezone.utc)
    matches = []
    for number, columns in enumerate(projects):
        mask = evaluate(query.filter, columns, now)
        if query.kind is ContainerKind.EXPERIMENT:
            mask = mask & columns.catalog.heads
        runs = np.flatnonzero(mask)
        project = np.full(len(runs), number, dtype=np.int64)
        matches.append(pl.DataFrame({"project": project, "run": runs, "key": _sort_values(columns, query.sort, runs)}))
    if not matches:
        return Found(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), 0)
    found = pl.concat(matches)
    ordered = found.sort("key", descending=query.sort.descending, nulls_last=True, maintain_order=True)
    # Polars counts rows in 64 bits; a limit may be any number.
    page = ordered.slice(
        min(query.offset, found.height), None if query.limit is None else min(query.limit, found.height)
    )
    return Found(page["project"].to_numpy(), page["run"].to_numpy(), found.height)


def runs_table(found: Found, projects: Sequence[CatalogColumns]) -> pa.Table:
    """The found runs as a RUNS table."""
    tables = [columns.catalog.runs for columns in projects]
    if not tables:
        return RUNS.empty_table()
    starts = np.cumsum([0, *(table.num_rows for table in tables[:-1])])
    return pa.concat_tables(tables).take(pa.array(starts[found.project] + found.run)).combine_chunks()


def _sort_values(columns: CatalogColumns, sort: SortKey, runs: npt.NDArray[np.int64]) -> pl.Series:
    """The sort key of each of ``runs``, null where it is missing."""
    if sort.type not in _ORDERED_TYPES:
        return pl.repeat(None, len(runs), dtype=pl.Boolean, eager=True).alias("key")
    holders, values = columns.column(sort.attribute, sort.type, sort.aggregation)
    position = np.full(columns.run_count, -1, dtype=np.int64)
    position[holders] = np.arange(len(holders))
    wanted = position[runs]
    keys = pl.Series("key", values.take(pa.array(wanted, mask=wanted < 0)))
    return keys.fill_nan(None) if keys.dtype.is_float() else keys

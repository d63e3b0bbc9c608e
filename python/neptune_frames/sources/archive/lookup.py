"""Finding runs by the identifiers that servers are asked with (http-api 5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from neptune_frames.schemas import RUNS
from neptune_frames.sources.archive.catalog import Catalog

_CUSTOM = "CUSTOM/"
#: UUIDs as `neptune_frames.sources.archive.identity` writes them: whatever else has no slash names nothing.
_UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


@dataclass(frozen=True)
class RunLookup:
    """Runs found by identifiers: ``runs`` (RUNS, no duplicates) and, per identifier, a position in it or -1.

    ``versions`` are those of the catalogs they were looked for in: others once any file of these projects changed.
    """

    runs: pa.Table
    positions: npt.NDArray[np.int32]
    versions: tuple[int, ...]


def projects_named(identifiers: pl.Series) -> list[str] | None:
    """The projects that the identifiers name; None where one is a UUID, which names none."""
    if identifiers.str.contains(_UUID).any():
        return None
    names = identifiers.str.strip_prefix(_CUSTOM).str.extract(r"^([^/]*/[^/]*)/")
    return names.drop_nulls().unique().sort().to_list()


def find_runs(catalogs: Sequence[Catalog], identifiers: pl.Series) -> RunLookup:
    """Runs by ``ws/proj/SYS-1``, ``CUSTOM/ws/proj/<custom run id>`` or UUID, in some projects."""
    positions = np.full(len(identifiers), -1, dtype=np.int64)
    found: list[pa.Table] = []
    start = 0
    for catalog in catalogs:
        number = _find_in(catalog, identifiers)
        hits = np.flatnonzero(number >= 0)
        runs, rows = np.unique(number[hits], return_inverse=True)
        found.append(catalog.runs.take(pa.array(runs)))
        positions[hits] = start + rows
        start += len(runs)
    runs_found = pa.concat_tables(found).combine_chunks() if found else RUNS.empty_table()
    return RunLookup(runs_found, positions.astype(np.int32), tuple(catalog.version for catalog in catalogs))


def _find_in(catalog: Catalog, identifiers: pl.Series) -> npt.NDArray[np.int64]:
    """The number of the run that each identifier names, -1 where it is none of this project."""
    by_custom = catalog.find_by("run_id", _after(identifiers, f"{_CUSTOM}{catalog.project}/").to_arrow())
    by_id = catalog.find_by("sys_id", _after(identifiers, f"{catalog.project}/").to_arrow())
    number = np.where(by_custom >= 0, by_custom, by_id)
    if identifiers.str.contains(_UUID).any():
        number = np.where(number >= 0, number, catalog.find_by("uuid", identifiers.to_arrow()))
    return number


def _after(texts: pl.Series, prefix: str) -> pl.Series:
    """What follows the prefix, null where a text does not start with it."""
    return texts.str.slice(len(prefix)).set(~texts.str.starts_with(prefix), None)

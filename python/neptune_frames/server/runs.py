"""Runs by the identifiers clients use: ``ws/proj/SYS-1``, ``CUSTOM/ws/proj/<custom run id>``, UUIDs."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.server.errors import ApiError, access_denied
from neptune_frames.server.state import ServerState
from neptune_frames.sources.archive.lookup import RunLookup, projects_named


def find_runs(state: ServerState, identifiers: Sequence[str], projects: Sequence[str]) -> pa.Table:
    """The runs (RUNS) of some projects among the identifiers; unknown ones and duplicates are left out."""
    lookup = state.source.find_runs(identifiers, projects)
    found = np.unique(lookup.positions[lookup.positions >= 0])
    runs = lookup.runs.take(found)
    in_projects = pc.is_in(runs["project"], pa.array(projects, pa.string()))
    return runs.filter(in_projects)


def find_run(state: ServerState, identifier: str) -> tuple[pa.Table, str]:
    """One run (RUNS with one row) and the name of its project; raises 404 for an unknown one."""
    lookup = state.source.find_runs([identifier])
    position = int(lookup.positions[0])
    if position < 0:
        raise ApiError(HTTPStatus.NOT_FOUND, "ATTRIBUTES_CONTAINER_NOT_FOUND", f"There is no run {identifier!r} here.")
    run = lookup.runs.slice(position, 1)
    return run, run["project"][0].as_py()


def find_holders(state: ServerState, identifiers: pa.Array) -> RunLookup:
    """The runs that series belong to.

    Clients expect the series of an unknown run to be empty, not refused. A request none of whose projects is
    here is a mistake all the same, and ACCESS_DENIED, as everywhere else.
    """
    lookup = state.source.find_runs(identifiers)
    if len(identifiers) and not lookup.runs.num_rows:
        named = projects_named(pl.Series(identifiers, dtype=pl.String)) or []
        if named and not pc.any(pc.is_in(pa.array(named), state.source.projects()["project"])).as_py():
            raise access_denied(named[0])
    return lookup

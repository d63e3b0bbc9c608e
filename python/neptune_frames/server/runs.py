"""Runs by the identifiers clients use: ``ws/proj/SYS-1``, ``CUSTOM/ws/proj/<custom run id>``, UUIDs."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.server.errors import ApiError
from neptune_frames.server.state import ServerState


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

"""`ArchiveSource`: answers questions about projects from a directory of Parquet files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from neptune_frames.sources.base import FileRequest, SearchAnswer, SeriesKeys

if TYPE_CHECKING:
    import numpy.typing as npt

    from neptune_frames.query.selection import AttributeSelector, RunQuery, SeriesOptions


@dataclass(frozen=True)
class RunLookup:
    """Runs found by identifiers: ``runs`` (RUNS, no duplicates) and, per identifier, a position in it or -1."""

    runs: pa.Table
    positions: npt.NDArray[np.int32]


class ArchiveSource:
    """Implements `neptune_frames.sources.base.Source` over an archive.

    ``data`` is an archive root that holds ``data/`` (and ``files/``), a directory of projects, or one
    project's directory; ``files`` is the root of the payloads (default: the sibling ``files``).
    """

    def __init__(self, data: str | Path, files: str | Path | None = None) -> None:
        self.data = Path(data)
        self.files = None if files is None else Path(files)

    def projects(self) -> pa.Table:
        """Names and directories of all projects: columns ``project``, ``directory`` (strings), ``uuid``."""
        raise NotImplementedError

    def has_project(self, name: str) -> bool:
        """Whether a project of that name (``workspace/name``) or UUID is there."""
        raise NotImplementedError

    def find_runs(self, identifiers: Sequence[str] | pa.Array, projects: Sequence[str] | None = None) -> RunLookup:
        """Runs by ``ws/proj/SYS-1``, ``CUSTOM/ws/proj/<custom run id>`` or run UUID, all at once.

        UUIDs are looked up in ``projects`` (default: all of them).
        """
        raise NotImplementedError

    def run_uuids(self, runs: pa.Table) -> pa.Array:
        """The UUID of each run of a RUNS table."""
        raise NotImplementedError

    def search(self, query: RunQuery, projection: Sequence[str] = ()) -> SearchAnswer:
        raise NotImplementedError

    def definitions(self, projects: Sequence[str], runs: pa.Table | None, selector: AttributeSelector) -> pa.Table:
        raise NotImplementedError

    def values(self, runs: pa.Table, selector: AttributeSelector) -> Iterator[tuple[str, pa.RecordBatch]]:
        raise NotImplementedError

    def resolve_custom_ids(self, project: str, run_ids: Sequence[str]) -> pa.Table:
        raise NotImplementedError

    def float_points(self, keys: SeriesKeys, options: SeriesOptions) -> Iterator[pa.RecordBatch]:
        raise NotImplementedError

    def object_points(self, keys: SeriesKeys, options: SeriesOptions) -> Iterator[pa.RecordBatch]:
        raise NotImplementedError

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
        raise NotImplementedError

    def buckets(self, keys: SeriesKeys, options: SeriesOptions, limit: int) -> pa.Table:
        return self.view_buckets(keys, options, limit + 1)

    def view_buckets(
        self,
        keys: SeriesKeys,
        options: SeriesOptions,
        max_buckets: int,
        view: tuple[float, float] | None = None,
    ) -> pa.Table:
        """BUCKETS of ``max_buckets`` ranges over ``view``, or over the range of all the series (http-api 13.2)."""
        raise NotImplementedError

    def fetch_files(self, files: Sequence[FileRequest], *, progress: bool = True) -> list[bool]:
        raise NotImplementedError

    def payload(self, project: str, path: str) -> Path | None:
        """The payload of a file attribute on disk; None where it is missing or would lie outside the root."""
        raise NotImplementedError

    def close(self) -> None:
        """Forget what was read."""

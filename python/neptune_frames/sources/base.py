"""The protocol of a source: who answers questions about projects.

Code above a source never asks which one it holds. Answers are Arrow tables, or iterators of record
batches in the schemas of `neptune_frames.schemas`; validation of user input happened before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from neptune_frames.query.selection import ALL_NEEDED

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from neptune_frames.query.selection import AttributeSelector, RunNeeds, RunQuery, SeriesOptions


@dataclass(frozen=True)
class SearchAnswer:
    """Runs in the order asked for, and the values of the projected attributes.

    ``values`` maps a client attribute type to one table in ``values_schema(type)`` whose ``run``
    column is a position in ``runs``. Types without a value are absent.
    """

    runs: pa.Table
    values: dict[str, pa.Table] = field(default_factory=dict)
    total: int | None = None


@dataclass(frozen=True)
class SeriesKeys:
    """Which series are asked for: pairs of positions in ``runs`` (RUNS) and ``attributes`` (names).

    ``pairs`` is None for the full product, run by run; otherwise two int32 arrays of equal length.
    """

    runs: pa.Table
    attributes: pa.Array
    pairs: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]] | None = None

    def __len__(self) -> int:
        if self.pairs is None:
            return int(self.runs.num_rows) * len(self.attributes)
        return len(self.pairs[0])

    def positions(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Run and attribute position of every series (int32 arrays)."""
        if self.pairs is not None:
            return self.pairs
        attributes = np.arange(len(self.attributes), dtype=np.int32)
        runs = np.arange(self.runs.num_rows, dtype=np.int32)
        return np.repeat(runs, len(attributes)), np.tile(attributes, len(runs))


@dataclass(frozen=True)
class FileRequest:
    """One file to bring: ``path`` is the opaque value of the file attribute, ``target`` an absolute local path."""

    project: str
    path: str
    size_bytes: int | None
    target: Path


def distinct_files(files: Iterable[FileRequest]) -> list[FileRequest]:
    """Each file once. Raises `ValueError` where two different ones have the same target."""
    targets: dict[Path, FileRequest] = {}
    for file in files:
        other = targets.setdefault(file.target, file)
        if other != file:
            raise ValueError(f"{other.path!r} and {file.path!r} have the same target {file.target}")
    return list(targets.values())


class Source(Protocol):
    """Answers questions about projects. Thread-safe; read-only."""

    def __str__(self) -> str:
        """What it is and where, for plans and logs: the place of an archive, the address of a server. No secrets."""
        ...

    def search(self, query: RunQuery, projection: Sequence[str] = (), needs: RunNeeds = ALL_NEEDED) -> SearchAnswer:
        """Runs (or experiment heads) in sort order, with the values of the projected exact names.

        Raises `NeptuneProjectInaccessible` for an unknown project.
        """
        ...

    def definitions(self, projects: Sequence[str], runs: pa.Table | None, selector: AttributeSelector) -> pa.Table:
        """Unique attributes (ATTRIBUTES, sorted by name then type) of the runs, or of whole projects."""
        ...

    def values(self, runs: pa.Table, selector: AttributeSelector) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Attribute values as (client type, batch in ``values_schema(type)``), in no promised order."""
        ...

    def resolve_custom_ids(self, project: str, run_ids: Sequence[str]) -> pa.Table:
        """RUNS for runs named by custom run id, duplicates removed; needs no request where the source
        can address series by custom id (``sys_id`` is null then). Unknown ids stay: they have no points."""
        ...

    def float_points(self, keys: SeriesKeys, options: SeriesOptions) -> Iterator[pa.RecordBatch]:
        """SERIES_POINTS batches with ``float_point(time=..., preview=...)`` points; no series is promised
        to appear, in no promised order; pieces of one series come in step order, steps ascend."""
        ...

    def object_points(self, keys: SeriesKeys, options: SeriesOptions) -> Iterator[pa.RecordBatch]:
        """SERIES_POINTS batches with OBJECT_POINT points, for string, histogram and file series.

        Times and values that the options do not ask for may be null."""
        ...

    def buckets(self, keys: SeriesKeys, options: SeriesOptions, limit: int, *, statistics: bool = True) -> pa.Table:
        """BUCKETS over the common step range of all series asked for, with or without their statistics.

        ``limit`` is the number of finite buckets; bucket 0 is everything up to the first x (http-api 13).
        """
        ...

    def fetch_files(self, files: Sequence[FileRequest], *, progress: bool = True) -> list[bool]:
        """Bring each file to its target (written aside, renamed); False where the source has none.

        A file that is there several times is brought once. Raises `ValueError` where two different ones have the
        same target.
        """
        ...

    def project_name(self, identifier: str) -> str:
        """``workspace/name`` of the project that a name (or UUID) stands for, as the source spells it.

        Raises `NeptuneProjectInaccessible`, or what the server's refusal becomes, for an unknown project.
        """
        ...

    def projects(self) -> pa.Table:
        """All projects by name, in a column ``project``.

        Raises `NeptuneUserError` where the source does not list them.
        """
        ...

    def close(self) -> None: ...

"""What an archive's layout has to provide for one project: files, inventories and points.

`neptune_frames.sources.archive.exporter_store` and `neptune_frames.sources.archive.batch_store` provide it;
catalog, lineage, search, values and buckets are the same for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import polars as pl

from neptune_frames.sources.archive.grouping import Grouped
from neptune_frames.sources.archive.inventory import Inventory
from neptune_frames.sources.archive.layout import FileState, Listing
from neptune_frames.sources.archive.object_path import Location
from neptune_frames.sources.archive.scan import ANY_TIME, StepRange, TimeRange


@dataclass(frozen=True)
class StretchRequest:
    """Stretches of series of one type whose points are to be read.

    ``stretches`` are rows of an inventory's table (columns ``run``, ``attribute``, ``file`` and what the
    layout added), possibly repeated. ``columns`` are those wanted beside the step: ``value``, ``timestamp``.
    Points outside ``steps`` and ``times`` need not be read.
    """

    attribute_type: str
    stretches: pl.DataFrame
    columns: Sequence[str]
    steps: StepRange
    times: TimeRange = ANY_TIME


@dataclass(frozen=True)
class StoredPoints:
    """Points as they are stored: ``series`` (``run``, ``attribute``) are the groups of ``grouped``, in its order.

    ``frame`` holds the columns asked for. The value of a file is its path, or all of `FILE` where it is known.
    """

    series: pl.DataFrame
    grouped: Grouped
    frame: pl.DataFrame


@dataclass(frozen=True)
class StorageFacts:
    """How a project is stored. ``parts`` are part files, or batches; ``payloads`` the files stored beside them, those
    left out that are named and not there; ``first_time`` and ``last_time`` the earliest and latest time of a point,
    as far as the statistics of files say."""

    layout: str
    parts: int
    bytes: int
    payloads: int
    payload_bytes: int
    first_time: datetime | None
    last_time: datetime | None


class ProjectStore(Protocol):
    """One project of an archive, in some layout. Its methods raise `DamagedFileError` where a file is damaged.

    Points may be read, and names and listings asked for, by several threads at once, also while one reads inventories.
    """

    @property
    def place(self) -> Location:
        """The directory the project's data lies in, which tells it from all others."""
        ...

    @property
    def payloads(self) -> Location:
        """The directory of file payloads."""
        ...

    @property
    def is_costly(self) -> bool:
        """Whether reading the inventory costs more than reading it from the cache on disk."""
        ...

    @property
    def listed_ns(self) -> int:
        """When the files were listed last."""
        ...

    def look(self) -> Listing:
        """The files (or batches) as they are now; the same object as before where nothing changed."""
        ...

    def state_of(self, part: str) -> FileState | None:
        """The state of one of them as it is now, None where it is gone."""
        ...

    def project_in(self, part: str) -> str | None:
        """The project's name as one of them says it, if it does."""
        ...

    def read_inventory(self, parts: Mapping[str, FileState]) -> list[Inventory]:
        """What some of them hold."""
        ...

    def usable(self, inventory: Inventory) -> Inventory:
        """The inventory of all of them as the library understands it: types of the library, nothing outdated."""
        ...

    def read_points(self, inventory: Inventory, request: StretchRequest) -> StoredPoints:
        """The points of stretches. ``inventory`` is the one whose numbers and rows ``request`` uses."""
        ...

    def facts(self) -> StorageFacts:
        """How the project is stored, from listings, manifests and the footers of files."""
        ...

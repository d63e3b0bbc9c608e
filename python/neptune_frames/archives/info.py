"""What an archive holds, in figures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from neptune_frames.schemas import SERIES_TYPES
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.archive.catalog import Catalog
from neptune_frames.sources.archive.discovery import nothing_at


@dataclass(frozen=True)
class ProjectInfo:
    """One project: ``values`` and ``series`` count those of all runs, ``attributes`` distinct names.

    ``first_time`` and ``last_time`` are those of points, None where none has a time; ``bytes`` those of
    Parquet files.
    """

    project: str
    layout: str
    place: str
    runs: int
    experiments: int
    attributes: int
    values: int
    series: int
    points: Mapping[str, int]
    parts: int
    bytes: int
    payloads: int
    payload_bytes: int
    first_time: datetime | None
    last_time: datetime | None


def archive_info(archive: str | os.PathLike[str], files: str | os.PathLike[str] | None = None) -> list[ProjectInfo]:
    """The projects of an archive in any layout, by name.

    Args:
        archive: Directory or URL.
        files: Where payloads of the exporter's layout lie, if not beside the data.

    Points are counted from tables that the archive keeps (or, of the exporter's layout, from the catalog,
    which the first look makes by reading every file). Raises `ArchiveError`, also where there is no project.

    >>> import os
    >>> [(one.project, one.runs, one.points) for one in archive_info(os.environ["NEPTUNE_ARCHIVE"])]
    [('team/vision', ..., {'float_series': ...})]
    """
    catalogs = ArchiveSource(os.fspath(archive), files).catalogs()
    if not catalogs:
        raise nothing_at(archive)
    return [_project_info(catalog) for catalog in catalogs]


def _project_info(catalog: Catalog) -> ProjectInfo:
    tables = catalog.inventory.tables
    series = {kind: tables[kind] for kind in SERIES_TYPES if kind in tables}
    values = sum(table.height for kind, table in tables.items() if kind not in series)
    facts = catalog.store.facts()
    return ProjectInfo(
        catalog.project,
        facts.layout,
        str(catalog.store.place),
        catalog.run_count,
        int(catalog.heads.sum()),
        len(catalog.definitions["attribute"].unique()),
        values,
        sum(table.select("attribute", "run").n_unique() for table in series.values()),
        {kind: int(table["count"].sum()) for kind, table in series.items()},
        facts.parts,
        facts.bytes,
        facts.payloads,
        facts.payload_bytes,
        facts.first_time,
        facts.last_time,
    )

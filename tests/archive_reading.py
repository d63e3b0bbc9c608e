"""Small archives in the exporter's layout, made for one rule each, and what is read from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from neptune_frames.query.attributes import KNOWN_TYPES
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    RunQuery,
    SeriesOptions,
)
from neptune_frames.schemas import values_schema
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.writing.exporter_layout import (
    parameter_rows,
    write_run,
)

PROJECT = "ws/proj"
EVERYTHING = AttributeSelector((AttributeAlternative(KNOWN_TYPES),))


def write(
    root: Path, run_id: str, parameters: Mapping[Any, Any], *batches: pa.Table, project: str = PROJECT
) -> list[Path]:
    system = {"sys/id": f"SYS-{run_id}", "sys/custom_run_id": run_id}
    return write_run(root / "data", project, run_id, [parameter_rows({**system, **parameters}), *batches])


def runs_of(source: ArchiveSource, kind: ContainerKind = ContainerKind.RUN, **query: Any) -> pa.Table:
    return source.search(RunQuery(PROJECT, kind, **query)).runs


def points_of(
    source: ArchiveSource, names: list[str], options: SeriesOptions | None = None
) -> dict[tuple[str, str], Any]:
    runs = runs_of(source)
    found: dict[tuple[str, str], Any] = {}
    for batch in source.float_points(SeriesKeys(runs, pa.array(names)), options or SeriesOptions()):
        for row in batch.to_pylist():
            key = (runs["run_id"][row["run"]].as_py(), names[row["attribute"]])
            found.setdefault(key, []).extend((point["step"], point["value"]) for point in row["points"])
    return found


def values_of(source: ArchiveSource, attribute_type: str) -> dict[tuple[str, str], Any]:
    runs = runs_of(source)
    selector = AttributeSelector((AttributeAlternative((attribute_type,)),))
    found = {}
    for kind, batch in source.values(runs, selector):
        assert kind == attribute_type
        assert batch.schema.equals(values_schema(kind))
        for row in batch.to_pylist():
            found[runs["run_id"][row["run"]].as_py(), row["attribute"]] = row["value"]
    return found

"""A project in the exporter's layout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq

from neptune_frames.query.attributes import FLOAT_SERIES
from neptune_frames.sources.archive.freshness import WatchedDirectory
from neptune_frames.sources.archive.grouping import group_rows
from neptune_frames.sources.archive.inventory import Inventory, read_inventory, repeated_codes
from neptune_frames.sources.archive.layout import (
    NEPTUNE2_COLUMNS,
    VALUE_COLUMNS,
    FileState,
    Listing,
    ProjectDirectory,
    list_parts,
    state_of,
)
from neptune_frames.sources.archive.neptune2 import without_neptune2_types
from neptune_frames.sources.archive.parquet_files import TimeSpan, joined_span, named_damage, time_span
from neptune_frames.sources.archive.scan import read_rows, steps_of
from neptune_frames.sources.archive.store import StorageFacts, StoredPoints, StretchRequest

#: Largest table of series numbers that is laid out in full.
_DENSE_LOOKUP = 1 << 24
#: Where so many of the points are wanted, comparing all names costs more than reading the others.
_NEARLY_ALL = 0.8
#: Types whose values name payloads.
_FILE_TYPES = [kind for kind, column in {**VALUE_COLUMNS, **NEPTUNE2_COLUMNS}.items() if column == "file_value"]


class ExporterStore:
    """Implements `neptune_frames.sources.archive.store.ProjectStore` over part files."""

    is_costly = True

    def __init__(self, directory: ProjectDirectory) -> None:
        self._directory = directory
        self._watched = WatchedDirectory(directory.data, list_parts)
        self.place = directory.data
        self.payloads = directory.files

    @property
    def listed_ns(self) -> int:
        return self._watched.listed_ns

    def look(self) -> Listing:
        return self._watched.look()

    def state_of(self, part: str) -> FileState | None:
        return state_of(part)

    def project_in(self, part: str) -> str | None:
        rows = read_rows([part], ["project_id"], pl.col("project_id").is_not_null())
        return self._directory.name(rows["project_id"][0]) if rows.height else None

    def read_inventory(self, parts: Mapping[str, FileState]) -> list[Inventory]:
        return read_inventory(parts)

    def usable(self, inventory: Inventory) -> Inventory:
        return without_neptune2_types(inventory, self.payloads)

    def read_points(self, inventory: Inventory, request: StretchRequest) -> StoredPoints:
        series = request.stretches.select("run", "attribute").unique().sort("run", "attribute")
        names = inventory.attributes.gather(series["attribute"].unique().sort())
        path, predicate = pl.col("attribute_path"), pl.col("attribute_type") == request.attribute_type
        if len(names) == 1:
            predicate &= path == names[0]
        elif _wanted_share(inventory, request) < _NEARLY_ALL:
            predicate &= path.is_in(names.to_list())
        value = pl.col(VALUE_COLUMNS[request.attribute_type]).alias("value")
        if request.attribute_type != FLOAT_SERIES:
            # A null there is padding; in a float series it is NaN.
            predicate &= value.is_not_null()
        if request.attribute_type == "file_series":
            value = value.struct.field("path").alias("value")
        frame = read_rows(
            inventory.files.gather(request.stretches["file"].unique().sort()).to_list(),
            # Names become numbers while they are read, so that they take a byte or two of memory each.
            [
                "run_id",
                "step",
                *([] if len(names) == 1 else [path.cast(pl.Enum(names), strict=False)]),
                *(value if column == "value" else column for column in request.columns),
            ],
            predicate,
            steps=request.steps,
            times=request.times,
        )
        numbers = _series_numbers(frame, series, inventory)
        grouped = group_rows(numbers, steps_of(frame["step"]), series.height)
        return StoredPoints(series, grouped, frame.select(request.columns))

    def named_payloads(self, part: str) -> pl.DataFrame:
        """The payloads that the rows of a part name, each once: ``run_id``, ``attribute_type`` and ``path``."""
        path = pl.col("file_value").struct.field("path").alias("path")
        rows = read_rows([part], ["run_id", "attribute_type", path], pl.col("attribute_type").is_in(_FILE_TYPES))
        return rows.drop_nulls("path").unique(maintain_order=True)

    def facts(self) -> StorageFacts:
        parts = self.look().parts
        times = [_time_span(path) for path in parts]
        payloads = [entry.stat().st_size for entry in self.payloads.rglob("*") if entry.is_file()]
        return StorageFacts(
            "neptune-exporter",
            len(parts),
            sum(state.size for state in parts.values()),
            len(payloads),
            sum(payloads),
            *joined_span(times),
        )


def _wanted_share(inventory: Inventory, request: StretchRequest) -> float:
    """Which part of the points of the type that the files hold is asked for."""
    wanted, held = request.stretches, inventory.tables[request.attribute_type]
    files = np.zeros(len(inventory.files), dtype=bool)
    files[wanted["file"].to_numpy()] = True
    count = held["count"].to_numpy()
    once = wanted.select("attribute", "run", "file", "count").unique()
    return float(once["count"].sum() / max(1, count[files[held["file"].to_numpy()]].sum()))


def _time_span(path: str) -> TimeSpan:
    with named_damage(Path(path)):
        return time_span(pq.read_metadata(path))


def _series_numbers(frame: pl.DataFrame, series: pl.DataFrame, inventory: Inventory) -> npt.NDArray[np.integer]:
    """For each row the position of its series in ``series`` (sorted by run and attribute), or -1.

    The frame's ``attribute_path`` is an Enum of the attributes in ``series``; with a single one it is not needed.
    """
    runs, attributes = series["run"].unique().sort(), series["attribute"].unique().sort()
    width = len(attributes)
    dtype = pl.Int32 if len(runs) * width < 2**31 else pl.Int64
    run = pl.Series(repeated_codes(frame["run_id"], inventory.runs.gather(runs)), dtype=dtype).to_numpy()
    if width == 1:
        attribute = np.zeros_like(run)
    else:
        attribute = frame["attribute_path"].to_physical().cast(dtype).fill_null(-1).to_numpy()
    if series.height == len(runs) * width:
        return np.where((run >= 0) & (attribute >= 0), run * width + attribute, -1)
    known = np.searchsorted(runs.to_numpy(), series["run"].to_numpy()) * width + np.searchsorted(
        attributes.to_numpy(), series["attribute"].to_numpy()
    )
    keys = np.where((run >= 0) & (attribute >= 0), run * width + attribute, len(runs) * width)
    if len(runs) * width < _DENSE_LOOKUP:
        lookup = np.full(len(runs) * width + 1, -1)
        lookup[known] = np.arange(len(known))
        return lookup[keys]
    found = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[found] == keys, found, -1)

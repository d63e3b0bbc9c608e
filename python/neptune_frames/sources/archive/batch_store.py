"""A project in the layout "neptune-frames"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from neptune_frames.sources.archive.batch_inventory import read_batches
from neptune_frames.sources.archive.batch_layout import (
    FILES_DIRECTORY,
    FORMAT,
    PAYLOADS_FILE,
    FileEntry,
    Manifest,
    read_manifest,
)
from neptune_frames.sources.archive.batch_listing import WatchedBatches
from neptune_frames.sources.archive.batch_points import read_stretches
from neptune_frames.sources.archive.inventory import Inventory
from neptune_frames.sources.archive.layout import SERIES_COLUMNS, FileState, Listing
from neptune_frames.sources.archive.object_path import Location, ObjectPath
from neptune_frames.sources.archive.parquet_files import ParquetFiles, joined_span, time_span
from neptune_frames.sources.archive.store import StorageFacts, StoredPoints, StretchRequest


class BatchStore:
    """Implements `neptune_frames.sources.archive.store.ProjectStore` over batches."""

    def __init__(self, place: Location) -> None:
        self.place = place
        self.payloads = place / FILES_DIRECTORY
        self._watched = WatchedBatches(place)
        self._files = ParquetFiles()
        self._manifests: dict[str, Manifest] = {}

    @property
    def listed_ns(self) -> int:
        return self._watched.listed_ns

    @property
    def is_costly(self) -> bool:
        return isinstance(self.place, ObjectPath)

    def look(self) -> Listing:
        return self._watched.look()

    def state_of(self, part: str) -> FileState | None:
        return self._watched.state_of(part)

    def project_in(self, part: str) -> str | None:
        # Read anew: this may be another archive, put in the place of the one whose manifests are known.
        return read_manifest(self._batch(part)).project

    def read_inventory(self, parts: Mapping[str, FileState]) -> list[Inventory]:
        for part in parts:
            # A batch never changes, but another archive may have been put in its place.
            self._manifests.pop(part, None)
            self._files.forget(self._batch(part))
        return [read_batches({part: (self._batch(part), self._manifest(part)) for part in parts}, self._files)]

    def usable(self, inventory: Inventory) -> Inventory:
        """The inventory with the values of each run's latest batch only."""
        owners = inventory.owners
        if not owners["run"].is_duplicated().any():
            return inventory
        number = inventory.files.str.extract(r"batch=(\d+)$").cast(pl.Int64).to_numpy()
        latest = np.full(len(inventory.runs), -1)
        np.maximum.at(latest, owners["run"].to_numpy(), number[owners["file"].to_numpy()])
        tables = {
            kind: table
            if kind in SERIES_COLUMNS
            else table.filter(pl.Series(number[table["file"].to_numpy()] == latest[table["run"].to_numpy()]))
            for kind, table in inventory.tables.items()
        }
        return replace(inventory, tables={kind: table for kind, table in tables.items() if table.height})

    def read_points(self, inventory: Inventory, request: StretchRequest) -> StoredPoints:
        def directory(file: int) -> tuple[Location, Manifest]:
            part = inventory.files[file]
            return self._batch(part), self._manifest(part)

        return read_stretches(request, directory, self._files)

    def facts(self) -> StorageFacts:
        parts = self.look().parts
        entries = [(self._batch(part), entry) for part in parts for entry in self._manifest(part).files]
        points = [(batch, entry) for batch, entry in entries if entry.path.partition("/")[0] in SERIES_COLUMNS]
        payloads = self._stored_payloads([one for one in entries if one[1].path == PAYLOADS_FILE])
        return StorageFacts(
            FORMAT,
            len(parts),
            sum(entry.bytes for _, entry in entries),
            payloads.height,
            int(payloads["bytes"].sum()),
            *joined_span(
                [time_span(self._files.footer(batch / entry.path, entry).metadata) for batch, entry in points]
            ),
        )

    def _stored_payloads(self, tables: Sequence[tuple[Location, FileEntry]]) -> pl.DataFrame:
        """The payloads that are there, as the latest batch that lists each of them describes it."""
        listed = [pl.DataFrame(self._files.read(batch / one.path, one, ["path", "bytes"])) for batch, one in tables]
        listed.append(pl.DataFrame(schema={"path": pl.String, "bytes": pl.Int64}))
        return pl.concat(listed, how="vertical_relaxed").unique("path", keep="last").drop_nulls("bytes")

    def _batch(self, part: str) -> Location:
        """The directory of a batch, which listings name by its full path."""
        return self.place / re.split(r"[\\/]", part)[-1]

    def _manifest(self, part: str) -> Manifest:
        """The manifest of a batch; a batch never changes, so it is read once."""
        found = self._manifests.get(part)
        if found is None:
            found = self._manifests[part] = read_manifest(self._batch(part))
        return found

"""The committed batches of a project, on disk or in an object store, and noticing new ones at little cost."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from neptune_frames.sources.archive.batch_layout import MANIFEST, committed_batches
from neptune_frames.sources.archive.freshness import WatchedDirectory
from neptune_frames.sources.archive.layout import FileState, Listing, state_of
from neptune_frames.sources.archive.object_path import Location, ObjectPath

#: An object store is asked for new batches when its last answer is older than this.
SECONDS_BETWEEN_LISTINGS = 10.0


class WatchedBatches:
    """The batches of one project by full path, listed anew when there may be other ones. Thread-safe.

    On disk, that is as `WatchedDirectory` notices it. An object store is asked at most every
    `SECONDS_BETWEEN_LISTINGS`, and a batch there is a directory with a manifest, which is written last.
    """

    def __init__(self, place: Location) -> None:
        self._place = place
        self._directory = WatchedDirectory(place, _on_disk) if isinstance(place, Path) else None
        self._listing: Listing | None = None
        self.listed_ns = 0
        self._lock = threading.Lock()

    def look(self) -> Listing:
        if self._directory is not None:
            listing = self._directory.look()
            self.listed_ns = self._directory.listed_ns
            return listing
        with self._lock:
            now_ns = time.time_ns()
            if self._listing is None or now_ns - self.listed_ns > SECONDS_BETWEEN_LISTINGS * 1e9:
                assert isinstance(self._place, ObjectPath)
                listing = self._in_store(self._place)
                self.listed_ns = now_ns
                if listing != self._listing:
                    self._listing = listing
            assert self._listing is not None
            return self._listing

    def state_of(self, part: str) -> FileState | None:
        if self._directory is not None:
            return state_of(part)
        return self.look().parts.get(part)

    def _in_store(self, place: ObjectPath) -> Listing:
        known = {} if self._listing is None else self._listing.parts
        parts = {}
        for _, batch in committed_batches(place):
            # A committed batch does not change, so that one look at its manifest is enough.
            state = known.get(str(batch)) or _state_in_store(batch)
            if state is not None:
                parts[str(batch)] = state
        return Listing(parts, ())


def _on_disk(place: Path) -> Listing:
    parts = [f"{place}{os.sep}{batch.name}" for _, batch in committed_batches(place)]
    states = {part: state_of(part) for part in parts}
    return Listing({part: state for part, state in states.items() if state is not None}, ())


def _state_in_store(batch: Location) -> FileState | None:
    manifest = batch / MANIFEST
    assert isinstance(manifest, ObjectPath)
    try:
        return FileState(manifest.size(), manifest.modified_ns())
    except FileNotFoundError:
        return None

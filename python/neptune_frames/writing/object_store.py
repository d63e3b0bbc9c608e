"""Exporting into an object store: batches are written to a local directory, and uploaded when they are complete.

How a batch appears there at once, though several exports may be at work: `neptune_frames.writing.publishing`.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from neptune_frames.sources.archive.batch_layout import (
    ATTRIBUTES_DIRECTORY,
    FILES_DIRECTORY,
    MANIFEST,
    PAYLOADS_FILE,
    RUNS_FILE,
    SERIES_DIRECTORY,
    batch_directory,
    committed_batches,
    project_directory,
    read_manifest,
)
from neptune_frames.sources.archive.object_path import ObjectPath
from neptune_frames.writing import publishing
from neptune_frames.writing.own_layout import prepare_archive

#: What a writer looks up in batches that are there: which runs they hold, and where these end, if it goes on there.
_LOOKED_UP = (RUNS_FILE,)
_LOOKED_UP_BY_UPDATES = (RUNS_FILE, SERIES_DIRECTORY, ATTRIBUTES_DIRECTORY)


class Mirror:
    """A local directory that stands for an archive in an object store while it is written.

    It holds what a writer looks up in committed batches, the batch that is being written, and no points of
    others: `commit` uploads a batch and drops it. ``path`` is the directory.
    """

    def __init__(self, archive: ObjectPath, path: Path) -> None:
        self._archive = archive
        self._export = uuid.uuid4().hex
        self.path = path

    def prepare(self, projects: Iterable[str], *, update: bool) -> None:
        """Make sure that the store holds an archive, and bring what a writer looks up. Raises `ArchiveError`."""
        prepare_archive(self._archive)
        wanted = _LOOKED_UP_BY_UPDATES if update else _LOOKED_UP
        transfers = []
        for project in projects:
            directory = project_directory(self.path, project)
            publishing.complete_claimed(self._archive / directory.name)
            publishing.remove_outdone(self._archive / directory.name)
            for number, batch in committed_batches(self._archive / directory.name):
                local = batch_directory(directory, number)
                if not (batch / MANIFEST).is_file():
                    continue
                manifest = read_manifest(batch)
                names = [entry.path for entry in manifest.files if entry.path.partition("/")[0] in wanted]
                transfers += [(batch / name, local / name) for name in [*names, MANIFEST]]
        publishing.side_by_side(_download, transfers)

    def commit(self, batch: Path) -> None:
        """Upload a batch that was written to the mirror, and drop what no writer looks up.

        Raises `ArchiveError` where the store has a batch of that number already: another export is writing.
        """
        payloads = [
            (file, path) for path in _payloads(batch) if (file := batch.parent / FILES_DIRECTORY / path).is_file()
        ]
        remote = self._archive / batch.parent.name
        publishing.commit(remote, read_manifest(batch).batch, batch, payloads, self._export)
        for file, _ in payloads:
            file.unlink()
        for kind in batch.iterdir():
            if kind.is_dir() and kind.name not in (SERIES_DIRECTORY, ATTRIBUTES_DIRECTORY):
                shutil.rmtree(kind)


@contextmanager
def mirrored(archive: ObjectPath) -> Iterator[Mirror]:
    """A mirror in a temporary directory, which is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="neptune-frames-export-") as directory:
        yield Mirror(archive, Path(directory))


def _payloads(batch: Path) -> list[str]:
    """Paths of the payloads that came with a batch."""
    file = batch / PAYLOADS_FILE
    if not file.is_file():
        return []
    table = pl.read_parquet(file, columns=["path", "bytes"], hive_partitioning=False)
    return table.drop_nulls("bytes")["path"].to_list()


def _download(transfer: tuple[ObjectPath, Path]) -> None:
    source, target = transfer
    target.parent.mkdir(parents=True, exist_ok=True)
    source.download(target)

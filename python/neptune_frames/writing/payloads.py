"""Payloads of file values: what they are called in an archive, and bringing them there.

What is brought counts for nothing before it is on the disk as a whole: a file grows in a directory of its own, is
synced and then renamed, and the directories it came to are synced too, all before the batch that names it. What an
export left behind that broke off is brought again: it may be of the right size and have other content.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from neptune_frames.errors import ArchiveError
from neptune_frames.frames.files_paths import digest_of
from neptune_frames.schemas import FILE
from neptune_frames.sources.archive.batch_layout import PAYLOADS
from neptune_frames.sources.archive.object_path import sha256_of
from neptune_frames.sources.base import FileRequest, Source
from neptune_frames.writing.batch import BATCH_PAYLOADS
from neptune_frames.writing.durable import sync_directory, sync_file, writing
from neptune_frames.writing.payload_names import Naming, Owners
from neptune_frames.writing.point_store import Codes

#: Where payloads grow, below the directory they belong to. Names in it are short, however long those of the files are.
_INCOMING = ".incoming"

#: Payloads that are there: their paths, sizes and digests.
_STORED = pl.DataFrame(PAYLOADS.empty_table()).schema


def remove_incoming(directory: Path) -> None:
    """Remove what an export that broke off left of payloads on their way. Only the project's writer may do so."""
    shutil.rmtree(directory / _INCOMING, ignore_errors=True)


class Payloads:
    """The payloads of one batch.

    Args:
        source: Whom to ask for them.
        project: What the source calls the project.
        directory: Where the payloads of the project go.
        naming: How they are called.
        bring: False leaves them out: they are named, and count as missing.
        stored: Those of committed batches, ``path``, ``bytes`` and ``sha256``. One that the source has with the same
            path and size is not brought again, as long as its content is what was stored.
    """

    def __init__(
        self,
        source: Source,
        project: str,
        directory: Path,
        naming: Naming,
        *,
        bring: bool,
        stored: pl.DataFrame | None = None,
    ) -> None:
        self._source = source
        self._project = project
        self._directory = directory
        self._naming = naming
        self._bring = bring
        self._stored = pl.DataFrame(schema=_STORED) if stored is None else stored
        self._found: list[pl.DataFrame] = []

    def prepare(self, owners: Owners) -> None:
        """See `Naming.prepare`."""
        self._naming.prepare(owners)

    def named_files(self, owners: Owners, files: pa.Array) -> pa.Array:
        """Values of single files (FILE) with the paths of their payloads in the archive."""
        return self._renamed(owners.run, files, self._naming.files(owners, files))

    def named_series(self, owners: Owners, steps: pa.Array, files: pa.Array) -> pa.Array:
        """As `named_files`, for points of file series."""
        keys, number = np.unique(owners.run * len(owners.names) + owners.attribute, return_inverse=True)
        series = Owners(owners.runs, keys // len(owners.names), owners.names, keys % len(owners.names))
        extensions = self._naming.extensions(pl.Series(files.field("mime_type"), dtype=pl.String))
        directories = self._naming.series(series).gather(number)
        return self._renamed(owners.run, files, directories + "/" + self._naming.steps(steps) + extensions)

    def fetch(self) -> pa.Table:
        """Bring those that are not there yet. Gives rows of BATCH_PAYLOADS, by path."""
        if not self._found:
            return BATCH_PAYLOADS.empty_table()
        wanted = pl.concat(self._found).unique("path", keep="first").sort("path")
        there = pl.DataFrame(schema=_STORED)
        if self._bring:
            with writing():
                intact = self._intact(wanted)
            unchanged = wanted.join(intact, left_on=["path", "size"], right_on=["path", "bytes"], how="semi")
            brought = self._brought(wanted.join(unchanged, on="path", how="anti", maintain_order="left"))
            there = pl.concat([brought, intact]).unique("path", keep="first")
        rows = wanted.join(there, on="path", how="left", maintain_order="left")
        return rows.select(BATCH_PAYLOADS.names).to_arrow().cast(BATCH_PAYLOADS)

    def _intact(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """Those of committed batches whose content is still what it was then."""
        stored = self._stored.join(wanted, on="path", how="semi")
        places = [self._directory / path for path in stored["path"]]
        digests = [sha256_of(place) if place.is_file() else None for place in places]
        return stored.filter(pl.col("sha256") == pl.Series(digests, dtype=pl.String))

    def _brought(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """Bring payloads. Gives those that the source has.

        Raises `ArchiveError` where a file cannot be copied; the system does not always say on which side.
        """
        if not wanted.height:
            return pl.DataFrame(schema=_STORED)
        incoming = self._directory / _INCOMING
        with writing():
            remove_incoming(self._directory)
            incoming.mkdir(parents=True)
        requests = [
            FileRequest(self._project, source_path, size, incoming / digest_of(path))
            for path, source_path, size in wanted.select("path", "source_path", "size").iter_rows()
        ]
        try:
            found = self._source.fetch_files(requests, progress=False)
        except OSError as error:
            raise ArchiveError(
                f"A file of {self._project} could not be copied from the source to the archive: {error}. "
                "What the archive shows is valid; export again to go on."
            ) from error
        with writing():
            pairs = zip(wanted["path"], requests, found, strict=True)
            rows = [self._placed(request.target, path) for path, request, there in pairs if there]
            self._sync_directories([path for path, _, _ in rows])
            shutil.rmtree(incoming)
        return pl.DataFrame(rows, schema=_STORED, orient="row")

    def _placed(self, arrived: Path, path: str) -> tuple[str, int, str]:
        """Give a payload that has arrived its name."""
        sync_file(arrived)
        size, digest = arrived.stat().st_size, sha256_of(arrived)
        place = self._directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        arrived.replace(place)
        return path, size, digest

    def _sync_directories(self, paths: list[str]) -> None:
        """Bring the names of payloads to the disk, and those of all directories on the way to them."""
        for directory in sorted({parent for path in paths for parent in Path(path).parents}, reverse=True):
            sync_directory(self._directory / directory)
        sync_directory(self._directory.parent)

    def _renamed(self, run: Codes, files: pa.Array, paths: pl.Series) -> pa.Array:
        found = pl.DataFrame(
            {
                "path": paths,
                "source_path": pl.Series(files.field("path"), dtype=pl.String),
                "size": pl.Series(files.field("size_bytes"), dtype=pl.Int64),
                "run": run,
            }
        ).with_columns(pl.when(pl.col("source_path").is_not_null()).then("path"))
        self._found.append(found.drop_nulls("path"))
        renamed = found["path"].to_arrow().cast(pa.string())
        columns = [renamed, files.field("size_bytes"), files.field("mime_type")]
        return pa.StructArray.from_arrays(columns, fields=list(FILE), mask=files.is_null())

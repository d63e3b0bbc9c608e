"""Payloads of file values: what they are called in an archive, and bringing them there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from neptune_frames.errors import ArchiveError
from neptune_frames.schemas import FILE
from neptune_frames.sources.archive.batch_layout import PAYLOADS
from neptune_frames.sources.archive.object_path import sha256_of
from neptune_frames.sources.base import FileRequest, Source
from neptune_frames.writing.durable import sync_file, writing
from neptune_frames.writing.payload_names import Naming, Owner
from neptune_frames.writing.point_store import Codes


class Payloads:
    """The payloads of one batch.

    Args:
        source: Whom to ask for them.
        project: What the source calls the project.
        directory: Where the payloads of the project go.
        naming: How they are called.
        bring: False leaves them out: they are named, and count as missing.
    """

    def __init__(self, source: Source, project: str, directory: Path, naming: Naming, *, bring: bool) -> None:
        self._source = source
        self._project = project
        self._directory = directory
        self._naming = naming
        self._bring = bring
        self._found: list[pl.DataFrame] = []

    def prepare(self, owners: Iterable[Owner]) -> None:
        """See `Naming.prepare`."""
        self._naming.prepare(owners)

    def named_files(self, runs: pa.Array, run: Codes, names: pa.Array, attribute: Codes, files: pa.Array) -> pa.Array:
        """Values of single files (FILE) with the paths of their payloads in the archive."""
        columns = (
            runs.take(pa.array(run)),
            names.take(pa.array(attribute)),
            files.field("path"),
            files.field("size_bytes"),
            files.field("mime_type"),
        )
        paths = [
            None if path is None else self._naming.file((run_id, name), path, size, mime_type)
            for run_id, name, path, size, mime_type in zip(*(column.to_pylist() for column in columns), strict=True)
        ]
        return self._renamed(run, files, pl.Series(paths, dtype=pl.String))

    def named_series(
        self, runs: pa.Array, run: Codes, names: pa.Array, attribute: Codes, steps: pa.Array, files: pa.Array
    ) -> pa.Array:
        """As `named_files`, for points of file series: names are made series by series, not point by point."""
        mime_types = pl.Series(files.field("mime_type"), dtype=pl.String)
        distinct = mime_types.unique()
        extensions = pl.DataFrame(
            {"type": distinct, "extension": [self._naming.extension(each) for each in distinct]},
            schema={"type": pl.String, "extension": pl.String},
        )
        series, number = np.unique(run * len(names) + attribute, return_inverse=True)
        owners = zip(
            runs.take(pa.array(series // len(names))).to_pylist(),
            names.take(pa.array(series % len(names))).to_pylist(),
            strict=True,
        )
        directories = pl.Series([self._naming.series(owner) for owner in owners], dtype=pl.String)
        named = pl.DataFrame(
            {"series": directories[number], "step": self._naming.steps(steps), "type": mime_types}
        ).join(extensions, on="type", how="left", nulls_equal=True, maintain_order="left")
        path = pl.concat_str(["series", pl.lit("/"), "step", "extension"])
        present = pl.Series(files.field("path"), dtype=pl.String).is_not_null()
        return self._renamed(run, files, named.select(pl.when(present).then(path)).to_series())

    def fetch(self) -> pa.Table:
        """Bring those that are not there yet. Gives rows of PAYLOADS, by path, and the ``run`` of each."""
        schema = pa.schema([*PAYLOADS, pa.field("run", pa.int64())])
        if not self._found:
            return schema.empty_table()
        wanted = pl.concat(self._found).unique("target", keep="first").sort("target")
        targets = wanted["target"].to_list()
        if self._bring:
            self._request(wanted)
        with writing():
            paths = [self._directory / target for target in targets]
            brought = [path if self._bring and path.is_file() else None for path in paths]
            for path in brought:
                if path is not None:
                    sync_file(path)
            sizes = [None if path is None else path.stat().st_size for path in brought]
            digests = [None if path is None else sha256_of(path) for path in brought]
        return pa.table([targets, sizes, digests, wanted["run"].to_arrow()], schema=schema)

    def _request(self, wanted: pl.DataFrame) -> None:
        """Raises `ArchiveError` where a file cannot be copied; the system does not always say on which side."""
        requests = []
        with writing():
            for path, size, target in wanted.select("path", "size", "target").iter_rows():
                place = self._directory / target
                if size and place.is_file() and place.stat().st_size == size:
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                requests.append(FileRequest(self._project, path, size, place))
        if not requests:
            return
        try:
            self._source.fetch_files(requests, progress=False)
        except OSError as error:
            raise ArchiveError(
                f"A file of {self._project} could not be copied from the source to the archive: {error}. "
                "What the archive shows is valid; export again to go on."
            ) from error

    def _renamed(self, run: Codes, files: pa.Array, paths: pl.Series) -> pa.Array:
        found = pl.DataFrame(
            {
                "path": pl.Series(files.field("path"), dtype=pl.String),
                "size": pl.Series(files.field("size_bytes"), dtype=pl.Int64),
                "target": paths,
                "run": run,
            }
        ).drop_nulls("target")
        self._found.append(found)
        renamed = paths.to_arrow().cast(pa.string())
        columns = [renamed, files.field("size_bytes"), files.field("mime_type")]
        return pa.StructArray.from_arrays(columns, fields=list(FILE), mask=files.is_null())

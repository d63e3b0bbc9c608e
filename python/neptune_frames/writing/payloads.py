"""Payloads of file values: what they are called in an archive, and bringing them there."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
import pyarrow as pa

from neptune_frames.schemas import FILE
from neptune_frames.sources.archive.batch_layout import PAYLOADS, bounded_name
from neptune_frames.sources.base import FileRequest, Source
from neptune_frames.writing.durable import sha256_of, sync_file
from neptune_frames.writing.point_store import Codes

#: The tables of Python itself: those of the machine would give other names elsewhere.
_MIME_TYPES = mimetypes.MimeTypes()


class Naming(Protocol):
    """How payloads are called below the directory of a project's files, with ``/``."""

    def directory(self, run: str) -> str:
        """The directory of a run's payloads."""
        ...

    def file(self, attribute: str, source_path: str, extension: str) -> str:
        """The payload of a single file, below the run's directory."""
        ...

    def series(self, attribute: str) -> str:
        """The directory of a file series, below the run's directory."""
        ...

    def steps(self, steps: pl.Series) -> pl.Series:
        """Names of the payloads of a series, without extension."""
        ...

    def extension(self, mime_type: str | None) -> str:
        """The extension of a payload, with its dot."""
        ...


class OwnNaming:
    """The names of the layout "neptune-frames": distinct on every file system, readable where possible.

    A single file's name holds a digest of the path it had in the source: another version is another file.
    """

    def directory(self, run: str) -> str:
        return bounded_name(run)

    def file(self, attribute: str, source_path: str, extension: str) -> str:
        readable = bounded_name(attribute).rpartition("-")[0]
        digest = bounded_name(f"{attribute}\0{source_path}").rpartition("-")[2]
        return f"{readable}-{digest}{extension}"

    def series(self, attribute: str) -> str:
        return bounded_name(attribute)

    def steps(self, steps: pl.Series) -> pl.Series:
        return "step_" + steps.cast(pl.String).str.replace_all(r"[^0-9e-]", "_")

    def extension(self, mime_type: str | None) -> str:
        # Always one: a file without could have the name of a series' directory.
        return _MIME_TYPES.guess_extension(mime_type or "") or ".bin"


class Payloads:
    """The payloads of one batch.

    Parameters:
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

    def named_files(self, runs: pa.Array, run: Codes, names: pa.Array, attribute: Codes, files: pa.Array) -> pa.Array:
        """Values of single files (FILE) with the paths of their payloads in the archive."""
        naming = self._naming
        directories = _of_distinct(runs, run, naming.directory)
        paths = [
            None if path is None else f"{directory}/{naming.file(name, path, naming.extension(mime_type))}"
            for directory, name, path, mime_type in zip(
                directories,
                _of_distinct(names, attribute, str),
                files.field("path").to_pylist(),
                files.field("mime_type").to_pylist(),
                strict=True,
            )
        ]
        return self._renamed(files, pl.Series(paths, dtype=pl.String))

    def named_series(
        self, runs: pa.Array, run: Codes, names: pa.Array, attribute: Codes, steps: pa.Array, files: pa.Array
    ) -> pa.Array:
        """As `named_files`, for points of file series."""
        mime_types = pl.Series(files.field("mime_type"), dtype=pl.String)
        distinct = mime_types.unique()
        extensions = pl.DataFrame(
            {"type": distinct, "extension": [self._naming.extension(each) for each in distinct]},
            schema={"type": pl.String, "extension": pl.String},
        )
        named = pl.DataFrame(
            {
                "run": _of_distinct(runs, run, self._naming.directory),
                "series": _of_distinct(names, attribute, self._naming.series),
                "step": self._naming.steps(pl.Series(steps)),
                "type": mime_types,
            }
        ).join(extensions, on="type", how="left", nulls_equal=True, maintain_order="left")
        path = pl.concat_str(["run", pl.lit("/"), "series", pl.lit("/"), "step", "extension"])
        present = pl.Series(files.field("path"), dtype=pl.String).is_not_null()
        paths = named.select(pl.when(present).then(path)).to_series()
        return self._renamed(files, paths)

    def fetch(self) -> pa.Table:
        """Bring those that are not there yet. Gives rows of PAYLOADS, by path."""
        if not self._found:
            return PAYLOADS.empty_table()
        wanted = pl.concat(self._found).unique("target", keep="first").sort("target")
        targets = wanted["target"].to_list()
        if self._bring:
            self._request(wanted)
        paths = [self._directory / target for target in targets]
        there = [self._bring and path.is_file() for path in paths]
        for path, found in zip(paths, there, strict=True):
            if found:
                sync_file(path)
        columns = [
            targets,
            [path.stat().st_size if found else None for path, found in zip(paths, there, strict=True)],
            [sha256_of(path) if found else None for path, found in zip(paths, there, strict=True)],
        ]
        return pa.table(columns, schema=PAYLOADS)

    def _request(self, wanted: pl.DataFrame) -> None:
        requests = []
        for path, size, target in wanted.select("path", "size", "target").iter_rows():
            place = self._directory / target
            if size and place.is_file() and place.stat().st_size == size:
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            requests.append(FileRequest(self._project, path, size, place))
        if requests:
            self._source.fetch_files(requests, progress=False)

    def _renamed(self, files: pa.Array, paths: pl.Series) -> pa.Array:
        found = pl.DataFrame(
            {
                "path": pl.Series(files.field("path"), dtype=pl.String),
                "size": pl.Series(files.field("size_bytes"), dtype=pl.Int64),
                "target": paths,
            }
        ).drop_nulls("target")
        self._found.append(found)
        renamed = paths.to_arrow().cast(pa.string())
        columns = [renamed, files.field("size_bytes"), files.field("mime_type")]
        return pa.StructArray.from_arrays(columns, fields=list(FILE), mask=files.is_null())


def _of_distinct(texts: pa.Array, codes: Codes, name: Callable[[str], str]) -> pl.Series:
    """``name(texts[code])`` for each code, computed once for each that occurs."""
    distinct, places = np.unique(codes, return_inverse=True)
    named = cache(name)
    return pl.Series([named(text) for text in texts.take(pa.array(distinct)).to_pylist()], dtype=pl.String)[places]

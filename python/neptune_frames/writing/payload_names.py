"""What payloads are called below the directory of a project's files: in each layout, another rule."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Sequence
from typing import Protocol

import polars as pl
import pyarrow as pa

from neptune_frames.frames.files_paths import cleaned_parts, colliding, digest_of, shortened
from neptune_frames.sources.archive.batch_layout import bounded_name
from neptune_frames.writing.exporter_layout import decimal_steps

#: The tables of Python itself: those of the machine would give other names elsewhere.
_MIME_TYPES = mimetypes.MimeTypes()

#: A run and an attribute.
Owner = tuple[str, str]


class Naming(Protocol):
    """How payloads are called, with ``/``."""

    def prepare(self, owners: Iterable[Owner]) -> None:
        """Hear of all file attributes of some runs before any of them is named."""
        ...

    def file(self, owner: Owner, source_path: str, size: int | None, mime_type: str | None) -> str:
        """The payload of a single file, of so many bytes (None: not known) in the source."""
        ...

    def series(self, owner: Owner) -> str:
        """The directory of a file series."""
        ...

    def steps(self, steps: pa.Array) -> pl.Series:
        """Names of the payloads of a series, without extension."""
        ...

    def extension(self, mime_type: str | None) -> str:
        """The extension of a payload, with its dot."""
        ...


class OwnNaming:
    """The names of the layout "neptune-frames": distinct on every file system, readable where possible.

    A single file's name holds a digest of the path and the size it had in the source: another version is another file,
    and an update that breaks off leaves the one that is there.

    >>> OwnNaming().file(("run-1", "plots/roc"), "a1b2", 2048, "image/png")
    'run-1-26b88ecaac29b387/plots_roc-d70a9fc579573119.png'
    """

    def prepare(self, owners: Iterable[Owner]) -> None:
        pass

    def file(self, owner: Owner, source_path: str, size: int | None, mime_type: str | None) -> str:
        run, attribute = owner
        readable = bounded_name(attribute).rpartition("-")[0]
        digest = digest_of(f"{attribute}\0{source_path}\0{'' if size is None else size}")
        return f"{bounded_name(run)}/{readable}-{digest}{self.extension(mime_type)}"

    def series(self, owner: Owner) -> str:
        return "/".join(map(bounded_name, owner))

    def steps(self, steps: pa.Array) -> pl.Series:
        return "step_" + pl.Series(steps).cast(pl.String).str.replace_all(r"[^0-9e-]", "_")

    def extension(self, mime_type: str | None) -> str:
        # Always one: a file without could have the name of a series' directory.
        return _MIME_TYPES.guess_extension(mime_type or "") or ".bin"


class ExporterNaming:
    """The names of the layout "neptune-exporter" (neptune-export-format 7).

    Two payloads of a run that would have one name there, the later overwriting the earlier, are told
    apart by a digest, and so are runs whose directories would be one.

    >>> naming = ExporterNaming(["run-a"])
    >>> naming.file(("run-a", "source/train.py"), "", None, "text/x-python")
    'run-a/source/train_py.py'
    >>> naming.series(("run-a", "img/s")), naming.steps(pa.array([1.5])).to_list()
    ('run-a/img/s', ['step_1_500000'])
    """

    def __init__(self, runs: Sequence[str]) -> None:
        self._ambiguous_runs = set(colliding({run: (_one_part(run),) for run in runs}))
        self._ambiguous: set[Owner] = set()

    def prepare(self, owners: Iterable[Owner]) -> None:
        by_run: dict[str, dict[Owner, tuple[str, ...]]] = {}
        for owner in owners:
            by_run.setdefault(owner[0], {})[owner] = cleaned_parts(owner[1])
        self._ambiguous = {owner for attributes in by_run.values() for owner in colliding(attributes)}

    def file(self, owner: Owner, source_path: str, size: int | None, mime_type: str | None) -> str:
        *directories, name = self._parts(owner)
        return "/".join([*map(shortened, directories), shortened(name, self.extension(mime_type))])

    def series(self, owner: Owner) -> str:
        return "/".join(map(shortened, self._parts(owner)))

    def steps(self, steps: pa.Array) -> pl.Series:
        return "step_" + pl.Series(decimal_steps(steps.to_numpy())).cast(pl.String).str.replace(".", "_", literal=True)

    def extension(self, mime_type: str | None) -> str:
        return _MIME_TYPES.guess_extension(mime_type or "") or ""

    def _parts(self, owner: Owner) -> list[str]:
        run, attribute = owner
        directory = _one_part(run) + (f"_{digest_of(run)}" if run in self._ambiguous_runs else "")
        *between, last = cleaned_parts(attribute)
        return [directory, *between, last + (f"_{digest_of(attribute)}" if owner in self._ambiguous else "")]


def _one_part(run: str) -> str:
    return "_".join(cleaned_parts(run))

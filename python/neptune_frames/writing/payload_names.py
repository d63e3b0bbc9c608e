"""What payloads are called below the directory of a project's files: in each layout, another rule.

Names are made for whole columns of files: runs, attributes and types are named once each, and joined.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from neptune_frames.frames.files_paths import cleaned_parts, colliding, digest_of, folded, shortened
from neptune_frames.slices import each_stretch
from neptune_frames.sources.archive.batch_layout import bounded_name
from neptune_frames.sources.archive.grouping import dense_codes
from neptune_frames.writing.exporter_layout import decimal_steps
from neptune_frames.writing.point_store import Codes

#: The tables of Python itself: those of the machine would give other names elsewhere.
_MIME_TYPES = mimetypes.MimeTypes()


@dataclass(frozen=True)
class Owners:
    """Whose files they are: for each, a position in ``runs`` (ids) and one in ``names`` (of attributes)."""

    runs: pa.Array
    run: Codes
    names: pa.Array
    attribute: Codes

    def for_each_run(self, name: Callable[[str], str]) -> pl.Series:
        """A text for the run of each file, made once for each run."""
        return _named_once(self.runs, self.run, name)

    def for_each_attribute(self, name: Callable[[str], str]) -> pl.Series:
        """A text for the attribute of each file, made once for each attribute."""
        return _named_once(self.names, self.attribute, name)


class Naming(Protocol):
    """How payloads are called, with ``/``. Names of files without a path in the source mean nothing."""

    def prepare(self, owners: Owners) -> None:
        """Hear of all file attributes of some runs, numbered as later on, before any of them is named."""
        ...

    def files(self, owners: Owners, files: pa.Array) -> pl.Series:
        """The payloads of single files (FILE, as the source has them)."""
        ...

    def series(self, owners: Owners) -> pl.Series:
        """The directories of file series."""
        ...

    def steps(self, steps: pa.Array) -> pl.Series:
        """Names of the payloads of a series, without extension."""
        ...

    def extensions(self, mime_types: pl.Series) -> pl.Series:
        """The extensions of payloads, with their dots."""
        ...


class OwnNaming:
    """The names of the layout "neptune-frames": distinct on every file system, readable where possible.

    A single file's name holds a digest of the path and the size it had in the source: another version is another file,
    and an update that breaks off leaves the one that is there.

    >>> owners = Owners(pa.array(["run-1"]), np.array([0]), pa.array(["plots/roc"]), np.array([0]))
    >>> files = pa.array([{"path": "a1b2", "size_bytes": 2048, "mime_type": "image/png"}])
    >>> OwnNaming().files(owners, files).to_list()
    ['run-1-26b88ecaac29b387/plots_roc-d70a9fc579573119.png']
    """

    def prepare(self, owners: Owners) -> None:
        pass

    def files(self, owners: Owners, files: pa.Array) -> pl.Series:
        columns = pl.DataFrame(
            {
                "run": owners.for_each_run(bounded_name),
                "attribute": owners.for_each_attribute(str),
                "readable": owners.for_each_attribute(lambda name: bounded_name(name).rpartition("-")[0]),
                "path": pl.Series(files.field("path"), dtype=pl.String),
                "size": pl.Series(files.field("size_bytes"), dtype=pl.Int64),
                "extension": self.extensions(pl.Series(files.field("mime_type"), dtype=pl.String)),
            }
        )
        told = ["attribute", "path", pl.col("size").cast(pl.String).fill_null("")]
        version = columns.select(pl.concat_str(told, separator="\0", ignore_nulls=True)).to_series()
        # Every file is another version of something: these digests are all that is made file by file.
        digests = pl.Series("digest", [digest_of(each) for each in version], dtype=pl.String)
        name = pl.format("{}/{}-{}{}", "run", "readable", "digest", "extension")
        return columns.with_columns(digests).select(name).to_series()

    def series(self, owners: Owners) -> pl.Series:
        return owners.for_each_run(bounded_name) + "/" + owners.for_each_attribute(bounded_name)

    def steps(self, steps: pa.Array) -> pl.Series:
        return "step_" + pl.Series(steps).cast(pl.String).str.replace_all(r"[^0-9e-]", "_")

    def extensions(self, mime_types: pl.Series) -> pl.Series:
        # Always one: a file without could have the name of a series' directory.
        return _extensions(mime_types, ".bin")


class ExporterNaming:
    """The names of the layout "neptune-exporter" (neptune-export-format 7).

    Two payloads of a run that would have one name there, the later overwriting the earlier, are told
    apart by a digest, and so are runs whose directories would be one.

    Args:
        runs: All runs of the export.
        others: Names of part files of other runs that the archive holds, without number and digest. These keep
            their directories.

    >>> naming = ExporterNaming(["run-a"])
    >>> owners = Owners(pa.array(["run-a"]), np.array([0]), pa.array(["source/train.py"]), np.array([0]))
    >>> naming.files(owners, pa.array([{"mime_type": "text/x-python"}])).to_list()
    ['run-a/source/train_py.py']
    >>> naming.series(owners).to_list(), naming.steps(pa.array([1.5])).to_list()
    (['run-a/source/train_py'], ['step_1_500000'])
    """

    def __init__(self, runs: Sequence[str], others: Iterable[str] = ()) -> None:
        names = {run: _one_part(run) for run in runs}
        self._ambiguous_runs = set(colliding({run: (name,) for run, name in names.items()}))
        if taken := {_loosely(other) for other in others}:
            self._ambiguous_runs.update(run for run, name in names.items() if _loosely(name) in taken)
        self._ambiguous = np.empty(0, dtype=np.int64)

    def prepare(self, owners: Owners) -> None:
        distinct, _ = dense_codes(owners.attribute, len(owners.names))
        texts = owners.names.take(pa.array(distinct)).to_pylist()
        parts = {code: cleaned_parts(text) for code, text in zip(distinct.tolist(), texts, strict=True)}
        # Nearly always empty; and what no attributes of several runs have in common, those of one have not either.
        alike = colliding(parts)
        concerned = np.isin(owners.run, owners.run[np.isin(owners.attribute, alike)])
        run, attribute = owners.run[concerned], owners.attribute[concerned]
        order = np.argsort(run, kind="stable")
        found = [
            _keys(run[order[start]], np.array(colliding({code: parts[code] for code in codes}), dtype=np.int64))
            for start, stop in each_stretch(run[order])
            for codes in [attribute[order[start:stop]].tolist()]
        ]
        self._ambiguous = np.concatenate([np.empty(0, dtype=np.int64), *found])

    def files(self, owners: Owners, files: pa.Array) -> pl.Series:
        return self._paths(owners, self.extensions(pl.Series(files.field("mime_type"), dtype=pl.String)))

    def series(self, owners: Owners) -> pl.Series:
        return self._paths(owners, pl.repeat("", len(owners.run), dtype=pl.String, eager=True))

    def steps(self, steps: pa.Array) -> pl.Series:
        return "step_" + pl.Series(decimal_steps(steps.to_numpy())).cast(pl.String).str.replace(".", "_", literal=True)

    def extensions(self, mime_types: pl.Series) -> pl.Series:
        return _extensions(mime_types, "")

    def _paths(self, owners: Owners, extensions: pl.Series) -> pl.Series:
        told_apart = np.isin(_keys(owners.run, owners.attribute), self._ambiguous)
        files = pl.DataFrame({"attribute": owners.attribute, "told_apart": told_apart, "extension": extensions})
        distinct = files.unique()
        texts = owners.names.take(distinct["attribute"].to_arrow()).to_pylist()
        names = [
            _attribute_path(text, told_apart, extension)
            for text, (_, told_apart, extension) in zip(texts, distinct.iter_rows(), strict=True)
        ]
        named = files.join(
            distinct.with_columns(pl.Series("name", names, dtype=pl.String)),
            on=files.columns,
            how="left",
            maintain_order="left",
        )
        return owners.for_each_run(self._run_directory) + "/" + named["name"]

    def _run_directory(self, run: str) -> str:
        return shortened(_one_part(run) + (f"_{digest_of(run)}" if run in self._ambiguous_runs else ""))


def _attribute_path(attribute: str, told_apart: bool, extension: str) -> str:
    *between, last = cleaned_parts(attribute)
    last += f"_{digest_of(attribute)}" if told_apart else ""
    return "/".join([*map(shortened, between), shortened(last, extension)])


def _keys(run: npt.NDArray[np.int64] | np.int64, attribute: Codes) -> Codes:
    """One number for a run and an attribute."""
    return (run << 32) + attribute


def _one_part(run: str) -> str:
    return "_".join(cleaned_parts(run))


def _loosely(name: str) -> str:
    """What the name of a run's directory and that of its part files have in common, as file systems see them.

    The latter has ``_`` also for what is no component of the former. Some other names are alike then, too.

    >>> _loosely(_one_part("./Sweep//a b")) == _loosely("__Sweep__a_b") == "sweep_a_b"
    True
    """
    return re.sub("_+", "_", folded(name)).strip("_")


def _named_once(texts: pa.Array, codes: Codes, name: Callable[[str], str]) -> pl.Series:
    distinct, places = dense_codes(codes, len(texts))
    names = [name(text) for text in texts.take(pa.array(distinct)).to_pylist()]
    return pl.Series(names, dtype=pl.String).gather(places)


def _extensions(mime_types: pl.Series, otherwise: str) -> pl.Series:
    distinct = mime_types.unique()
    extensions = [_MIME_TYPES.guess_extension(each or "") or otherwise for each in distinct]
    return mime_types.replace_strict(distinct, pl.Series(extensions, dtype=pl.String), return_dtype=pl.String)

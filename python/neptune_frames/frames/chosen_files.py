"""Which files a download of the native API is about: `File` values, or the files in a result, frame or table.

The drop-in packages take what is documented for them, and go to `files.collect_files` themselves.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from neptune_frames.errors import NeptuneUserError
from neptune_frames.frames.files import collect_files
from neptune_frames.frames.table_exports import Exports
from neptune_frames.query.selection import ContainerKind
from neptune_frames.schemas import FILE
from neptune_frames.types import File

if TYPE_CHECKING:
    from typing import TypeAlias

    import pandas as pd
    import polars as pl

    from neptune_frames.frames.object_series import ObjectSeries
    from neptune_frames.frames.table import RunTable
    from neptune_frames.frames.table_exports import ArrowStream

    #: What users may pass as ``files``: `File` values, one or several; the result of `fetch_table` or `fetch_series`; a
    #: frame with the columns of these or of `scan_table`, `scan_series` or `scan_attributes` (Polars, lazy or not, or
    #: Arrow); or a pandas frame or series whose cells are `File` values.
    AnyFiles: TypeAlias = (
        File | Iterable[File] | RunTable | ObjectSeries | pl.LazyFrame | pl.DataFrame | ArrowStream | pd.Series[Any]
    )

_ACCEPTED = (
    "File values (one or several, also in a pandas frame or series), what fetch_table() or fetch_series() returned, or "
    "a Polars frame (lazy or not) or Arrow table with the columns of scan_table(), scan_series() or scan_attributes()"
)
_FIELDS = frozenset(field.name for field in FILE)

#: The column of files of a long frame, and that of their steps: of `scan_series`, of `scan_attributes`.
_LONG = {"file": "step", "file_value": "last_step"}
#: What names of columns end in where a table shows types.
_TYPE_SUFFIXES = (":file", ":file_series")


def chosen_files(files: AnyFiles) -> list[File]:
    """The files that the argument names; cells without a value are passed over.

    Raises:
        ValueError: There is something, but no file in it, or a frame does not say whose files it holds.
        TypeError: It is none of what is accepted.
    """
    if isinstance(files, Exports):
        return files._held_files()
    pandas = sys.modules.get("pandas")
    if isinstance(files, File) or (pandas is not None and isinstance(files, (pandas.DataFrame, pandas.Series))):
        return _values(files)
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(files, polars.Series):
        if files.dtype != polars.Object and files.len():
            raise ValueError(
                "files: a Polars series of files does not say whose they are. Pass the frame that it is a column of, "
                "with the columns project and experiment or run."
            )
        return _values(files)
    if polars is not None and isinstance(files, (polars.LazyFrame, polars.DataFrame)):
        return _of_frame(files.lazy())
    if hasattr(files, "__arrow_c_stream__"):
        import polars as pl

        return _of_frame(pl.DataFrame(files).lazy())
    if isinstance(files, (str, bytes)) or not isinstance(files, Iterable):
        raise TypeError(f"files must be {_ACCEPTED}, got {type(files).__name__}.")
    return _values(list(files))


def common_kind(files: Sequence[File], given: AnyFiles) -> ContainerKind:
    """Whether the files belong to experiments or to runs; where there is none, what the frame of them has labels of.

    Raises:
        NeptuneUserError: Some belong to experiments and some to runs.
    """
    kinds = {ContainerKind.RUN if file.run_id else ContainerKind.EXPERIMENT for file in files}
    if len(kinds) > 1:
        raise NeptuneUserError(
            "Some of the files were found by experiment and some by run. Download them in separate calls."
        )
    return next(iter(kinds), None) or _label_kind(_columns(given)) or ContainerKind.EXPERIMENT


def _columns(files: AnyFiles) -> Collection[str]:
    """The columns of a result, a Polars frame or an Arrow table; of something else, none."""
    frame: Any = files.to_arrow() if isinstance(files, Exports) else files
    schema = frame.collect_schema() if hasattr(frame, "collect_schema") else getattr(frame, "column_names", ())
    return list(schema)


def _label_kind(columns: Collection[str]) -> ContainerKind | None:
    return next((kind for kind in ContainerKind if kind.value in columns), None)


def _values(files: Any) -> list[File]:
    """The `File` values among others, if there are any among them."""
    found = collect_files(files)
    if found or not len(files):
        return found
    columns = [column for _, column in files.items()] if hasattr(files, "columns") else [files]
    strange = next((cell for column in columns for cell in column if not _is_missing(cell)), None)
    if strange is not None:
        raise ValueError(
            f"files: there is no File in it, but {type(strange).__name__} among others. It must be {_ACCEPTED}."
        )
    return []


def _is_missing(cell: object) -> bool:
    """Whether it is what an empty cell of pandas holds."""
    return (
        cell is None or (isinstance(cell, float) and math.isnan(cell)) or type(cell).__name__ in ("NAType", "NaTType")
    )


def _of_frame(frame: pl.LazyFrame) -> list[File]:
    """The files in a frame: the one column of files of a long one, the columns of files of a wide one."""
    import polars as pl

    schema = frame.collect_schema()
    columns = [
        name
        for name, dtype in schema.items()
        if isinstance(dtype, pl.Struct) and {field.name for field in dtype.fields} == _FIELDS
    ]
    if not columns:
        raise ValueError(f"files: the frame has no column of files (structs of {sorted(_FIELDS)}): {dict(schema)}.")
    kind = _label_kind(schema)
    if kind is None or "project" not in schema:
        raise ValueError(
            "files: a frame of files needs the columns project and experiment or run, which say whose they are; the "
            f"columns of this one are {list(schema)}."
        )
    is_long = "attribute" in schema and len(columns) == 1 and columns[0] in _LONG
    # In a wide frame it is the column of `pivot`; a number of other kind is an attribute of that name.
    step = _LONG[columns[0]] if is_long else "step" if schema.get("step") == pl.Float64 else None
    keys = ["project", kind.value, *(["attribute"] if is_long else []), *([step] if step in schema else [])]
    rows = frame.filter(pl.any_horizontal(pl.col(columns).is_not_null())).select(*keys, *columns).collect()
    names = {column: None if is_long else _without_type(column, schema) for column in columns}
    return [file for column, name in names.items() for file in _of_column(rows, column, kind, name, step)]


def _without_type(column: str, columns: Collection[str]) -> str:
    """The attribute that a column of a wide frame shows, of which its name may tell the type too."""
    plain = next((column.removesuffix(suffix) for suffix in _TYPE_SUFFIXES if column.endswith(suffix)), column)
    return column if plain in columns else plain


def _of_column(
    rows: pl.DataFrame, column: str, kind: ContainerKind, attribute: str | None, step: str | None
) -> Iterable[File]:
    """The files of a column: of one attribute, or of those that the rows name."""
    rows = rows.filter(rows[column].is_not_null())
    nothing = [None] * rows.height
    labels = rows[kind.value].cast(str).to_list()
    experiments, runs = (labels, nothing) if kind is ContainerKind.EXPERIMENT else (nothing, labels)
    attributes = rows["attribute"].cast(str).to_list() if attribute is None else [attribute] * rows.height
    steps = nothing if step not in rows.columns else rows[step].cast(float).to_list()
    members = rows[column].struct
    path, mime_type = (members.field(name).fill_null("").to_list() for name in ("path", "mime_type"))
    size = members.field("size_bytes").fill_null(0).to_list()
    return map(File, rows["project"].cast(str).to_list(), experiments, runs, attributes, steps, path, size, mime_type)

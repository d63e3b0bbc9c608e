"""Downloads: from whatever holds `File` values to files on disk and frames of their paths."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from neptune_frames.counted import counted
from neptune_frames.errors import NeptuneUserError, NeptuneWarning
from neptune_frames.frames.files_paths import target_paths
from neptune_frames.frames.pandas_values import (
    empty_index,
    has_string_dtype,
    import_pandas,
    name_index,
    string_values,
)
from neptune_frames.frames.table_exports import Exports
from neptune_frames.query.selection import ContainerKind
from neptune_frames.sources.base import FileRequest
from neptune_frames.types import File
from neptune_frames.warnings import warn

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    import polars as pl

    from neptune_frames.sources.base import Source


def collect_files(files: Any) -> list[File]:
    """The `File` values in a file, a data frame (column by column), a series or another iterable.

    Everything else in there, such as the NaN of an empty cell, is passed over.

    Raises:
        ValueError: If it is none of these.
    """
    if isinstance(files, File):
        return [files]
    pandas = sys.modules.get("pandas")  # a data frame can only be here if pandas is loaded
    if pandas is not None and isinstance(files, pandas.DataFrame):
        # Only columns of objects can hold files: others may be long.
        held = (column for _, column in files.items() if column.dtype.kind == "O")
        cells: Iterable[Any] = (cell for column in held for cell in column)
    elif isinstance(files, Iterable):
        cells = files
    else:
        raise ValueError(
            f"files: expected a File, a DataFrame, a Series or an iterable of File, got {type(files).__name__}."
        )
    return [cell for cell in cells if isinstance(cell, File)]


def check_kind(files: Sequence[File], kind: ContainerKind) -> None:
    """All files were found by experiment, or all by run, as the function that downloads them says.

    Raises:
        NeptuneUserError: If some were not.
    """
    by_experiment = kind is ContainerKind.EXPERIMENT
    if all(file.experiment_name if by_experiment else file.run_id for file in files):
        return
    function, table, other = (
        ("neptune_query.download_files()", "fetch_experiments_table()", "neptune_query.runs.download_files()")
        if by_experiment
        else ("neptune_query.runs.download_files()", "fetch_runs_table()", "neptune_query.download_files()")
    )
    owner = "experiment name" if by_experiment else "run id"
    raise NeptuneUserError(
        f"Some files have no {owner}. {function} takes files that {table} or fetch_series() of the same module "
        f"returned; pass the others to {other}."
    )


def prepare_destination(destination: str | Path | None) -> Path:
    """The directory to download to, absolute, created if it is not there; None is the current one.

    Raises:
        TypeError: If it is not a path.
        NotADirectoryError: If it is a file.
        PermissionError: If it cannot be written to.
    """
    directory = (Path.cwd() if destination is None else Path(destination)).resolve()
    if directory.exists() and not directory.is_dir():
        raise NotADirectoryError(f"The destination {directory} is a file; give a directory.")
    directory.mkdir(parents=True, exist_ok=True)
    if not os.access(directory, os.W_OK):
        raise PermissionError(f"The destination {directory} cannot be written to.")
    return directory


def download_files(source: Source, files: Sequence[File], destination: Path, kind: ContainerKind) -> DownloadedFiles:
    """Bring the files and say where they are.

    Args:
        source: Whom to ask.
        files: What to bring; equal files are brought once.
        destination: An absolute directory that exists (`prepare_destination`).
        kind: Whether the files belong to experiments or runs; names the column (or index) of labels.

    Raises:
        ValueError: If two files have the same label, step and attribute (those of different projects may),
            which one frame cannot show.
        NeptuneFileDownloadError: If a file cannot be brought.
    """
    distinct = list(dict.fromkeys(files))
    _check_cells_differ(distinct)
    targets = target_paths(distinct, destination)
    _warn_of_overwriting(distinct, targets)
    requests = [
        FileRequest(file.project_identifier, file.path, file.size_bytes, target)
        for file, target in zip(distinct, targets, strict=True)
    ]
    found = source.fetch_files(requests) if requests else []
    paths = [str(target) if there else None for target, there in zip(targets, found, strict=True)]
    return DownloadedFiles(distinct, paths, kind)


@dataclass(frozen=True, repr=False)
class DownloadedFiles(Exports):
    """Files that were downloaded, and where they are.

    Args:
        _files: The files, each once.
        _paths: The absolute local path of each; None where the source does not have the file.
        _kind: Whether they belong to experiments or runs.
    """

    _files: Sequence[File]
    _paths: Sequence[str | None]
    _kind: ContainerKind

    def __len__(self) -> int:
        """The number of files."""
        return len(self._files)

    def collect(self) -> pl.DataFrame:
        """A row per file, in ascending order of label, attribute and step.

        Returns:
            A Polars frame with ``project``, ``experiment`` or ``run``, ``attribute``, ``step`` (Float64, null outside a
            series) and ``path`` (String): the absolute local path, null where the source does not have the file.
        """
        import polars as pl

        label = self._kind.value
        columns = {
            "project": [file.project_identifier for file in self._files],
            label: [file.container_identifier for file in self._files],
            "attribute": [file.attribute_path for file in self._files],
            "step": [file.step for file in self._files],
            "path": self._paths,
        }
        schema = {name: pl.Float64 if name == "step" else pl.String for name in columns}
        return pl.DataFrame(columns, schema=schema).sort(label, "attribute", "step", nulls_last=True)

    def to_pandas(self) -> pd.DataFrame:
        """The documented frame of `neptune_query.download_files`: a row per label and step, a column per attribute.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        return paths_frame(self._files, self._paths, self._kind)

    def _contents(self) -> str:
        return f"{len(self):,} files"


def _check_cells_differ(files: Sequence[File]) -> None:
    first: dict[tuple[str, str, float | None], File] = {}
    for file in files:
        other = first.setdefault((file.container_identifier, file.attribute_path, file.step), file)
        if other is not file:
            projects = (
                f"both of project {file.project_identifier!r}"
                if file.project_identifier == other.project_identifier
                else f"one of project {other.project_identifier!r} and one of {file.project_identifier!r}"
            )
            raise ValueError(
                f"Two different files have the same label {file.container_identifier!r}, attribute "
                f"{file.attribute_path!r} and step {file.step}: {projects}. Download them in separate calls, to "
                "different destinations."
            )


def _warn_of_overwriting(files: Sequence[File], targets: Sequence[Path]) -> None:
    differing = [
        target
        for file, target in zip(files, targets, strict=True)
        if target.is_file() and target.stat().st_size != file.size_bytes
    ]
    if differing:
        warn(
            "Files that differ from those to download are overwritten: "
            f"{counted(len(differing), 'file')}, such as {differing[0]}.",
            NeptuneWarning,
        )


def paths_frame(files: Sequence[File], paths: Sequence[str | None], kind: ContainerKind) -> pd.DataFrame:
    """The documented frame of `download_files`; a path of None is a file that was not there."""
    pandas = import_pandas()
    index_names = [kind.value, "step"]
    if not files:
        index = pandas.MultiIndex(levels=[empty_index(), empty_index()], codes=[[], []], names=index_names)
        return pandas.DataFrame(index=index, columns=empty_index("attribute"))
    rows = sorted({_row(file) for file in files})
    attributes = sorted({file.attribute_path for file in files})
    row_place, column_place = ({key: place for place, key in enumerate(keys)} for keys in (rows, attributes))
    # NaN is a cell nobody asked for, None a file that was not there.
    cells: npt.NDArray[np.object_] = np.full((len(attributes), len(rows)), np.nan, dtype=object)
    for file, path in zip(files, paths, strict=True):
        cells[column_place[file.attribute_path], row_place[_row(file)]] = path
    if has_string_dtype() and any(paths):
        columns = [string_values(pa.array(column, pa.large_string(), from_pandas=True)) for column in cells]
    else:
        columns = [pandas.Series(column, dtype=object) for column in cells]
    frame = pandas.DataFrame(dict(enumerate(columns)))
    frame.index = _paths_index(rows, index_names)
    frame.columns = name_index(attributes, "attribute")
    return frame


def _row(file: File) -> tuple[str, bool, float]:
    """Sort key and identity of a row: files without a step come after those with one."""
    return file.container_identifier, file.step is None, file.step or 0.0


def _paths_index(rows: Sequence[tuple[str, bool, float]], names: list[str]) -> pd.MultiIndex:
    pandas = import_pandas()
    labels = sorted({label for label, _, _ in rows})
    steps = sorted({step for _, no_step, step in rows if not no_step})
    label_place, step_place = ({key: place for place, key in enumerate(keys)} for keys in (labels, steps))
    return pandas.MultiIndex(
        levels=[name_index(labels), pandas.Index(steps, dtype="float64") if steps else empty_index()],
        codes=[
            [label_place[label] for label, _, _ in rows],
            [-1 if no_step else step_place[step] for _, no_step, step in rows],
        ],
        names=names,
    )

"""Names, columns and completeness of the exporter's layout (neptune-export-format 1-5).

The layout is one directory per project and one or more part files per run. Names are digests and
lossy, so that project and run ids are always read from the rows.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from neptune_frames.errors import ArchiveError
from neptune_frames.query.attributes import FLOAT_SERIES
from neptune_frames.schemas import HISTOGRAM, TIMESTAMP

#: Steps are stored as decimals of this type: millionths in 64 bits.
STEP_TYPE = pa.decimal128(18, 6)
MICROSTEPS = 1_000_000

#: The columns of a part file, in order.
EXPORT_SCHEMA = pa.schema(
    [
        ("project_id", pa.string()),
        ("run_id", pa.string()),
        ("attribute_path", pa.string()),
        ("attribute_type", pa.string()),
        ("step", STEP_TYPE),
        ("timestamp", TIMESTAMP),
        ("int_value", pa.int64()),
        ("float_value", pa.float64()),
        ("string_value", pa.string()),
        ("bool_value", pa.bool_()),
        ("datetime_value", TIMESTAMP),
        ("string_set_value", pa.list_(pa.field("element", pa.string()))),
        ("file_value", pa.struct([("path", pa.string())])),
        ("histogram_value", HISTOGRAM),
    ]
)

#: Which column holds the value, by attribute type: parameters, then series.
PARAMETER_COLUMNS: dict[str, str] = {
    "int": "int_value",
    "float": "float_value",
    "string": "string_value",
    "bool": "bool_value",
    "datetime": "datetime_value",
    "string_set": "string_set_value",
    "file": "file_value",
}
#: Types of neptune2 exports that become files, see `neptune_frames.sources.archive.neptune2`.
FILE_SET = "file_set"
NEPTUNE2_COLUMNS: dict[str, str] = {FILE_SET: "file_value", "artifact": "file_value"}
OBJECT_SERIES_COLUMNS: dict[str, str] = {
    "string_series": "string_value",
    "histogram_series": "histogram_value",
    "file_series": "file_value",
}
SERIES_COLUMNS: dict[str, str] = {FLOAT_SERIES: "float_value", **OBJECT_SERIES_COLUMNS}
VALUE_COLUMNS: dict[str, str] = {**PARAMETER_COLUMNS, **SERIES_COLUMNS}

#: Directories of the model registry inside a project's directory (neptune2 only).
MODEL_DIRECTORIES = ("models", "model_versions")
#: Where the exporter puts part files and payloads, in an archive's root: of runs, and of the model registry.
_ROOTS = (("data", "files"), ("model_data", "model_files"))

_PART = re.compile(r"(?P<run>.*)_part_(?P<number>[0-9]+)\.parquet(?P<unfinished>\.tmp)?", re.DOTALL)


def encoded_name(identifier: str) -> str:
    """The directory or file name that stands for a project or run id.

    >>> encoded_name("my-org/my-project")
    'my-org_my-project-de40b447a2778f2b'
    """
    cleaned = "".join(c if c.isalnum() or c in "_-" else "_" for c in identifier)
    return f"{cleaned}-{hashlib.blake2b(identifier.encode(), digest_size=8).hexdigest()}"


def exporter_part_name(run_id: str, number: int) -> str:
    """The file name of one part of a run.

    >>> exporter_part_name("a", 0)
    'a-40f89e395b66422f_part_0.parquet'
    """
    return f"{encoded_name(run_id)}_part_{number}.parquet"


@dataclass(frozen=True)
class ProjectDirectory:
    """Where one project's part files and payloads lie.

    Models and model versions are projects of their own: ``registry`` is the directory's name then.
    """

    data: Path
    files: Path
    registry: str | None = None

    def name(self, project_id: str) -> str:
        """The project's name, where rows call it ``project_id``."""
        return project_id if self.registry is None else f"{project_id}.{self.registry}"


class FileState(NamedTuple):
    """What tells one version of a file from the next."""

    size: int
    modified_ns: int


@dataclass(frozen=True)
class Listing:
    """The files of one project directory.

    ``parts`` are the part files of complete runs, in the order of run name and part number;
    ``interrupted`` are the leftovers of exports that did not finish, which hold no run.
    """

    parts: Mapping[str, FileState]
    interrupted: tuple[str, ...]


def exporter_project_directories(data: Path, files: Path | None) -> list[ProjectDirectory]:
    """The project directories below ``data``, sorted by name.

    ``data`` is an archive root with a ``data`` directory in it, a directory of such archives or of
    projects, or one project's directory. Payloads are looked for below ``files``, by default beside the data.
    """
    if not data.is_dir():
        raise ArchiveError(
            f"There is no archive at {str(data)!r}: it is not a directory. Give the directory an export was written to."
        )
    roots = _roots_in(data)
    if roots:
        return [
            found
            for parts, payloads in roots
            for found in exporter_project_directories(data / parts, files if files is not None else data / payloads)
        ]
    if _holds_parts(data):
        resolved = data.resolve()
        payloads = files or resolved.parent.parent / _payloads_beside(resolved.parent.name)
        return [ProjectDirectory(data, payloads / resolved.name), *_registries(data, payloads / resolved.name)]
    payloads = files if files is not None else data.resolve().parent / _payloads_beside(data.resolve().name)
    found = []
    for name in _subdirectories(data):
        directory = data / name
        if _roots_in(directory):
            found += exporter_project_directories(directory, None if files is None else files / name)
        else:
            project = ProjectDirectory(directory, payloads / name)
            found += [project, *_registries(directory, project.files)]
    return found


def _roots_in(directory: Path) -> list[tuple[str, str]]:
    """The directories of projects (and of their payloads) that make a directory an archive; none if it is not one."""
    return [
        (parts, payloads)
        for parts, payloads in _ROOTS
        if _has_directory(directory, parts) and not _holds_parts(directory / parts)
    ]


def _payloads_beside(parts: str) -> str:
    """The name of the payload directory that goes with a directory of projects."""
    return dict(_ROOTS).get(parts, _ROOTS[0][1])


def _registries(directory: Path, payloads: Path) -> list[ProjectDirectory]:
    """The model registry of a project; the paths of its payloads start with the registry's directory."""
    return [
        ProjectDirectory(directory / name, payloads, name)
        for name in MODEL_DIRECTORIES
        if _has_directory(directory, name)
    ]


def _has_directory(directory: Path, name: str) -> bool:
    # Without a Path, which costs more than the look: every question asks this several times of each project.
    return os.path.isdir(f"{directory}{os.sep}{name}")  # noqa: PTH112


def _subdirectories(directory: Path) -> list[str]:
    with os.scandir(directory) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def list_parts(directory: Path) -> Listing:
    """The part files of a project directory, split into complete runs and leftovers."""
    found: dict[str, dict[int, tuple[str, FileState]]] = {}
    interrupted = []
    with os.scandir(directory) as entries:
        for entry in entries:
            match = _PART.fullmatch(entry.name)
            if match is None or entry.name.startswith("."):
                continue
            if match["unfinished"]:
                interrupted.append(entry.name)
                continue
            state = _state_if_there(entry.stat)
            if state is not None:
                found.setdefault(match["run"], {})[int(match["number"])] = (entry.path, state)
    parts: dict[str, FileState] = {}
    for run in sorted(found):
        numbers = found[run]
        if 0 in numbers:
            parts.update(numbers[number] for number in sorted(numbers))
        else:
            interrupted.extend(Path(path).name for path, _ in numbers.values())
    return Listing(parts, tuple(sorted(interrupted)))


def state_of(path: str) -> FileState | None:
    """The state of one file; None where it is gone."""
    return _state_if_there(partial(os.stat, path))  # not a Path, which for each of thousands of files is slower


def _state_if_there(look: Callable[[], os.stat_result]) -> FileState | None:
    try:
        status = look()
    except FileNotFoundError:
        return None
    return FileState(status.st_size, status.st_mtime_ns)


def _holds_parts(directory: Path) -> bool:
    with os.scandir(directory) as entries:
        return any(_PART.fullmatch(entry.name) for entry in entries)

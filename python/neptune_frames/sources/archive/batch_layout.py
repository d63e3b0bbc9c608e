"""The layout "neptune-frames": names, columns and manifests, for whoever writes or reads it.

docs/archive-format.md is the description for people. In short::

    ARCHIVE/neptune-frames.json                          format and version
    ARCHIVE/project=<name>/batch=000000/                 a batch: runs that were committed together
        manifest.json                                    what the batch holds, with checksums
        runs.parquet                                     RUN_ROWS
        attributes/part-00000.parquet                    ATTRIBUTE_ROWS: values that are no series
        series/part-00000.parquet                        STRETCHES: where the points of each series lie
        <series type>/part-00000.parquet                 point_rows(type)
        payloads.parquet                                 PAYLOADS: the files of this batch's file values
    ARCHIVE/project=<name>/files/                        payloads of files
    ARCHIVE/project=<name>/.batch=000001.staging/        a batch that is being written, or was left behind
    ARCHIVE/project=<name>/.batch=000001.claim           object stores: which of several staged batches became it

A batch appears by one rename and never changes. Of a run that is in several batches (``--update``), the
latest has its attributes; its points are those of all its batches, and no point is in two of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, overload

import msgspec
import pyarrow as pa

from neptune_frames.errors import ArchiveError, DamagedFileError
from neptune_frames.schemas import FLOAT_SERIES_STATISTICS, TIMESTAMP, VALUE_TYPES
from neptune_frames.sources.archive.layout import PARAMETER_COLUMNS, encoded_name
from neptune_frames.sources.archive.object_path import Location, ObjectPath

#: A directory on disk, or one in an object store; what is below it is of the same kind.
AnyLocation = TypeVar("AnyLocation", Path, ObjectPath)

FORMAT = "neptune-frames"
#: A reader refuses a higher version. Columns may be added to version 1: readers pass over unknown ones.
VERSION = 1

FORMAT_FILE = "neptune-frames.json"
MANIFEST = "manifest.json"
RUNS_FILE = "runs.parquet"
PAYLOADS_FILE = "payloads.parquet"
ATTRIBUTES_DIRECTORY = "attributes"
SERIES_DIRECTORY = "series"
#: Below the project's directory.
FILES_DIRECTORY = "files"

#: Directories of projects start with it.
PROJECT_PREFIX = "project="
_BATCH = re.compile(r"batch=([0-9]{6,})")
_PART = re.compile(r"[^/]+/part-([0-9]{5,})\.parquet")
_STAGING = re.compile(r"\.batch=([0-9]{6,})(\.[0-9a-f]+)?\.staging")
_CLAIM = re.compile(r"\.batch=([0-9]{6,})\.claim")
#: What common file systems take as one component, in bytes, less room for a prefix and an extension.
_NAME_BYTES = 200

RUN_ROWS = pa.schema(
    [
        pa.field("run", pa.string(), nullable=False),
        pa.field("sys_id", pa.string()),
        pa.field("experiment", pa.string()),
        pa.field("creation_time", TIMESTAMP),
        pa.field("modification_time", TIMESTAMP),
        pa.field("attribute_count", pa.int64(), nullable=False),
        pa.field("series_count", pa.int64(), nullable=False),
        pa.field("point_count", pa.int64(), nullable=False),
    ]
)
"""One row per run of the batch, by ``run`` (the custom run id). The counts are those of this batch."""

ATTRIBUTE_ROWS = pa.schema(
    [
        pa.field("run", pa.string(), nullable=False),
        pa.field("attribute", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        *(pa.field(column, VALUE_TYPES[kind]) for kind, column in PARAMETER_COLUMNS.items()),
    ]
)
"""One row per value, in the column of its type; sorted by type, attribute and run."""

STRETCHES = pa.schema(
    [
        pa.field("run", pa.string(), nullable=False),
        pa.field("attribute", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("part", pa.int32(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("first_step", pa.float64(), nullable=False),
        pa.field("last_step", pa.float64(), nullable=False),
        pa.field("last", pa.float64()),
        *(pa.field(name, pa.float64()) for name in FLOAT_SERIES_STATISTICS),
    ]
)
"""One row per stretch: neighbouring rows of one part file that are points of one series, steps ascending.

``part`` is the number of the file in the directory of the type, ``row`` the stretch's first row in it,
``bytes`` about what its values take in memory. ``last`` and the statistics (null unless the type is
``float_series``) are those of `neptune_frames.sources.archive.statistics.series_statistics`. Nearly always
a series is one stretch per batch; a very long one is several, in step order. Sorted by type, attribute,
run, part and row.
"""

PAYLOADS = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("bytes", pa.int64()),
        pa.field("sha256", pa.string()),
    ]
)
"""One row per payload, by path (below ``files/``, as the file values name it). Null: the source had no such
file, or files were left out of the export. A path that several batches list is as the latest of them says."""


def point_rows(series_type: str) -> pa.Schema:
    """The columns of a part file of points; rows are sorted by attribute, run and step.

    Steps are unique within a series. NaN is a value of a float series, null is not.
    """
    return pa.schema(
        [
            pa.field("run", pa.string(), nullable=False),
            pa.field("attribute", pa.string(), nullable=False),
            pa.field("step", pa.float64(), nullable=False),
            pa.field("timestamp", TIMESTAMP),
            pa.field("value", VALUE_TYPES[series_type]),
        ]
    )


class FileEntry(msgspec.Struct, frozen=True):
    """One Parquet file of a batch; ``path`` is relative to the batch, with ``/``."""

    path: str
    rows: int
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch holds. ``selection`` says which attributes were asked for; unknown fields are passed over."""

    format: str = FORMAT
    version: int = VERSION
    writer: str = ""
    project: str
    batch: int
    runs: int
    attributes: int
    series: int
    points: dict[str, int]
    payloads: int = 0
    payload_bytes: int = 0
    selection: dict[str, str] = {}
    files: list[FileEntry]

    def entry(self, batch: Location, path: str) -> FileEntry:
        """The entry of one file of the batch in that place. Raises `DamagedFileError` where there is none."""
        found = next((one for one in self.files if one.path == path), None)
        if found is None:
            raise DamagedFileError(str(batch / path), "the manifest of its batch does not name it")
        return found

    @property
    def point_count(self) -> int:
        """Points of all series types."""
        return sum(self.points.values())

    @property
    def files_wanted(self) -> bool:
        """Whether the content of files was asked for."""
        return files_wanted(self.selection)


def recorded_files(wanted: bool) -> dict[str, str]:
    """What a selection says of the content of files."""
    return {"files": "yes" if wanted else "no"}


def files_wanted(selection: Mapping[str, str]) -> bool:
    """Whether a selection asks for the content of files.

    >>> files_wanted(recorded_files(False)), files_wanted(recorded_files(True)), files_wanted({})
    (False, True, True)
    """
    return selection.get("files") != "no"


class _Format(msgspec.Struct):
    format: str
    version: int


def bounded_name(identifier: str) -> str:
    """A directory or file name for any text: readable where possible, distinct on every file system.

    It is what the exporter's layout calls the text (cleaned id, ``-``, digest), cut to a length that
    fits. Two texts never have the same name, not even where case or accents do not count.

    >>> bounded_name("team/vision")
    'team_vision-0ce73ce3d1ac9290'
    >>> len(bounded_name("x" * 1000))
    200
    """
    cleaned, dash, digest = encoded_name(identifier).rpartition("-")
    return cleaned.encode()[: _NAME_BYTES - len(dash + digest)].decode(errors="ignore") + dash + digest


def project_directory(archive: AnyLocation, project: str) -> AnyLocation:
    """The directory of a project."""
    return archive / f"{PROJECT_PREFIX}{bounded_name(project)}"


def own_project_directories(archive: Location) -> list[Location]:
    """The directories of all projects, by name."""
    found = [path for path in archive.iterdir() if path.name.startswith(PROJECT_PREFIX) and path.is_dir()]
    return sorted(found, key=str)


def batch_directory(project: AnyLocation, number: int) -> AnyLocation:
    """The directory of a committed batch of a project's directory.

    >>> batch_directory(Path("a"), 17).as_posix()
    'a/batch=000017'
    """
    return project / f"batch={number:06d}"


def staging_directory(project: AnyLocation, number: int, export: str | None = None) -> AnyLocation:
    """Where a batch grows until it is committed; in an object store, where each ``export`` has its own.

    >>> staging_directory(Path("a"), 17, "c0ffee").as_posix()
    'a/.batch=000017.c0ffee.staging'
    """
    return project / (f".batch={number:06d}.staging" if export is None else f".batch={number:06d}.{export}.staging")


def staged_number(name: str) -> int | None:
    """The number of the batch that a directory of this name stages; None where it is no `staging_directory`.

    >>> staged_number(".batch=000017.c0ffee.staging"), staged_number("batch=000017")
    (17, None)
    """
    match = _STAGING.fullmatch(name)
    return None if match is None else int(match[1])


def claim_file(project: AnyLocation, number: int) -> AnyLocation:
    """In an object store: the object that says which staged batch is the one of that number. It never changes."""
    return project / f".batch={number:06d}.claim"


def claimed_number(name: str) -> int | None:
    """The number of the batch that a file of this name claims; None where it is no `claim_file`.

    >>> claimed_number(claim_file(Path("a"), 17).name), claimed_number("batch=000017")
    (17, None)
    """
    match = _CLAIM.fullmatch(name)
    return None if match is None else int(match[1])


@overload
def committed_batches(project: Path) -> list[tuple[int, Path]]: ...
@overload
def committed_batches(project: ObjectPath) -> list[tuple[int, ObjectPath]]: ...
@overload
def committed_batches(project: Location) -> list[tuple[int, Location]]: ...
def committed_batches(project: Location) -> Sequence[tuple[int, Location]]:
    """Number and directory of each committed batch of a project's directory, ascending.

    In an object store, where nothing can be renamed, a directory is a batch once its manifest, which is
    written last, is there; that is for the caller to see.
    """
    if not project.is_dir():
        return []
    found = [(match, path) for path in project.iterdir() if (match := _BATCH.fullmatch(path.name))]
    return sorted(((int(match[1]), path) for match, path in found if path.is_dir()), key=lambda one: one[0])


def own_part_name(kind: str, number: int) -> str:
    """A part file below its batch: ``kind`` is a series type, `ATTRIBUTES_DIRECTORY` or `SERIES_DIRECTORY`.

    >>> own_part_name("float_series", 3)
    'float_series/part-00003.parquet'
    """
    return f"{kind}/part-{number:05d}.parquet"


def own_part_number(path: str) -> int | None:
    """The number in an `own_part_name`; None where the path is no such name.

    >>> own_part_number("float_series/part-00003.parquet"), own_part_number("runs.parquet")
    (3, None)
    """
    match = _PART.fullmatch(path)
    return None if match is None else int(match[1])


def part_file(batch: AnyLocation, kind: str, number: int) -> AnyLocation:
    """`own_part_name` in the directory of a batch."""
    return batch / own_part_name(kind, number)


def is_archive(directory: Location) -> bool:
    """Whether a directory is an archive in this layout."""
    if isinstance(directory, ObjectPath):
        return (directory / FORMAT_FILE).is_file()
    # Without another Path, which costs more than the look: every question asks this of each project.
    return os.path.isfile(f"{directory}{os.sep}{FORMAT_FILE}")  # noqa: PTH113


def check_format(directory: Location) -> None:
    """Raises `ArchiveError` where an archive is of another format, or of a version that this library cannot read."""
    path = directory / FORMAT_FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Format)
    except (OSError, msgspec.DecodeError) as error:
        raise ArchiveError(f"{path} does not say which format the archive has: {error}") from error
    if found.format != FORMAT or found.version > VERSION:
        raise ArchiveError(
            f"{path} names the format {found.format!r}, version {found.version}; "
            f"this library reads {FORMAT!r} up to version {VERSION}. Install a newer one."
        )


def format_document() -> bytes:
    """The content of `FORMAT_FILE`."""
    return msgspec.json.encode(_Format(FORMAT, VERSION)) + b"\n"


def read_manifest(batch: Location) -> Manifest:
    """The manifest of a batch. Raises `DamagedFileError`, or `ArchiveError` where it is of a later version."""
    path = batch / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise DamagedFileError(str(path), "it is missing") from error
    except (OSError, msgspec.DecodeError) as error:
        raise DamagedFileError(str(path), str(error)) from error
    if manifest.format != FORMAT or manifest.version > VERSION:
        raise ArchiveError(f"{path} is of version {manifest.version}; this library reads up to {VERSION}.")
    return manifest


def write_manifest(batch: Path, manifest: Manifest) -> Path:
    """Write the manifest of a batch that is being staged."""
    path = batch / MANIFEST
    path.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
    return path

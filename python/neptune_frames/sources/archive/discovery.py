"""The projects below a place, in whichever layout each of them is."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from neptune_frames.errors import ArchiveError
from neptune_frames.sources.archive import batch_layout, layout
from neptune_frames.sources.archive.batch_store import BatchStore
from neptune_frames.sources.archive.exporter_store import ExporterStore
from neptune_frames.sources.archive.object_path import Location, ObjectPath
from neptune_frames.sources.archive.store import ProjectStore


@dataclass(frozen=True)
class FoundProject:
    """A project: where its data lies, and how to open it."""

    place: Location
    open: Callable[[], ProjectStore]


def find_projects(data: Location, files: Path | None) -> list[FoundProject]:
    """The projects below ``data``: an archive in either layout, a directory of archives or one project's directory.

    ``files`` is the root of payloads of the exporter's layout, by default beside the data. Raises `ArchiveError`
    where there is no such place, and where an archive is of a later version than is known.
    """
    if batch_layout.is_archive(data):
        return _in_batches(data)
    if data.name.startswith(batch_layout.PROJECT_PREFIX) and batch_layout.is_archive(data.parent):
        batch_layout.check_format(data.parent)
        return [FoundProject(data, partial(BatchStore, data))]
    if isinstance(data, ObjectPath):
        raise ArchiveError(
            f"There is no archive at {data}: it holds no {batch_layout.FORMAT_FILE}. Archives in the exporter's layout "
            "are read from local directories only; `neptune-frames convert` brings one into an object store."
        )
    exported = layout.exporter_project_directories(data, files)
    found: list[FoundProject] = []
    in_batches: list[FoundProject] = []
    for directory in exported:
        if batch_layout.is_archive(directory.data):
            in_batches += _in_batches(directory.data)
        else:
            found.append(FoundProject(directory.data, partial(ExporterStore, directory)))
    return found + in_batches


def nothing_at(place: object) -> ArchiveError:
    """The error of whoever looks after an archive and finds no project: most likely it is the wrong place."""
    return ArchiveError(
        f"There is no archive at {str(place)!r}: no project was found in it. Give the directory that an export was "
        "written to."
    )


def payload_root(files: str | os.PathLike[str] | None) -> Path | None:
    """The directory of payloads that someone named. Raises `ArchiveError` where it is not there."""
    if files is None:
        return None
    root = Path(files).expanduser()
    if not root.is_dir():
        raise ArchiveError(
            f"There is no directory of file payloads at {str(root)!r} (--files, or NEPTUNE_ARCHIVE_FILES). Give "
            "the one that holds a directory for each project, or leave it out for `files` beside the data."
        )
    return root


def _in_batches(archive: Location) -> list[FoundProject]:
    batch_layout.check_format(archive)
    return [FoundProject(place, partial(BatchStore, place)) for place in batch_layout.own_project_directories(archive)]

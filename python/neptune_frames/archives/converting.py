"""Bringing an archive into another layout, or to another place."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.archive.discovery import nothing_at
from neptune_frames.writing.exporting import export
from neptune_frames.writing.layouts import DEFAULT_LAYOUT, Layout

if TYPE_CHECKING:
    from neptune_frames.writing.summary import ExportSummary


def convert(
    archive: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    *,
    projects: Sequence[str] | None = None,
    files: str | os.PathLike[str] | None = None,
    layout: Layout = DEFAULT_LAYOUT,
    update: bool = False,
    progress_bar: bool = True,
) -> ExportSummary:
    """Write the runs of an archive, in whichever layout it is, to another archive.

    It is an export whose source is an archive: batch after batch, in bounded memory, safe to interrupt; the
    same call goes on where the last one stopped.

    Args:
        archive: Directory (or URL) of what is read.
        destination: Directory (or URL) of what is written.
        projects: Names of projects; left out, all.
        files: Where the payloads of the exporter's layout lie, if not beside the data.
        layout: That of the destination.
        update: Also bring what is new in runs that the destination has.
        progress_bar: Show progress on a terminal.

    Raises `ArchiveError`, also where the archive holds no project, or where ``files`` is not there. Payloads that
    the archive lacks are counted (``files_missing``), with a warning.
    """
    source = ArchiveSource(os.fspath(archive), files)
    chosen = source.projects(complete=True)["project"].to_pylist() if projects is None else list(projects)
    if not chosen:
        raise nothing_at(archive)
    return export(destination, project=chosen, source=source, layout=layout, update=update, progress_bar=progress_bar)

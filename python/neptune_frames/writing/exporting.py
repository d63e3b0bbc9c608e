"""`neptune_frames.export`: one or many projects of a source to an archive."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from neptune_frames.errors import ArchiveError
from neptune_frames.query.arguments import resolve_project
from neptune_frames.sources.choose import open_source
from neptune_frames.sources.public_call import public_call
from neptune_frames.writing.summary import ExportSummary

if TYPE_CHECKING:
    from neptune_frames.query.attribute_filters import BaseAttributeFilter
    from neptune_frames.query.filters import Filter
    from neptune_frames.sources.base import Source

Layout = Literal["neptune-frames", "neptune-exporter"]
LAYOUTS: tuple[Layout, ...] = ("neptune-frames", "neptune-exporter")


@public_call("export")
def export(
    destination: str | os.PathLike[str],
    *,
    project: str | Sequence[str] | None = None,
    experiments: str | list[str] | Filter | None = None,
    runs: str | list[str] | Filter | None = None,
    attributes: str | list[str] | BaseAttributeFilter | None = None,
    types: Sequence[str] | None = None,
    layout: Layout = "neptune-frames",
    files: bool = True,
    update: bool = False,
    progress_bar: bool = True,
    source: Source | str | os.PathLike[str] | None = None,
) -> ExportSummary:
    """Write runs to an archive of Parquet files that anything can read, and that answers like their server.

    Safe to interrupt at any moment: what the archive shows is complete, and the same call goes on where
    the last one stopped.
    """
    from neptune_frames.writing.own_layout import ProjectExport, prepare_archive
    from neptune_frames.writing.wanted import wanted

    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
    projects = [resolve_project(project)] if project is None or isinstance(project, str) else list(project)
    chosen = wanted(runs=runs, experiments=experiments, attributes=attributes, types=types, files=files)
    asked = open_source(source)
    started = time.monotonic()
    archive = Path(destination)
    try:
        names = list(dict.fromkeys(asked.project_name(name) for name in projects))
        prepare_archive(archive)
        written = [
            ProjectExport(asked, archive, name, chosen, update=update).write(lambda runs, points: None)
            for name in names
        ]
    except OSError as error:
        raise ArchiveError(
            f"The archive {archive} could not be written: {error}. What it holds is valid; export again to go on."
        ) from error
    return ExportSummary(archive, layout, tuple(written), time.monotonic() - started)

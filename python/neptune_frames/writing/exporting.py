"""`neptune_frames.export`: one or many projects of a source to an archive."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from neptune_frames.counted import counted
from neptune_frames.errors import ArchiveError, NeptuneWarning
from neptune_frames.progress import Counting, allowing_bars, counting_bar
from neptune_frames.query.arguments import resolve_project
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.archive.object_path import Location, open_location
from neptune_frames.sources.base import Source
from neptune_frames.sources.choose import open_source
from neptune_frames.sources.public_call import public_call
from neptune_frames.warnings import warn
from neptune_frames.writing import exporter_project, own_layout
from neptune_frames.writing.durable import WriteFailed, check_directory, only_writer, sync_directory, writing
from neptune_frames.writing.layouts import DEFAULT_LAYOUT, LAYOUTS, Layout
from neptune_frames.writing.object_store import mirrored
from neptune_frames.writing.selection import ExportPlan, ExportSelection, export_selection, find_runs
from neptune_frames.writing.summary import ExportSummary, Written

if TYPE_CHECKING:
    from neptune_frames.query.attribute_filters import BaseAttributeFilter
    from neptune_frames.query.filters import Filter


@public_call("export")
def export(
    destination: str | os.PathLike[str],
    *,
    project: str | Sequence[str] | None = None,
    experiments: str | list[str] | Filter | None = None,
    runs: str | list[str] | Filter | None = None,
    attributes: str | list[str] | BaseAttributeFilter | None = None,
    types: Sequence[str] | None = None,
    layout: Layout = DEFAULT_LAYOUT,
    files: bool = True,
    update: bool = False,
    progress_bar: bool = True,
    source: Source | str | os.PathLike[str] | None = None,
) -> ExportSummary:
    """Write runs to an archive of Parquet files, which any tool can read and which answers queries like a server.

    You can interrupt it at any time: the archive never shows a half-written run, and the same call continues where the
    last one stopped. Inherited points stay with the run that logged them; this package joins them again when it reads.

    Args:
        destination: Directory of the archive, created if it does not exist; or a URL in an object store (``s3://``,
            ``gs://``, ``az://``), for the layout neptune-frames only.
        project: ``workspace/name``, or several; None takes NEPTUNE_PROJECT.
        experiments: Which runs: the head run of each of these experiments (regular expression, list of names or
            `Filter`).
        runs: Which runs, by run id (regular expression, list of ids or `Filter`). Without either, all runs of the
            project.
        attributes: Which attributes (regular expression, list of names or `AttributeFilter`); None takes all.
            Attributes that identify a run (``sys/id``, ``sys/name``, its parent and others) are always included.
        types: Only attributes of these types, such as ``["float_series", "string"]``.
        layout: ``"neptune-frames"`` is smaller, faster to read and can be updated; ``"neptune-exporter"`` is the layout
            of the public tool, for its loaders.
        files: Whether the content of files is downloaded.
        update: Whether to also add what is new in runs that the archive already has: new points, and attributes as they
            are now. Without it, these runs are left alone.
        progress_bar: Whether to show progress on a terminal.
        source: What to read: the result of `open_source`, or its argument (the directory or URL of an archive, or an
            API token). None takes the source that the environment names.

    Returns:
        An `ExportSummary`: ``runs``, ``series``, ``points``, ``files``, ``bytes``, ``seconds`` and more.

    Raises:
        ValueError: An argument cannot be used. Arguments are checked before anything is requested.
        NeptuneProjectInaccessible: A project does not exist or you may not read it.
        ArchiveError: The destination cannot be written to, or holds something else; or it is in the archive that is
            read, or the other way round.

    Example:
        >>> summary = nf.export("kept", runs="^run-", attributes="^train/")
        >>> summary.runs, summary.points
        (3, 24)
        >>> nf.fetch_metrics(runs=["run-2"], attributes=["train/loss"], source="kept").collect().height
        5
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
    if update and layout != "neptune-frames":
        raise ValueError(
            "update=True needs the layout neptune-frames: in the layout neptune-exporter a run that is there counts as "
            "complete. Export to a new directory instead."
        )
    projects = [resolve_project(project)] if project is None or isinstance(project, str) else list(project)
    if not projects:
        raise ValueError("project: expected a project or several, got an empty list")
    selection = export_selection(runs=runs, experiments=experiments, attributes=attributes, types=types, files=files)
    asked = open_source(source)
    archive = open_location(destination)
    if isinstance(asked, ArchiveSource):
        _check_apart(asked.place, archive)
    started = time.monotonic()
    try:
        with allowing_bars(progress_bar):
            names = list(dict.fromkeys(asked.project_name(name) for name in projects))
            with _places(archive, layout, names, update=update) as places:
                written = [
                    _export_project(asked, place, name, selection, update=update)
                    for name, place in zip(names, places, strict=True)
                ]
    except WriteFailed as failure:
        raise ArchiveError(
            f"The archive {archive} could not be written: {failure}. What it shows is valid; export again to go on."
        ) from failure.__cause__
    except OSError as error:
        raise ArchiveError(
            f"The source could not be read: {error}. What {archive} shows is valid; export again to go on."
        ) from error
    return ExportSummary(archive, layout, tuple(written), time.monotonic() - started)


class ProjectArchive(Protocol):
    """One project of the archive that is written."""

    directory: Path

    def remove_leftovers(self) -> None:
        """Remove what exports that were interrupted left behind."""
        ...

    def plan(self, found: pa.Table, selection: ExportSelection, *, update: bool) -> ExportPlan:
        """Which of the runs found are to be written."""
        ...

    def write(
        self, source: Source, selection: ExportSelection, plan: ExportPlan, written: Written, advance: Counting
    ) -> None:
        """Write them; what was written is added to ``written``, and progress told as runs and points."""
        ...


def _check_apart(source: Location, archive: Location) -> None:
    """Raise `ArchiveError` where the archive would be written into its source: what is left over there is removed."""
    read, written = (
        place.resolve() if isinstance(place, Path) else PurePosixPath(str(place)) for place in (source, archive)
    )
    if read == written or read in written.parents or written in read.parents:
        raise ArchiveError(
            f"{archive} cannot be written from {source}: one of them is in the other. Give a destination elsewhere."
        )


@contextmanager
def _places(
    archive: Location, layout: Layout, projects: Sequence[str], *, update: bool
) -> Iterator[list[ProjectArchive]]:
    """Where each project is written to. Raises `ArchiveError`."""
    if isinstance(archive, Path):
        with writing():
            places = _prepare(archive, layout, projects)
        yield places
        return
    if layout != "neptune-frames":
        raise ArchiveError(f"Only the layout neptune-frames can be written to an object store, and not {layout}.")
    with mirrored(archive) as mirror:
        with writing():
            own_layout.prepare_archive(mirror.path)
            mirror.prepare(projects, update=update)
        yield [own_layout.OwnProject(mirror.path, project, mirror.commit) for project in projects]


def _prepare(archive: Path, layout: Layout, projects: Sequence[str]) -> list[ProjectArchive]:
    check_directory(archive)
    if layout == "neptune-frames":
        own_layout.prepare_archive(archive)
        return [own_layout.OwnProject(archive, project) for project in projects]
    exporter_project.prepare_archive(archive)
    return [exporter_project.ExporterProject(archive, project) for project in projects]


def _export_project(
    source: Source, place: ProjectArchive, project: str, selection: ExportSelection, *, update: bool
) -> Written:
    with ExitStack() as held:
        with writing():
            place.directory.mkdir(parents=True, exist_ok=True)
            sync_directory(place.directory.parent)
            held.enter_context(only_writer(place.directory))
            place.remove_leftovers()
        found = find_runs(source, project, selection.containers)
        if selection.containers.filter is not None and not found.num_rows:
            warn(f"{project}: no {selection.containers.kind.value} matches, so none is exported.", NeptuneWarning)
        with writing():
            plan = place.plan(found, selection, update=update)
        if selection.containers.filter is not None and plan.missing:
            warn(
                f"{project}: parents of forks are not exported: {counted(len(plan.missing), 'run')}, such as "
                f"{plan.missing[0]!r}. Points inherited from there will be missing; export these runs too.",
                NeptuneWarning,
            )
        written = Written(project, kept=plan.kept)
        with counting_bar(plan.found.num_rows, "runs", "points", title=project) as advance:
            advance(plan.kept, 0)
            place.write(source, selection, plan, written, advance)
        if written.runs and not written.selection_met:
            warn(
                f"{project}: none of the attributes asked for was found, so only those that identify a run were "
                "written. Check attributes and types.",
                NeptuneWarning,
            )
        if written.files_missing:
            _warn_of_missing_files(written)
    return written


def _warn_of_missing_files(written: Written) -> None:
    warn(
        f"{written.project}: {counted(written.files_missing, 'file')} could not be found in the source, so the archive "
        "has the name and not the content. If attached files of an archive are elsewhere, say where (--files, "
        "NEPTUNE_ARCHIVE_FILES), and write to a new directory.",
        NeptuneWarning,
    )

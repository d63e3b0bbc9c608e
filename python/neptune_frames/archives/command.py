"""The subcommands `info`, `verify` and `convert`. Imports nothing of the library until one of them runs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from neptune_frames.writing.layouts import DEFAULT_LAYOUT, LAYOUTS

if TYPE_CHECKING:
    from neptune_frames.archives.info import ProjectInfo
    from neptune_frames.sources.base import Source

_ARCHIVE = "directory or URL (s3://, gs://, az://) of the archive"

INFO_HELP = """\
Print what an archive holds: projects, runs, attributes, series, points, bytes and the span of time.

ARCHIVE is in the layout neptune-frames or as neptune-exporter writes it; a directory of several archives gives
the projects of all of them. Figures come from manifests, tables and the footers of files; points are not read
(but the first look at an archive in the exporter's layout makes its catalog, which reads every file).
"""

INFO_EXAMPLES = """\
examples:
  neptune-frames info archive
  neptune-frames info s3://bucket/archive --json    the same as JSON
"""

VERIFY_HELP = """\
Read an archive from end to end and report everything that is not as it was written. The exit status is 1 if there
are problems.

Of the layout neptune-frames: every file that a manifest names is there, with its size, SHA-256, number of rows
and columns; rows are in order; every stretch of points is where the table of series says, with that step range
and those statistics; no point is in two batches; payloads are there. Of the exporter's layout, which has no
checksums: every part can be read and understood, no export was left unfinished, and the files that rows name are
there (if the project has a directory of files at all, or --files names one).

With --against, runs, values and points are compared with another source, one by one. The report names what only
one side has and what differs. Statistics of series follow from their points and are not compared.
"""

VERIFY_EXAMPLES = """\
examples:
  neptune-frames verify archive
  neptune-frames verify archive --against exports           the export that it was converted from
  neptune-frames verify archive --against server --subset   the server of NEPTUNE_API_TOKEN; the archive holds
                                                            chosen runs or attributes
"""

CONVERT_HELP = """\
Write the runs of SOURCE_DIR, an archive as neptune-exporter writes it, to DEST, in the layout neptune-frames:
smaller, sorted, and several times faster to read. SOURCE_DIR is not changed.

Runs are converted batch by batch, in bounded memory. You can interrupt it at any time: DEST is always valid, and
the same command continues where it stopped.
"""

CONVERT_EXAMPLES = """\
examples:
  neptune-frames convert exports archive
  neptune-frames convert exports s3://bucket/archive
  neptune-frames convert exports archive --project team/vision --update
                                                    one project, with what is new since the last time
  neptune-frames convert archive back --layout neptune-exporter
                                                    for the loaders of the public exporter
"""


def configure_info(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = INFO_HELP, INFO_EXAMPLES
    parser.add_argument("archive", metavar="ARCHIVE", help=_ARCHIVE)
    parser.add_argument("--json", action="store_true", help="print a JSON list with an object for each project")


def run_info(arguments: argparse.Namespace) -> int:
    from neptune_frames.archives.info import archive_info

    projects = archive_info(arguments.archive)
    if arguments.json:
        print(json.dumps([asdict(project) for project in projects], default=datetime.isoformat, indent=1))
        return 0
    if not projects:
        print(f"{arguments.archive} holds no project.")
    print("\n\n".join("\n".join(_described(project)) for project in projects))
    return 0


def configure_verify(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = VERIFY_HELP, VERIFY_EXAMPLES
    parser.add_argument("archive", metavar="ARCHIVE", help=_ARCHIVE)
    parser.add_argument(
        "--against",
        metavar="SOURCE",
        help="compare with this source: the directory or URL of an archive, or the word server",
    )
    parser.add_argument("--subset", action="store_true", help="with --against: ignore what only SOURCE has")
    parser.add_argument("--payloads", action="store_true", help="with --against: compare the content of files too")
    parser.add_argument("--no-checksums", action="store_true", help="do not compare checksums, only rows")
    parser.add_argument("--files", metavar="FILES_DIR", help="file payloads of ARCHIVE, if not beside the data")


def run_verify(arguments: argparse.Namespace) -> int:
    from neptune_frames.archives.checking import check_archive

    report = check_archive(arguments.archive, arguments.files, checksums=not arguments.no_checksums)
    for problem in report.problems:
        print(problem)
    print(
        f"{arguments.archive}: {_plural(report.projects, 'project')}, {_plural(report.files, 'file')}, "
        f"{report.rows:,} rows, {_plural(report.payloads, 'payload')}"
        + (f" ({report.payloads_never_there:,} more named without payload)" if report.payloads_never_there else "")
        + ": "
        + ("whole" if report.is_whole else _plural(len(report.problems), "problem"))
    )
    if arguments.against is None or not report.is_whole:
        return 0 if report.is_whole else 1
    return _compare(arguments)


def _compare(arguments: argparse.Namespace) -> int:
    from neptune_frames.archives.comparing import compare
    from neptune_frames.sources.archive import ArchiveSource

    found = compare(
        ArchiveSource(arguments.archive, arguments.files),
        _source(arguments.against),
        subset=arguments.subset,
        payloads=arguments.payloads,
    )
    for line in found.shown:
        print(line)
    print(
        f"compared with {arguments.against}: {_plural(found.runs, 'run')}, {_plural(found.values, 'value')}, "
        f"{_plural(found.points, 'point')}: "
        + ("equal" if found.is_equal else ", ".join(f"{count:,} {kind}" for kind, count in found.counts.items()))
    )
    return 0 if found.is_equal else 1


def _source(name: str) -> Source:
    """The source that an archive is compared with."""
    from neptune_frames import config
    from neptune_frames.errors import NeptuneApiTokenNotProvided
    from neptune_frames.sources.choose import open_archive, open_server

    if name != "server":
        return open_archive(name)
    token = config.API_TOKEN.get()
    if token is None:
        raise NeptuneApiTokenNotProvided
    return open_server(token)


def configure_convert(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = CONVERT_HELP, CONVERT_EXAMPLES
    parser.add_argument("source", metavar="SOURCE_DIR", help="the archive that is read")
    parser.add_argument("destination", metavar="DEST", help="directory or URL of the archive that is written")
    parser.add_argument(
        "--project", action="append", metavar="WORKSPACE/NAME", help="only this project; may be repeated (default: all)"
    )
    parser.add_argument("--files", metavar="FILES_DIR", help="file payloads of SOURCE_DIR, if not beside the data")
    parser.add_argument("--update", action="store_true", help="also add what is new in runs that DEST already has")
    parser.add_argument(
        "--layout",
        choices=LAYOUTS,
        default=DEFAULT_LAYOUT,
        help="layout of DEST (default: %(default)s)",
    )
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")


def run_convert(arguments: argparse.Namespace) -> int:
    from neptune_frames.archives.converting import convert

    summary = convert(
        arguments.source,
        arguments.destination,
        projects=arguments.project,
        files=arguments.files,
        layout=arguments.layout,
        update=arguments.update,
        progress_bar=not arguments.no_progress,
    )
    print(summary)
    return 0


def _described(project: ProjectInfo) -> Iterator[str]:
    yield f"{project.project} ({project.layout})"
    points = sum(project.points.values())
    parts = _plural(project.parts, "batch" if project.layout == "neptune-frames" else "part")
    by_type = ", ".join(f"{count:,} {kind}" for kind, count in project.points.items())
    rows = [
        ("runs", f"{project.runs:,} ({_plural(project.experiments, 'experiment')})"),
        ("attributes", f"{project.attributes:,} ({project.values:,} values of runs)"),
        ("series", f"{project.series:,}"),
        ("points", f"{points:,}" + (f" ({by_type})" if by_type else "")),
        ("files", f"{project.payloads:,} ({project.payload_bytes:,} bytes)"),
        ("parquet", f"{project.bytes:,} bytes in {parts}"),
        ("from", _shown(project.first_time)),
        ("to", _shown(project.last_time)),
        ("place", project.place),
    ]
    for name, value in rows:
        yield f"  {name:<11}{value}"


def _shown(time: datetime | None) -> str:
    return "no times" if time is None else time.strftime("%Y-%m-%d %H:%M:%S UTC")


def _plural(count: int, what: str) -> str:
    """A number with its noun.

    >>> _plural(1, "batch"), _plural(2, "batch"), _plural(1000, "run")
    ('1 batch', '2 batches', '1,000 runs')
    """
    ending = "" if count == 1 else "es" if what.endswith("ch") else "s"
    return f"{count:,} {what}{ending}"

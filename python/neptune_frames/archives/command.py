"""The subcommands `info`, `verify` and `convert`. Imports nothing of the library until one of them runs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from neptune_frames.counted import counted
from neptune_frames.writing.command_options import add_layout, add_output, add_update, wrong_arguments_told

if TYPE_CHECKING:
    from neptune_frames.archives.check_report import CheckReport
    from neptune_frames.archives.info import ProjectInfo
    from neptune_frames.sources.base import Source

_ARCHIVE = "directory or URL (s3://, gs://, az://) of the archive"

INFO_HELP = """\
Print what an archive holds: projects, runs, attributes, series, points, bytes, and the span of time.

ARCHIVE may be in either layout (neptune-frames, or that of neptune-exporter); of a directory of several archives,
the projects of all of them are listed. No points are read, with one exception: the first look at an archive in the
layout of neptune-exporter reads every file, to make a catalog of it.
"""

INFO_EXAMPLES = """\
examples:
  neptune-frames info archive
  neptune-frames info s3://bucket/archive --json    the same as JSON
  neptune-frames info exports --files /mnt/payloads
                                                    with attached files kept elsewhere
"""

VERIFY_HELP = """\
Read an archive from end to end and report everything that is not as it was written. The exit status is 0 only if
there is an archive with at least one project, no problem was found in it, and (with --against) no difference.

In the layout neptune-frames, this is checked: no batch but the last can have been removed; every file that a manifest
names is there, with its size, SHA-256 checksum, number of rows, and columns, and no other file; the numbers of runs,
values, series, points and attached files are those that were written; rows are in order; all points are where the
table of series says, with the steps and statistics given there; no point is stored twice; attached files are listed,
and there. The layout of neptune-exporter has no checksums. There, every file can be read and understood, no export was
left unfinished, and attached files are there, each named by one run (if the project has a directory of them at all, or
--files names one).

With --against, runs, values and points are compared with those of another archive or a server, one by one. The report
names what is on one side only, and what differs. Statistics of series follow from their points and are not compared.
"""

VERIFY_EXAMPLES = """\
examples:
  neptune-frames verify archive
  neptune-frames verify archive --against exports           the export that it was converted from
  neptune-frames verify archive --against server --subset   the server of NEPTUNE_API_TOKEN, where the archive holds
                                                            only some of its runs or attributes
"""

CONVERT_HELP = """\
Write the runs of an archive to another archive, by default in the layout neptune-frames, which is smaller than that
of neptune-exporter, sorted, and several times faster to read. SOURCE_DIR is not changed.

Runs are converted in batches, in bounded memory. You can interrupt it at any time: DEST is always valid, and the
same command continues where the last one stopped.
"""

CONVERT_EXAMPLES = """\
examples:
  neptune-frames convert exports archive
  neptune-frames convert exports s3://bucket/archive
  neptune-frames convert exports archive --project team/vision --update
                                                    one project, with what is new since the last time
  neptune-frames convert archive back --layout neptune-exporter
                                                    for the loaders of neptune-exporter
"""


def _add_files(parser: argparse.ArgumentParser, archive: str) -> None:
    """The option for payloads of the exporter's layout; ``archive`` is what the command calls the archive."""
    parser.add_argument(
        "--files",
        metavar="FILES_DIR",
        help=f"directory of the attached files of {archive} (default: NEPTUNE_ARCHIVE_FILES, else `files` beside "
        "the data)",
    )


def _files(arguments: argparse.Namespace) -> str | None:
    from neptune_frames import config

    found: str | None = arguments.files
    return config.ARCHIVE_FILES.get() if found is None else found


def configure_info(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = INFO_HELP, INFO_EXAMPLES
    parser.add_argument("archive", metavar="ARCHIVE", help=_ARCHIVE)
    parser.add_argument("--json", action="store_true", help="print a JSON list with an object for each project")
    _add_files(parser, "ARCHIVE")


def run_info(arguments: argparse.Namespace) -> int:
    from neptune_frames.archives.info import archive_info

    projects = archive_info(arguments.archive, _files(arguments))
    if arguments.json:
        print(json.dumps([asdict(project) for project in projects], default=datetime.isoformat, indent=1))
        return 0
    print("\n\n".join("\n".join(_described(project)) for project in projects))
    return 0


def configure_verify(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = VERIFY_HELP, VERIFY_EXAMPLES
    parser.add_argument("archive", metavar="ARCHIVE", help=_ARCHIVE)
    parser.add_argument(
        "--against",
        metavar="SOURCE",
        help="compare with this source: the directory or URL of an archive, an API token, or the word server for the "
        "server of NEPTUNE_API_TOKEN",
    )
    parser.add_argument("--subset", action="store_true", help="with --against: ignore what only SOURCE has")
    parser.add_argument(
        "--payloads", action="store_true", help="with --against: also compare the content of attached files"
    )
    parser.add_argument("--no-checksums", action="store_true", help="do not compute checksums; check all else")
    _add_files(parser, "ARCHIVE")
    parser.set_defaults(wrong_usage=parser.error)


def run_verify(arguments: argparse.Namespace) -> int:
    from neptune_frames.archives.checking import check_archive

    for option in ("subset", "payloads"):
        if getattr(arguments, option) and arguments.against is None:
            arguments.wrong_usage(f"--{option} says how to compare: give --against SOURCE, too")
    # Opened first: a wrong name should not show after an hour of checking.
    other = None if arguments.against is None else _source(arguments.against)
    report = check_archive(arguments.archive, _files(arguments), checksums=not arguments.no_checksums)
    for problem in report.problems:
        print(problem)
    print(f"{arguments.archive}: {_checked(report)}")
    is_equal = other is None or _compare(arguments, other)
    return 0 if report.is_whole and is_equal else 1


def _checked(report: CheckReport) -> str:
    """What was checked, and how many problems there are."""
    found = counted(len(report.problems), "problem") if report.problems else "no problems"
    checked = [
        counted(report.projects, "project"),
        counted(report.files, "Parquet file"),
        counted(report.rows, "row"),
        counted(report.payloads, "attached file"),
    ]
    never_there = (
        f" (and {report.payloads_never_there:,} named but never stored)" if report.payloads_never_there else ""
    )
    return f"{found} found in {', '.join(checked)}{never_there}"


def _compare(arguments: argparse.Namespace, other: Source) -> bool:
    """Whether the other source says the same; prints what was compared, and what differs."""
    from neptune_frames.archives.comparing import compare
    from neptune_frames.sources.archive import ArchiveSource
    from neptune_frames.sources.token_text import looks_like_token

    found = compare(
        ArchiveSource(arguments.archive, _files(arguments)), other, subset=arguments.subset, payloads=arguments.payloads
    )
    for line in found.shown:
        print(line)
    compared = [counted(found.runs, "run"), f"{found.values:,} values and series"]
    if arguments.payloads:
        compared.append(counted(found.payloads, "attached file"))
    compared.append(counted(found.points, "point"))
    name = f"the {other}" if looks_like_token(arguments.against) else arguments.against
    print(
        f"compared with {name}: {', '.join(compared)}: "
        + ("equal" if found.is_equal else ", ".join(f"{count:,} {kind}" for kind, count in found.counts.items()))
    )
    return found.is_equal


def _source(name: str) -> Source:
    """The source that an archive is compared with."""
    from neptune_frames import config
    from neptune_frames.errors import NeptuneUserError
    from neptune_frames.sources.choose import open_server, open_source

    if name != "server":
        return open_source(name)
    token = config.API_TOKEN.get()
    if token is None:
        raise NeptuneUserError("There is no API token for --against server. Put one into NEPTUNE_API_TOKEN.")
    return open_server(token)


def configure_convert(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = CONVERT_HELP, CONVERT_EXAMPLES
    parser.add_argument("source", metavar="SOURCE_DIR", help="the archive that is read")
    parser.add_argument("destination", metavar="DEST", help="directory or URL of the archive that is written")
    parser.add_argument(
        "--project", action="append", metavar="WORKSPACE/NAME", help="only this project; may be repeated (default: all)"
    )
    _add_files(parser, "SOURCE_DIR")
    add_update(parser, "DEST")
    add_layout(parser, "DEST")
    add_output(parser)


def run_convert(arguments: argparse.Namespace) -> int:
    from neptune_frames.archives.converting import convert

    with wrong_arguments_told():
        summary = convert(
            arguments.source,
            arguments.destination,
            projects=arguments.project,
            files=_files(arguments),
            layout=arguments.layout,
            update=arguments.update,
            progress_bar=arguments.progress and not arguments.quiet,
        )
    if not arguments.quiet:
        print(summary)
    return 0


def _described(project: ProjectInfo) -> Iterator[str]:
    yield f"{project.project} ({project.layout})"
    points = sum(project.points.values())
    parts = counted(project.parts, "batch" if project.layout == "neptune-frames" else "part")
    by_type = ", ".join(f"{count:,} {kind}" for kind, count in project.points.items())
    rows = [
        ("runs", f"{project.runs:,} ({counted(project.experiments, 'experiment')})"),
        ("attributes", f"{project.attributes:,} ({counted(project.values, 'value')} in all runs)"),
        ("series", f"{project.series:,}"),
        ("points", f"{points:,}" + (f" ({by_type})" if by_type else "")),
        ("files", f"{project.payloads:,} ({counted(project.payload_bytes, 'byte')})"),
        ("parquet", f"{counted(project.bytes, 'byte')} in {parts}"),
        ("from", _shown(project.first_time)),
        ("to", _shown(project.last_time)),
        ("place", project.place),
    ]
    for name, value in rows:
        yield f"  {name:<11}{value}"


def _shown(time: datetime | None) -> str:
    return "no times" if time is None else time.strftime("%Y-%m-%d %H:%M:%S UTC")

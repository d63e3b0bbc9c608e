"""The subcommand `export`. Imports nothing heavy until it runs."""

from __future__ import annotations

import argparse

from neptune_frames.writing.command_options import add_layout, add_output, add_update, wrong_arguments_told

EXPORT_HELP = """\
Write runs to an archive of Parquet files: attribute values, series, files.

You can interrupt it at any time: the archive never shows a half-written run, and the same command continues where
the last one stopped. With --update it also adds what is new in runs that the archive already has.

The archive can be queried right away, by this library (NEPTUNE_ARCHIVE=DESTINATION) or with DuckDB and Polars:
  SELECT run, step, value FROM 'DESTINATION/project=*/batch=*/float_series/*.parquet' WHERE attribute = 'loss'
"""

EXPORT_EXAMPLES = """\
--runs, --experiments and --attributes choose as in Python. Given once, each takes a regular expression, which may match
anywhere in the name; `a & b` needs both, `!a` excludes. Given several times, each takes an exact name. If no run of any
project matches, the exit status is 1.

examples:
  neptune-frames export kept --project team/vision         a whole project, from the server of NEPTUNE_API_TOKEN
  neptune-frames export kept --project team/vision --update
                                                           a day later: new runs, and new points of the others
  neptune-frames export kept --project team/vision --project team/audio
                                                           two projects, in one archive
  neptune-frames export best --project team/vision --runs '^resnet & !debug' --attributes '^(train|val)/'
                                                           some attributes of some runs
  neptune-frames export tables --project team/vision --type int --type float --type string --no-files
                                                           configuration only
  neptune-frames export kept --project team/vision --source exports
                                                           from an archive, in either layout
  neptune-frames export s3://bucket/kept --project team/vision
                                                           into an object store
  neptune-frames export exports --project team/vision --layout neptune-exporter
                                                           for the loaders of neptune-exporter
"""


def configure_export(parser: argparse.ArgumentParser) -> None:
    parser.description = EXPORT_HELP
    parser.epilog = EXPORT_EXAMPLES
    parser.add_argument(
        "destination", metavar="DESTINATION", help="directory or URL (s3://, gs://, az://) of the archive"
    )
    parser.add_argument(
        "--project",
        metavar="WORKSPACE/NAME",
        action="append",
        help="project to export; may be repeated (default: NEPTUNE_PROJECT)",
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--runs", metavar="REGEX_OR_ID", action="append", help="only these runs, by run id")
    chosen.add_argument(
        "--experiments",
        metavar="REGEX_OR_NAME",
        action="append",
        help="only the head run of each of these experiments",
    )
    parser.add_argument(
        "--attributes",
        metavar="REGEX_OR_NAME",
        action="append",
        help="only these attributes (and those that identify a run)",
    )
    parser.add_argument(
        "--type",
        metavar="TYPE",
        action="append",
        dest="types",
        help="only attributes of this type, such as float, string or float_series; may be repeated",
    )
    add_layout(parser, "DESTINATION")
    parser.add_argument(
        "--no-files", action="store_false", dest="files", help="leave out the content of attached files"
    )
    add_update(parser, "DESTINATION")
    parser.add_argument(
        "--source",
        metavar="SOURCE",
        help="what to export from: the directory or URL of an archive, or an API token (default: NEPTUNE_ARCHIVE, else "
        "the server of NEPTUNE_API_TOKEN)",
    )
    add_output(parser)


def run_export(arguments: argparse.Namespace) -> int:
    from neptune_frames.errors import NeptuneUserError
    from neptune_frames.writing.exporting import export

    with wrong_arguments_told():
        summary = export(
            arguments.destination,
            project=arguments.project,
            runs=_one_or_several(arguments.runs),
            experiments=_one_or_several(arguments.experiments),
            attributes=_one_or_several(arguments.attributes),
            types=arguments.types,
            layout=arguments.layout,
            files=arguments.files,
            update=arguments.update,
            progress_bar=arguments.progress and not arguments.quiet,
            source=arguments.source,
        )
    chosen = arguments.runs or arguments.experiments
    if chosen and not summary.runs + summary.kept:
        kind = "run" if arguments.runs else "experiment"
        raise NeptuneUserError(f"Nothing was exported: no {kind} matches {' '.join(map(repr, chosen))}.")
    if not arguments.quiet:
        print(summary)
    return 0


def _one_or_several(values: list[str] | None) -> str | list[str] | None:
    """One value is an expression, several are exact names."""
    return values[0] if values is not None and len(values) == 1 else values

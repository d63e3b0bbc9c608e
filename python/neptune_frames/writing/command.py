"""The subcommand `export`. Imports nothing heavy until it runs."""

from __future__ import annotations

import argparse

from neptune_frames.writing.layouts import DEFAULT_LAYOUT, LAYOUTS

EXPORT_HELP = """\
Write runs to an archive of Parquet files: attribute values, series, files.

You can interrupt it at any time: the archive never shows a half-written run, and the same command continues where
the last one stopped. With --update it also adds what is new in runs that the archive already has.

The archive can be queried right away, by this library (NEPTUNE_ARCHIVE=DESTINATION) or with DuckDB and Polars:
  SELECT run, step, value FROM 'DESTINATION/project=*/batch=*/float_series/*.parquet' WHERE attribute = 'loss'
"""

EXPORT_EXAMPLES = """\
Runs and attributes are chosen as in Python: a single --runs (--experiments, --attributes) is an extended regular
expression; several are exact names.

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
        help="project; may be repeated (default: NEPTUNE_PROJECT)",
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--runs", metavar="REGEX", action="append", help="only these runs, by run id")
    chosen.add_argument(
        "--experiments", metavar="REGEX", action="append", help="only the newest run of each of these experiments"
    )
    parser.add_argument("--attributes", metavar="REGEX", action="append", help="only these attributes")
    parser.add_argument(
        "--type", metavar="TYPE", action="append", dest="types", help="only attributes of this type; may be repeated"
    )
    parser.add_argument(
        "--layout",
        choices=LAYOUTS,
        default=DEFAULT_LAYOUT,
        help="how the archive is laid out (default: %(default)s)",
    )
    parser.add_argument("--no-files", action="store_false", dest="files", help="do not download files")
    parser.add_argument(
        "--update", action="store_true", help="also add what is new in runs that the archive already has"
    )
    parser.add_argument(
        "--source",
        metavar="ARCHIVE",
        help="an archive to export from (default: NEPTUNE_ARCHIVE, else the server of NEPTUNE_API_TOKEN)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no summary")


def run_export(arguments: argparse.Namespace) -> int:
    from neptune_frames.errors import NeptuneUserError
    from neptune_frames.writing.exporting import export

    try:
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
            progress_bar=not arguments.quiet,
            source=arguments.source,
        )
    except ValueError as error:
        raise NeptuneUserError(str(error)) from error
    if not arguments.quiet:
        print(summary)
    return 0


def _one_or_several(values: list[str] | None) -> str | list[str] | None:
    """One value is an expression, several are exact names."""
    return values[0] if values is not None and len(values) == 1 else values

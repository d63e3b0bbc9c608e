"""The subcommand `demo`."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from neptune_frames.errors import MissingDependencyError

#: Looked for before anything is trained and written: the picture comes last.
_NEEDED = ("pandas", "starlette", "uvicorn", "matplotlib")

DEMO_HELP = """\
Train a small sweep (a dozen runs and two forks, in numpy), write it as an archive, serve the archive on this machine,
and read the same metrics through neptune_query, neptune_fetcher and neptune_frames, from the server and from the
files. Saves a picture of the curves, and leaves nothing running.
"""


def configure_demo(parser: argparse.ArgumentParser) -> None:
    parser.description = DEMO_HELP
    parser.epilog = "example:\n  neptune-frames demo --output demo-output\n"
    parser.add_argument(
        "--output",
        metavar="DIR",
        type=_directory,
        default=Path("demo-output"),
        help="directory to write to (default: %(default)s)",
    )


def run_demo(arguments: argparse.Namespace) -> int:
    for package in _NEEDED:
        _require(package)
    from neptune_frames.demo.tour import give_tour
    from neptune_frames.writing.durable import check_directory

    check_directory(arguments.output)
    give_tour(arguments.output)
    return 0


def _directory(text: str) -> Path:
    if "://" in text:
        raise argparse.ArgumentTypeError(f"the demo is written to a directory on this machine, not to {text}")
    return Path(text)


def _require(package: str) -> None:
    try:
        import_module(package)
    except ImportError:
        raise MissingDependencyError(package, "The demo", "demo") from None

"""What the commands that write an archive have in common. Imports nothing heavy."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from neptune_frames.writing.layouts import DEFAULT_LAYOUT, LAYOUTS


def add_layout(parser: argparse.ArgumentParser, archive: str) -> None:
    """The option for the layout of an archive that is written; ``archive`` is what the command calls it."""
    parser.add_argument(
        "--layout", choices=LAYOUTS, default=DEFAULT_LAYOUT, help=f"layout of {archive} (default: %(default)s)"
    )


def add_update(parser: argparse.ArgumentParser, archive: str) -> None:
    """The option to go on with runs that an archive has."""
    parser.add_argument(
        "--update", action="store_true", help=f"also add what is new in runs that {archive} already has"
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """How much a command that writes an archive shows: ``progress`` and ``quiet``."""
    parser.add_argument("--no-progress", action="store_false", dest="progress", help="show no progress bar")
    parser.add_argument("--quiet", action="store_true", help="show no progress bar and no summary")


@contextmanager
def wrong_arguments_told() -> Iterator[None]:
    """What `export` calls a wrong argument, as an error of the library, which the command line tells in one line."""
    from neptune_frames.errors import NeptuneUserError

    try:
        yield
    except ValueError as error:
        raise NeptuneUserError(str(error)) from error

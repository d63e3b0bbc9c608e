"""The command line: `neptune-frames COMMAND`.

Each command is two functions in the package it belongs to: ``configure(parser)`` adds its arguments and help,
``run(arguments)`` does the work and returns the exit status. A new command is one row of `COMMANDS`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from neptune_frames.errors import NeptuneError

_EPILOG = """\
`neptune-frames COMMAND --help` explains a command, with examples.
"""


class Command(NamedTuple):
    """A subcommand; ``module`` holds its functions and is imported when the command is named."""

    name: str
    summary: str
    module: str
    configure: str
    run: str


COMMANDS = (
    Command(
        "demo",
        "train a small sweep and read it back through all three packages",
        "neptune_frames.demo.command",
        "configure_demo",
        "run_demo",
    ),
    Command(
        "export",
        "write runs to an archive of Parquet files",
        "neptune_frames.writing.command",
        "configure_export",
        "run_export",
    ),
    Command(
        "convert",
        "write an archive in another layout",
        "neptune_frames.archives.command",
        "configure_convert",
        "run_convert",
    ),
    Command(
        "info",
        "print what an archive holds",
        "neptune_frames.archives.command",
        "configure_info",
        "run_info",
    ),
    Command(
        "verify",
        "check an archive, by itself or against another source",
        "neptune_frames.archives.command",
        "configure_verify",
        "run_verify",
    ),
    Command(
        "serve",
        "serve an archive over the Neptune HTTP API",
        "neptune_frames.server.command",
        "configure_serve",
        "run_serve",
    ),
    Command(
        "token",
        "print the API token for a server started with serve",
        "neptune_frames.server.command",
        "configure_token",
        "run_token",
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. Errors of the library are one line on stderr, not a trace."""
    parsed = make_parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = parsed.run
    try:
        return run(parsed)
    except NeptuneError as error:
        print(f"neptune-frames: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="neptune-frames",
        description="Read experiment data from Neptune servers and Parquet archives, and serve archives over HTTP.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_CommandParser)
    for command in COMMANDS:
        commands.add_parser(command.name, help=command.summary, command=command)
    return parser


class _CommandParser(argparse.ArgumentParser):
    """The parser of one command. It learns its arguments when it is used, which is when the command was named."""

    def __init__(self, *, command: Command, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        self._command: Command | None = command

    def parse_known_args(self, *arguments: Any, **options: Any) -> Any:
        command, self._command = self._command, None
        if command is not None:
            module = import_module(command.module)
            getattr(module, command.configure)(self)
            self.set_defaults(run=getattr(module, command.run))
        return super().parse_known_args(*arguments, **options)


if __name__ == "__main__":
    sys.exit(main())

"""The command line: `neptune-frames COMMAND`.

Each command is two functions in the package it belongs to: ``configure(parser)`` adds its arguments and help,
``run(arguments)`` does the work and returns the exit status. A new command is one row of `COMMANDS`.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple, TextIO

from neptune_frames.errors import NeptuneError, without_secrets

_EPILOG = """\
`neptune-frames COMMAND --help` explains a command, with examples.
"""

#: The exit status of what a signal ended, as shells have it, is this and the number of the signal.
_ENDED_BY = 128

#: What messages of the library call an argument, and what it is on the command line.
SPELLINGS = (
    ("Pass project='workspace/name'", "Give --project workspace/name"),
    ("Pass source= (neptune_frames) or call set_api_token() (neptune_query), set", "Give --source, set"),
    (" or pass it to set_api_token()", ""),
    ("update=True needs the layout", "--update needs --layout"),
    ("types: expected", "--type: expected"),
)


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
    """Run one command; returns the exit status. Errors and warnings are a line each on stderr, without a trace."""
    parsed = make_parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = parsed.run
    try:
        with _plain_warnings():
            status = run(parsed)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a reader that has gone is noticed
        return status
    except NeptuneError as error:
        _tell(f"neptune-frames: {_as_typed(str(error))}")
        return 1
    except BrokenPipeError:
        # Whoever read the output has enough of it, as `head` does. What is still to be flushed goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _ENDED_BY + signal.SIGPIPE
    except OSError as error:
        place = "" if error.filename is None else f": {error.filename}"
        _tell(f"neptune-frames: {without_secrets(f'{error.strerror or error}{place}')}")
        return 1
    except KeyboardInterrupt:
        return _ENDED_BY + signal.SIGINT


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Warnings as one line each: which line of Python code they are about does not help here."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        _tell(f"warning: {_as_typed(str(message))}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _tell(text: str) -> None:
    """A line on stderr, above a progress bar if one is drawn there."""
    if "tqdm" in sys.modules:
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)
    else:
        print(text, file=sys.stderr)


def _as_typed(message: str) -> str:
    """A message of the library, with arguments as they are spelled on the command line."""
    for of_python, typed in SPELLINGS:
        message = message.replace(of_python, typed)
    return without_secrets(message)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="neptune-frames",
        description="Export experiments from Neptune servers to Parquet archives; check, convert and serve archives.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_ShowVersion, help="print the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_CommandParser)
    for command in COMMANDS:
        commands.add_parser(command.name, help=command.summary, command=command)
    return parser


class _ShowVersion(argparse.Action):
    """Looks the version up only when it is asked for: that takes longer than the rest of the command line."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest=argparse.SUPPRESS, default=argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from neptune_frames.installation import library_version

        print(f"{parser.prog} {library_version()}")
        parser.exit()


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

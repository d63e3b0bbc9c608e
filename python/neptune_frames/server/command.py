"""The subcommands `serve` and `token`. Imports nothing of the server until one of them runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from neptune_frames import config
from neptune_frames.server.serve import DEFAULT_HOST, DEFAULT_PORT, ServeOptions, check_secret

SERVE_HELP = """\
Serve an archive over the Neptune HTTP API, read-only.

DATA_DIR is an archive in either layout (neptune-frames, or that of neptune-exporter), or a directory of several. It may
be empty; projects that appear later are picked up.
"""

SERVE_EXAMPLES = """\
examples:
  neptune-frames serve exports                      for this machine only, on port 8600
  neptune-frames serve exports/data --files /mnt/payloads
                                                    with attached files kept elsewhere
  neptune-frames serve exports --port 0             on a free port; the printed address shows which
  NEPTUNE_FRAMES_SECRET=... neptune-frames serve exports --host 0.0.0.0
                                                    for a team: only those with the secret can read
"""

TOKEN_HELP = """\
Print the API token with which clients reach a server started with `neptune-frames serve`.
"""

TOKEN_EXAMPLES = """\
examples:
  export NEPTUNE_API_TOKEN="$(neptune-frames token http://127.0.0.1:8600)"
  NEPTUNE_FRAMES_SECRET=... neptune-frames token https://runs.example.org
"""


def configure_serve(parser: argparse.ArgumentParser) -> None:
    parser.description = SERVE_HELP
    parser.epilog = SERVE_EXAMPLES
    parser.add_argument("data", metavar="DATA_DIR", help="the archive (directory or URL), or a directory of archives")
    parser.add_argument(
        "--files",
        metavar="FILES_DIR",
        type=Path,
        help="directory of the attached files (default: `files` beside the data)",
    )
    parser.add_argument("--host", default=DEFAULT_HOST, help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port to listen on, 0 for a free one (default: %(default)s)"
    )
    _add_secret(parser, "secret that API tokens must contain; required unless only this machine can reach --host")


def run_serve(arguments: argparse.Namespace) -> int:
    from neptune_frames.server.serve import serve
    from neptune_frames.sources.archive.object_path import open_location

    place = open_location(arguments.data)
    serve(ServeOptions(place, arguments.files, host=arguments.host, port=arguments.port, token=_secret(arguments)))
    return 0


def configure_token(parser: argparse.ArgumentParser) -> None:
    parser.description = TOKEN_HELP
    parser.epilog = TOKEN_EXAMPLES
    parser.add_argument("url", metavar="URL", type=_server_url, help="address of the server, as printed by serve")
    _add_secret(parser, "the secret of the server")


def run_token(arguments: argparse.Namespace) -> int:
    from neptune_frames.server.api_tokens import PUBLIC_SECRET, make_api_token

    secret = _secret(arguments)
    print(make_api_token(arguments.url, PUBLIC_SECRET if secret is None else secret))
    return 0


def _add_secret(parser: argparse.ArgumentParser, meaning: str) -> None:
    """The option for the secret, spelled the same by every command that has one."""
    parser.add_argument(
        "--secret",
        "--token",
        dest="secret",
        metavar="SECRET",
        help=f"{meaning} (default: the variable {config.SERVER_SECRET.name}, which, unlike this option, other users of "
        "the machine cannot see; else a public secret, which protects nothing)",
    )


def _secret(arguments: argparse.Namespace) -> str | None:
    """The secret given, None for the public one."""
    given: str | None = arguments.secret
    check_secret(given)
    return config.SERVER_SECRET.get() if given is None else given


def _server_url(text: str) -> str:
    from urllib.parse import urlsplit

    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as http://127.0.0.1:8600")
    return text

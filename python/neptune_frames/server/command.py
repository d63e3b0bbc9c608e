"""The subcommands `serve` and `token`. Imports nothing of the server until one of them runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from neptune_frames.server.serve import DEFAULT_HOST, DEFAULT_PORT, ServeOptions

SERVE_HELP = """\
Serve an archive over the Neptune HTTP API, read-only.

DATA_DIR is an archive (a directory that holds data/ and files/), a directory of several archives, or a directory
of project directories as neptune-exporter writes them. It may be empty; projects that appear later are picked up.
"""

SERVE_EXAMPLES = """\
examples:
  neptune-frames serve exports                      for this machine only, on port 8600
  neptune-frames serve exports/data --files /mnt/payloads
                                                    with file payloads kept elsewhere
  neptune-frames serve exports --port 0             on a free port; the printed address shows which
  neptune-frames serve exports --host 0.0.0.0 --token "$SECRET"
                                                    for a team: only those with the secret can read
"""

TOKEN_HELP = """\
Print the API token with which clients reach a server started by `neptune-frames serve`.
"""

TOKEN_EXAMPLES = """\
examples:
  export NEPTUNE_API_TOKEN="$(neptune-frames token http://127.0.0.1:8600)"
  neptune-frames token https://runs.example.org --secret "$SECRET"
"""


def configure_serve(parser: argparse.ArgumentParser) -> None:
    parser.description = SERVE_HELP
    parser.epilog = SERVE_EXAMPLES
    parser.add_argument("data", metavar="DATA_DIR", help="the archive (directory or URL), or a directory of archives")
    parser.add_argument(
        "--files", metavar="FILES_DIR", type=Path, help="directory of the file payloads (default: files/ beside data/)"
    )
    parser.add_argument("--host", default=DEFAULT_HOST, help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port to listen on, 0 for a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--token",
        metavar="SECRET",
        help="secret that API tokens must contain; required unless --host is loopback (default: a public one)",
    )


def run_serve(arguments: argparse.Namespace) -> int:
    from neptune_frames.server.serve import serve
    from neptune_frames.sources.archive.object_path import open_location

    place = open_location(arguments.data)
    serve(ServeOptions(place, arguments.files, host=arguments.host, port=arguments.port, token=arguments.token))
    return 0


def configure_token(parser: argparse.ArgumentParser) -> None:
    parser.description = TOKEN_HELP
    parser.epilog = TOKEN_EXAMPLES
    parser.add_argument("url", metavar="URL", type=_server_url, help="address of the server, as printed by serve")
    parser.add_argument("--secret", help="the --token of the server (default: the public secret)")


def run_token(arguments: argparse.Namespace) -> int:
    from neptune_frames.server.api_tokens import PUBLIC_SECRET, make_api_token

    print(make_api_token(arguments.url, PUBLIC_SECRET if arguments.secret is None else arguments.secret))
    return 0


def _server_url(text: str) -> str:
    from urllib.parse import urlsplit

    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as http://127.0.0.1:8600")
    return text

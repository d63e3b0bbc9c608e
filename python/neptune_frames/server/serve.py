"""Run the server: in the foreground for `neptune-frames serve`, or in a thread for tests, demos and notebooks."""

from __future__ import annotations

import errno
import shlex
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from neptune_frames import config
from neptune_frames.errors import MissingDependencyError, NeptuneUserError
from neptune_frames.server.api_tokens import PUBLIC_SECRET, is_public, make_api_token
from neptune_frames.server.loopback import is_loopback

if TYPE_CHECKING:
    from neptune_frames.sources.archive.object_path import Location

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8600

_PROJECTS_SHOWN = 10
#: Longer than any pause between two requests of a client, so that its next one does not meet a closing connection.
_KEEP_ALIVE_SECONDS = 75
#: How long Ctrl-C waits for answers under way.
_FAREWELL_SECONDS = 5


@dataclass(frozen=True)
class ServeOptions:
    """What `neptune-frames serve` was asked to do. ``token`` is the secret, None for the public one."""

    data: Location
    files: Path | None = None
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    token: str | None = field(default=None, repr=False)
    token_lifetime: float = 3600.0


def serve(options: ServeOptions) -> None:
    """Serve until interrupted. Prints the address and how to use it.

    Raises `MissingDependencyError` without the extra ``server`` and `NeptuneUserError` for a data
    directory that is not there, an address in use, or an open bind without a token.
    """
    check_host(options.host)
    check_bind(options.host, options.token)
    if not options.data.is_dir():
        found = "is a file, not a directory" if options.data.exists() else "does not exist"
        raise NeptuneUserError(f"{options.data} {found}. Give the directory or URL of an archive.")
    uvicorn = _require_uvicorn()
    app = _make_app(options)
    listening = listen(options.host, options.port)
    url = url_of(listening)
    print(greeting(url, options, _project_names(app)), flush=True)
    server = uvicorn.Server(_configuration(uvicorn, app))
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        listening.close()
    print("Stopped.", flush=True)


@dataclass(frozen=True)
class RunningServer:
    """A server that runs in this process: its address, an API token for it, and what it holds."""

    url: str
    api_token: str = field(repr=False)
    state: Any


@contextmanager
def run_in_thread(options: ServeOptions, **state_options: Any) -> Iterator[RunningServer]:
    """Serve from a thread of this process while the context lasts. Raises what kept the server from starting."""
    check_bind(options.host, options.token)
    uvicorn = _require_uvicorn()
    app = _make_app(options, **state_options)
    listening = listen(options.host, options.port)
    url = url_of(listening)
    ready = threading.Event()
    server = _announcing_server(uvicorn, _configuration(uvicorn, app), ready)
    failure: BaseException | None = None

    def run() -> None:
        nonlocal failure
        try:
            server.run(sockets=[listening])
        except BaseException as error:
            if server.started:
                raise
            failure = error
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="neptune-frames-server", daemon=True)
    thread.start()
    try:
        ready.wait()
        if isinstance(failure, Exception):
            raise failure
        if not server.started:
            raise RuntimeError("The server did not start; its log says why.") from failure
        yield RunningServer(url, _api_token(url, options.token), app.state.server)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def check_host(host: str) -> None:
    """Refuse a host that is not known, before anything is said about who could reach it."""
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        raise NeptuneUserError(
            f"The host {host!r} is not known. Give an address or a name of this machine with --host, such as "
            f"{DEFAULT_HOST}."
        ) from None


def check_bind(host: str, token: str | None) -> None:
    """Refuse to offer data to the network under the public secret."""
    if is_public(token) and not is_loopback(host):
        raise NeptuneUserError(
            f"Listening on {host} would let everyone on the network read the data. Set a secret in "
            f"{config.SERVER_SECRET.name} or with --secret SECRET (--token SECRET is the same), or serve this machine "
            "only, with --host 127.0.0.1."
        )
    check_secret(token)


def check_secret(secret: str | None) -> None:
    """Refuse an empty secret, which a variable that is not set leaves behind."""
    if secret is not None and not secret.strip():
        raise NeptuneUserError("The secret is empty. Give one that cannot be guessed.")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Bound here so that the port is known before the first request."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns off Nagle's algorithm, which would delay short answers by 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        reason = str(getattr(error, "strerror", None) or error).rstrip(".")
        remedy = (
            "Give an address of this machine with --host."
            if getattr(error, "errno", None) == errno.EADDRNOTAVAIL
            else "Choose another port with --port (0 takes a free one)."
        )
        raise NeptuneUserError(f"{host}:{port} cannot be used: {reason}. {remedy}") from None
    listening.listen(128)
    return listening


def url_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def greeting(url: str, options: ServeOptions, projects: Sequence[str]) -> str:
    """What `serve` prints: where it is, what it holds, and the lines to paste into another shell."""
    reach = _reachable(url)
    secret = "" if options.token is None else " --secret SECRET"
    note = (
        ""
        if options.token is None
        else f"\n  (replace SECRET by the secret of this server, or set {config.SERVER_SECRET.name} there too)"
    )
    shown = "\n".join(f"  {name}" for name in projects[:_PROJECTS_SHOWN])
    more = f"\n  ... and {len(projects) - _PROJECTS_SHOWN} more" if len(projects) > _PROJECTS_SHOWN else ""
    return (
        f"Serving {options.data} at {url} (read-only; Ctrl-C stops it).\n"
        f"Projects:\n{shown or '  none yet; they are picked up when they appear'}{more}\n"
        f"\n"
        f"In another shell:\n"
        f"  unset NEPTUNE_ARCHIVE\n"
        f'  export NEPTUNE_API_TOKEN="$(neptune-frames token {reach}{secret})"{note}\n'
        f"  export NEPTUNE_PROJECT={shlex.quote(projects[0]) if projects else 'workspace/project'}\n"
        f"  python -c 'import neptune_query as nq; print(nq.list_experiments())'\n"
    )


def _project_names(app: Any) -> list[str]:
    names: list[str] = app.state.server.source.projects()["project"].to_pylist()
    return names


def _reachable(url: str) -> str:
    """The address as typed by a client: a wildcard address is reached by the machine's name."""
    for wildcard in ("//0.0.0.0:", "//[::]:"):
        url = url.replace(wildcard, f"//{socket.gethostname()}:")
    return url


def _require_uvicorn() -> ModuleType:
    try:
        import starlette  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise MissingDependencyError(error.name or "starlette and uvicorn", "The server", "server") from None
    return uvicorn  # type: ignore[no-any-return]


def _make_app(options: ServeOptions, **state_options: Any) -> Any:
    from neptune_frames.server.app import create_app
    from neptune_frames.server.auth import Authority
    from neptune_frames.server.state import ServerState
    from neptune_frames.sources.archive import ArchiveSource

    source = ArchiveSource(options.data, files=options.files)
    authority = Authority(PUBLIC_SECRET if options.token is None else options.token, lifetime=options.token_lifetime)
    return create_app(ServerState(source, authority, **state_options))


def _api_token(url: str, token: str | None) -> str:
    return make_api_token(_reachable(url), PUBLIC_SECRET if token is None else token)


def _configuration(uvicorn: ModuleType, app: Any) -> Any:
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_FAREWELL_SECONDS,
    )


def _announcing_server(uvicorn: ModuleType, configuration: Any, ready: threading.Event) -> Any:
    """A server that sets ``ready`` once it accepts requests."""

    class AnnouncingServer(uvicorn.Server):  # type: ignore[misc, name-defined]
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            ready.set()

    return AnnouncingServer(configuration)

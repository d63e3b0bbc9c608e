"""A server inside this process: for tests, notebooks and demonstrations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neptune_frames.server.serve import RunningServer, ServeOptions, run_in_thread
from neptune_frames.sources.archive.object_path import Location, open_location

__all__ = ["RunningServer", "serve_in_thread"]


@contextmanager
def serve_in_thread(
    data: str | Location,
    *,
    files: str | Path | None = None,
    token: str | None = None,
    token_lifetime: float = 3600.0,
    **state_options: Any,
) -> Iterator[RunningServer]:
    """Serve an archive on a free port of the loopback address while the context lasts.

    Args:
        data: The archive, as for `neptune-frames serve`.
        files: Directory of the file payloads; default: beside the data.
        token: The secret of the API token; default: the public one.
        token_lifetime: Seconds until an access token expires.
        state_options: Further fields of `neptune_frames.server.state.ServerState`, such as ``limits``.

    Yields:
        ``url`` and ``api_token``, to be set as ``NEPTUNE_API_TOKEN``.

    Example:
        >>> import tempfile, httpx
        >>> with tempfile.TemporaryDirectory() as empty, serve_in_thread(empty) as server:
        ...     httpx.get(f"{server.url}/api/backend/v1/clients/config", trust_env=False).status_code
        200
    """
    place = open_location(data) if isinstance(data, str) else data
    options = ServeOptions(
        place, None if files is None else Path(files), port=0, token=token, token_lifetime=token_lifetime
    )
    with run_in_thread(options, **state_options) as server:
        yield server

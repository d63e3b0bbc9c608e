"""HTTP clients: proxies, certificates, timeouts, and who we say we are."""

from __future__ import annotations

import os
import platform
import threading
import weakref
from collections.abc import Mapping

import httpx

from neptune_frames import config
from neptune_frames.errors import MissingDependencyError, NeptuneUserError
from neptune_frames.installation import library_version
from neptune_frames.sources.remote.large_reads import read_large_pieces
from neptune_frames.sources.remote.proxies import proxy_mounts

#: Those of this process, also of sources that objects of the user hold on to.
_all_connections: weakref.WeakSet[Connections] = weakref.WeakSet()


class Connections:
    """HTTP clients by scheme, made when first needed: loading certificates takes longer than most requests."""

    def __init__(
        self,
        proxies: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
        *,
        timeout: float | None = None,
        follow_redirects: bool = False,
    ) -> None:
        self._proxies = proxy_mounts(proxies)
        self._transport = transport
        self._timeout = timeout
        self._follow_redirects = follow_redirects
        self._start_anew()
        _all_connections.add(self)

    def send(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        client = self._client("https" if self._follow_redirects else request.url.scheme)
        # The client's default headers are merged only into requests it builds itself.
        for name, value in client.headers.items():
            request.headers.setdefault(name, value)
        request.extensions = {**request.extensions, "timeout": client.timeout.as_dict()}
        return client.send(request, stream=stream)

    def close(self) -> None:
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[str, httpx.Client] = {}

    def _client(self, scheme: str) -> httpx.Client:
        client = self._clients.get(scheme)
        if client is None:
            with self._lock:
                client = self._clients.get(scheme)
                if client is None:
                    client = self._clients[scheme] = self._open(scheme)
        return client

    def _open(self, scheme: str) -> httpx.Client:
        # Plain http verifies nothing, so it needs no certificates; it is used for http addresses only.
        verify = config.VERIFY_SSL.get() and scheme != "http"
        workers = config.MAX_WORKERS.get()
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=workers)
        timeout = config.HTTP_TIMEOUT.get() if self._timeout is None else self._timeout
        try:
            mounts = {
                pattern: None if url is None else httpx.HTTPTransport(proxy=url, verify=verify, limits=limits)
                for pattern, url in self._proxies.items()
            }
            client = httpx.Client(
                transport=self._transport,
                mounts=mounts,
                verify=verify,
                timeout=timeout,
                limits=limits,
                follow_redirects=self._follow_redirects,
                headers={"User-Agent": user_agent(), "Accept-Encoding": "gzip, deflate"},
            )
        except ImportError as error:
            raise MissingDependencyError("socksio", "A SOCKS proxy", "socks") from error
        except (ValueError, httpx.InvalidURL):
            # Not shown, nor chained: the address may hold a password.
            raise NeptuneUserError(
                "A proxy has an address that cannot be used. Write it as http://host:port, in proxies= or in "
                "HTTP_PROXY, HTTPS_PROXY and ALL_PROXY."
            ) from None
        read_large_pieces(client)
        return client


def user_agent() -> str:
    system = platform.system() or "unknown"
    return f"neptune-frames/{library_version()} (python={platform.python_version()}; os={system})"


def _after_fork() -> None:
    """On the connections of the parent, its answers would arrive here, and those to us there."""
    for connections in list(_all_connections):
        connections._start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

"""Requests through a real forward proxy: given to `ReadOnlyProject`, or taken from the environment."""

from __future__ import annotations

import socket
import sys
import threading
import traceback
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import neptune_query as nq
from fetcher_archive import PROJECT, write_example
from neptune_fetcher import ReadOnlyProject, ReadOnlyRun
from neptune_fetcher.util import NeptuneException
from neptune_frames.errors import MissingDependencyError
from neptune_frames.server.testing import RunningServer, serve_in_thread
from neptune_frames.sources.choose import close_sources

_HOP_BY_HOP = {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "content-length"}


class Proxy(ThreadingHTTPServer):
    """Forwards plain HTTP requests and opens tunnels, and notes what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_GET(self) -> None:
        self._forward()

    def do_POST(self) -> None:
        self._forward()

    def do_CONNECT(self) -> None:
        self.server.seen.append(f"CONNECT {self.path}")
        host, _, port = self.path.rpartition(":")
        try:
            upstream = socket.create_connection((host, int(port)), timeout=5)
        except OSError:
            self.send_error(502)
            return
        self.send_response(200)
        self.end_headers()
        back = threading.Thread(target=_pump, args=(upstream, self.connection), daemon=True)
        back.start()
        _pump(self.connection, upstream)
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass

    def _forward(self) -> None:
        """The request line of a proxied request names the whole URL."""
        target = urlsplit(self.path)
        self.server.seen.append(f"{self.command} {target.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        upstream = HTTPConnection(str(target.hostname), target.port or 80, timeout=10)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        upstream.request(self.command, f"{target.path}?{target.query}", body, headers)
        answer = upstream.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        upstream.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    server = Proxy()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    close_sources()
    yield server
    close_sources()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("proxied") / "data"
    write_example(data)
    with serve_in_thread(data) as running:
        yield running


@pytest.mark.parametrize("key", ["http", "http://", "all"])
def test_proxies_of_a_project(server: RunningServer, proxy: Proxy, key: str) -> None:
    project = ReadOnlyProject(PROJECT, server.api_token, proxies={key: proxy.url, "https": proxy.url})
    run = ReadOnlyRun(project, with_id="EX-1")
    assert run["params/lr"].fetch() == 0.001
    assert len(run["metrics/loss"].fetch_values()) == 3  # type: ignore[attr-defined]
    assert len(project.fetch_runs_df()) == 4
    paths = [seen.rpartition("/")[2] or seen.split("/")[-2] for seen in proxy.seen]
    assert paths == ["oauth-token", "get", "search", "query", "query", "float", "search"]
    before = len(proxy.seen)
    # Another project with the same token and other routes has connections of its own.
    ReadOnlyProject(PROJECT, server.api_token, proxies={})
    assert len(proxy.seen) == before


def test_proxies_as_requests_takes_them(server: RunningServer, proxy: Proxy) -> None:
    """Without a scheme, and with hosts that are reached directly."""
    bare = proxy.url.removeprefix("http://")
    ReadOnlyProject(PROJECT, server.api_token, proxies={"http": bare})
    asked = len(proxy.seen)
    assert asked > 0
    ReadOnlyProject(PROJECT, server.api_token, proxies={"http": bare, "no_proxy": "localhost, 127.0.0.1"})
    ReadOnlyProject(PROJECT, server.api_token, proxies={"http": bare, "no": "*"})
    ReadOnlyProject(PROJECT, server.api_token, proxies={"http": ""})
    assert len(proxy.seen) == asked
    ReadOnlyProject(PROJECT, server.api_token, proxies={"http": bare, "no_proxy": "elsewhere.example.org"})
    assert len(proxy.seen) > asked


def test_everything_direct_outranks_the_environment(
    server: RunningServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    ReadOnlyProject(PROJECT, server.api_token, proxies={"no_proxy": "*"})
    assert proxy.seen == []


@pytest.mark.parametrize("on_archive", [True, False])
def test_proxies_that_are_no_dictionary(
    on_archive: bool, server: RunningServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NEPTUNE_ARCHIVE", str(tmp_path))
    with pytest.raises(TypeError, match=r"proxies must be a dictionary .*got str\.$"):
        ReadOnlyProject(PROJECT, None if on_archive else server.api_token, "http://user:secret@proxy")  # type: ignore[arg-type]


@pytest.mark.parametrize("named_by", ["proxies", "environment"])
def test_socks_needs_an_extra(named_by: str, server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    close_sources()
    if named_by == "environment":
        monkeypatch.setenv("HTTP_PROXY", "socks5://127.0.0.1:9")
    proxies = {"http": "socks5://127.0.0.1:9"} if named_by == "proxies" else None
    with pytest.raises(MissingDependencyError, match=r"A SOCKS proxy needs socksio.*neptune-frames\[socks\]"):
        ReadOnlyProject(PROJECT, server.api_token, proxies)


def test_an_address_that_cannot_be_used_is_not_shown(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    close_sources()
    monkeypatch.setenv("HTTP_PROXY", "ftp://user:secret@proxy:1")
    with pytest.raises(NeptuneException, match="A proxy has an address that cannot be used") as caught:
        ReadOnlyProject(PROJECT, server.api_token)
    assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_https_goes_through_a_tunnel(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tunnel ends nowhere here: what counts is that it is asked for, and the name is not looked up locally."""
    from neptune_frames.server.api_tokens import make_api_token

    monkeypatch.setenv("NEPTUNE_FETCHER_RETRY_SOFT_TIMEOUT", "0")
    monkeypatch.setenv("NEPTUNE_FETCHER_RETRY_HARD_TIMEOUT", "0")
    token = make_api_token("https://neptune.invalid", "secret")
    with pytest.raises(NeptuneException, match="NeptuneRetryError"):
        ReadOnlyProject(PROJECT, token, proxies={"https": proxy.url})
    assert set(proxy.seen) == {"CONNECT neptune.invalid:443"}


def test_proxies_of_the_environment(server: RunningServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NEPTUNE_API_TOKEN", server.api_token)
    monkeypatch.setenv("NEPTUNE_PROJECT", PROJECT)
    assert nq.list_experiments() == ["gone", "tree_32", "tree_33"]
    assert len(proxy.seen) == 2
    assert ReadOnlyProject().project_identifier == PROJECT
    assert len(proxy.seen) == 3


def test_a_proxy_that_is_not_there(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPTUNE_FETCHER_RETRY_SOFT_TIMEOUT", "0")
    monkeypatch.setenv("NEPTUNE_FETCHER_RETRY_HARD_TIMEOUT", "0")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(NeptuneException, match="NeptuneRetryError"):
            ReadOnlyProject(PROJECT, server.api_token, proxies={"http": nowhere})

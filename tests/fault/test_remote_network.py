"""Real sockets on loopback: bodies cut short, connections reset, servers that trickle, forks."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from neptune_frames.errors import NeptuneRetryError, NeptuneUserError
from neptune_frames.query.selection import AttributeAlternative, AttributeSelector
from neptune_frames.sources.remote import RemoteSource, RetryPolicy

DEFINITIONS = b"/api/leaderboard/v1/leaderboard/attributes/definitions/query"
BODY = json.dumps({"entries": [{"name": "lr", "type": "float"}], "nextPage": {}}).encode()
EVERYTHING = AttributeSelector((AttributeAlternative(("float",)),))

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

Misbehaviour = Callable[[socket.socket], None]


def answer(body: bytes, *, length: int | None = None, media_type: str = "application/json") -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {size}\r\n\r\n".encode() + body


class LoopbackServer:
    """Speaks just enough HTTP; ``turns`` are what it does with each data request in turn, the last for ever."""

    def __init__(self) -> None:
        self.turns: list[Misbehaviour] = []
        self.data_requests = 0
        self.connections = 0
        self.closing = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def source(self, **policy: Any) -> RemoteSource:
        token = base64.b64encode(json.dumps({"api_url": self.address}).encode()).decode()
        return RemoteSource(token, retry_policy=RetryPolicy(sleep=lambda seconds: None, **policy))

    def close(self) -> None:
        self.closing.set()
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            try:
                while line := stream.readline():
                    path = line.split(b" ")[1]
                    length = 0
                    while (header := stream.readline()) not in (b"\r\n", b""):
                        if header.lower().startswith(b"content-length:"):
                            length = int(header.partition(b":")[2])
                    stream.read(length)
                    if path != DEFINITIONS:
                        connection.sendall(answer(self._tokens()))
                        continue
                    turn = self.turns[min(self.data_requests, len(self.turns) - 1)]
                    self.data_requests += 1
                    turn(connection)
                    if connection.fileno() < 0:
                        return
            except OSError:
                return

    def _tokens(self) -> bytes:
        claims = {"exp": time.time() + 3600, "iss": self.address, "azp": "stub"}
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        return json.dumps({"accessToken": f"e30.{payload}.s", "refreshToken": "r"}).encode()

    def trickle(self, connection: socket.socket) -> None:
        """Sends headers and one byte, then nothing until the test ends."""
        connection.sendall(answer(BODY)[: -len(BODY) + 1])
        self.closing.wait(30)


def well(connection: socket.socket) -> None:
    connection.sendall(answer(BODY))


def cut_short(connection: socket.socket) -> None:
    connection.sendall(answer(BODY[:-5], length=len(BODY)))
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def cut_short_in_chunks(connection: socket.socket) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"ent\r\n')
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


def garbage(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@pytest.fixture
def loopback() -> Iterator[LoopbackServer]:
    server = LoopbackServer()
    yield server
    server.close()


def ask(source: RemoteSource) -> list[str]:
    try:
        names: list[str] = source.definitions(["a/b"], None, EVERYTHING)["attribute"].to_pylist()
        return names
    finally:
        source.close()


@pytest.mark.parametrize("turn", [cut_short, cut_short_in_chunks, reset, garbage])
def test_a_broken_answer_is_asked_for_again(loopback, turn):
    loopback.turns = [turn, turn, well]
    assert ask(loopback.source()) == ["lr"]
    assert loopback.data_requests == 3


def test_a_server_that_trickles_runs_into_the_read_timeout(loopback, monkeypatch):
    monkeypatch.setenv("NEPTUNE_HTTP_REQUEST_TIMEOUT_SECONDS", "0.1")
    loopback.turns = [loopback.trickle, well]
    assert ask(loopback.source()) == ["lr"]


def test_where_nobody_listens_the_error_says_so(loopback):
    source = loopback.source(soft_timeout=0.0)
    loopback.close()
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    token = base64.b64encode(json.dumps({"api_url": f"http://127.0.0.1:{port}"}).encode()).decode()
    source = RemoteSource(token, retry_policy=RetryPolicy(soft_timeout=0.0, sleep=lambda seconds: None))
    with pytest.raises(NeptuneRetryError) as caught:
        ask(source)
    assert "last: no answer (ConnectError: " in str(caught.value)
    assert caught.value.__cause__ is not None


def test_connections_are_kept(loopback):
    loopback.turns = [well]
    source = loopback.source()
    for _ in range(5):
        source.definitions(["a/b"], None, EVERYTHING)
    source.close()
    assert loopback.connections == 1


def test_large_bodies_arrive_whole(loopback):
    names = [{"name": f"metrics/{index}", "type": "float"} for index in range(9_999)]
    body = json.dumps({"entries": names, "nextPage": {}}).encode()
    chunks = [body[start : start + 70_001] for start in range(0, len(body), 70_001)]
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    loopback.turns = [
        lambda connection: connection.sendall(answer(body)),
        lambda connection: connection.sendall(head + chunked),
    ]
    source = loopback.source()
    for _ in range(2):
        assert source.definitions(["a/b"], None, EVERYTHING).num_rows == 9_999
    source.close()


def test_proxies_are_used(loopback):
    """A forward proxy is asked with the whole address; the stub understands paths only, so it sees a strange one."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def serve() -> None:
            connection, _ = proxy.accept()
            with connection:
                seen.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        token = base64.b64encode(json.dumps({"api_url": "http://neptune.invalid"}).encode()).decode()
        source = RemoteSource(token, proxies={"http": f"http://127.0.0.1:{proxy.getsockname()[1]}"})
        with pytest.raises(Exception, match="rejected the API token"):
            ask(source)
        thread.join(5)
    assert seen[0].startswith(b"GET http://neptune.invalid/api/backend/v1/authorization/oauth-token ")


def test_https_to_a_server_that_speaks_plain_http_is_an_error_at_once():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        asked = []

        def refuse() -> None:
            with suppress(OSError):  # closed at the end of the test
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        asked.append(connection.recv(10_000))
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=refuse, daemon=True).start()
        address = f"https://127.0.0.1:{listening.getsockname()[1]}"
        token = base64.b64encode(json.dumps({"api_url": address}).encode()).decode()
        source = RemoteSource(token, retry_policy=RetryPolicy(sleep=lambda seconds: None))
        with pytest.raises(NeptuneUserError, match=rf"No secure connection to {address}.* http:// rather than"):
            ask(source)
        assert len(asked) == 1

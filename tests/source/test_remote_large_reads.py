"""Bodies are read in large pieces: httpx' way to it is private, so that a new release may change it unnoticed."""

from __future__ import annotations

import socket
import threading

import httpx

from neptune_frames.sources.remote.connections import Connections
from neptune_frames.sources.remote.large_reads import PIECE

BODY = bytes(range(256)) * 16 * 1024


def answer_once(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)


def test_pieces_are_as_large_as_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer_once, args=(listener,), daemon=True).start()
        connections = Connections()
        response = connections.send(httpx.Request("GET", f"http://127.0.0.1:{listener.getsockname()[1]}/"), stream=True)
        asked: list[int] = []
        stream = response.extensions["network_stream"]._stream
        read = stream.read
        stream.read = lambda size, timeout=None: (asked.append(size), read(size, timeout))[1]
        body = b"".join(response.iter_raw())
        connections.close()
    assert body == BODY
    assert set(asked) == {PIECE}

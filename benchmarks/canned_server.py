"""A server of precomputed answers: it costs next to nothing, so that only the clients are measured.

The first time a request is seen its answer is computed and kept; every later time the same bytes are sent.
Answers are protobuf whatever is asked for in Accept, as those of Neptune's servers, or, with ``--arrow``, in Arrow for
who asks for that, as those of ours. Bodies are kept as views, sockets are plain and blocking, one thread a connection.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks import canned_answers
from neptune_frames.wire.media_types import ARROW_STREAM, POINT_COLUMNS_HEADER, UNNEEDED_HEADER

_ROOT = Path(__file__).resolve().parent.parent


class Answer(NamedTuple):
    head: bytes
    body: bytes


class CannedServer:
    """Serves until the process ends. ``address`` is known once it is constructed."""

    def __init__(self, *, arrow: bool = False) -> None:
        self._arrow = arrow
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._answers: dict[bytes, Answer] = {}
        self._computing = threading.Lock()

    @property
    def api_token(self) -> str:
        return base64.b64encode(json.dumps({"api_address": self.address, "api_url": self.address}).encode()).decode()

    def serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb", buffering=1 << 20)
        while request_line := stream.readline():
            _, target, _ = request_line.split(b" ", 2)
            headers = {}
            while (header := stream.readline()) not in (b"\r\n", b""):
                name, _, value = header.decode().partition(":")
                headers[name.lower()] = value.strip()
            body = stream.read(int(headers.get("content-length", "0")))
            arrow = self._arrow and ARROW_STREAM in headers.get("accept", "")
            needs = [headers.get(name.lower(), "") if arrow else "" for name in (POINT_COLUMNS_HEADER, UNNEEDED_HEADER)]
            answer = self._answer(canned_answers.Asked(target.decode(), body, arrow, *needs))
            connection.sendall(answer.head)
            connection.sendall(answer.body)

    def _answer(self, asked: canned_answers.Asked) -> Answer:
        about = repr(asked._replace(body=b"")).encode()
        key = hashlib.blake2b(about + asked.body, digest_size=16).digest()
        answer = self._answers.get(key)
        if answer is None:
            with self._computing:
                answer = self._answers.get(key) or self._compute(asked)
            self._answers[key] = answer
        return answer

    def _compute(self, asked: canned_answers.Asked) -> Answer:
        media_type, content = canned_answers.answer(asked, self.address)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {len(content)}\r\n\r\n"
        return Answer(head.encode(), content)


def unsigned_token(address: str) -> str:
    """A JWT that never expires while a benchmark runs."""
    claims = {"exp": int(time.time()) + 86_400, "iss": f"{address}/auth/realms/bench", "azp": "bench"}
    parts: tuple[dict[str, object], ...] = ({"alg": "none", "typ": "JWT"}, claims, {})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


class RunningServer(NamedTuple):
    address: str
    api_token: str


@contextmanager
def running_server(*options: str) -> Iterator[RunningServer]:
    """A canned server in a process of its own, while the context lasts. ``options`` are those of its command."""
    command = [sys.executable, "-m", "benchmarks.canned_server", *options]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield RunningServer(*process.stdout.readline().split())
        finally:
            process.terminate()


if __name__ == "__main__":
    server = CannedServer(arrow="--arrow" in sys.argv[1:])
    print(server.address, server.api_token, flush=True)
    server.serve()

"""A stub server in memory: every request the source makes passes through `StubServer`."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from neptune_frames.sources.remote import RemoteSource, RetryPolicy

EXCHANGE = "/api/backend/v1/authorization/oauth-token"
REFRESH = "/realm/protocol/openid-connect/token"
LEADERBOARD = "/api/leaderboard/v1"
SEARCH = f"{LEADERBOARD}/proto/leaderboard/entries/search/"
DEFINITIONS = f"{LEADERBOARD}/leaderboard/attributes/definitions/query"
VALUES = f"{LEADERBOARD}/proto/leaderboard/attributes/query"
FLOATS = f"{LEADERBOARD}/proto/attributes/series/float"
OBJECTS = f"{LEADERBOARD}/proto/attributes/series"
BUCKETS = f"{LEADERBOARD}/proto/attributes/timeseries/buckets"
SIGN = "/api/storagebridge/v1/signedUrl"

ADDRESS = "http://stub.invalid"
Answer = Callable[[httpx.Request], httpx.Response]


def api_token(address: str = ADDRESS, **more: str) -> str:
    return base64.b64encode(json.dumps({"api_url": address, "api_key": "SECRET-KEY", **more}).encode()).decode()


def jwt(lifetime: float = 3600.0, **claims: Any) -> str:
    payload = {"exp": time.time() + lifetime, "iss": f"{ADDRESS}/realm", "azp": "stub", **claims}
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, payload)]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "signature"])


class Time:
    """A clock that waiting moves on, at once."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        self._lock = threading.Lock()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.waits.append(seconds)
            self.now += seconds


class StubServer:
    """Answers by path. ``requests`` holds what was asked; ``on`` sets an answer, or a list of them in turn."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.time = Time()
        self.lifetime = 3600.0
        self._answers: dict[str, Answer] = {EXCHANGE: self._exchange}
        self._issued = 0

    def on(self, path: str, *answers: Answer | httpx.Response | Exception) -> None:
        turn = iter(answers)
        last = answers[-1]
        lock = threading.Lock()

        def answer(request: httpx.Request) -> httpx.Response:
            with lock:
                current = next(turn, last)
            if isinstance(current, Exception):
                raise current
            return current if isinstance(current, httpx.Response) else current(request)

        self._answers[path] = answer

    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]

    def bodies(self, path: str) -> list[Any]:
        return [json.loads(request.content) for request in self.requests if request.url.path == path]

    def issue(self, **claims: Any) -> dict[str, str]:
        self._issued += 1
        return {"accessToken": jwt(self.lifetime, n=self._issued, **claims), "refreshToken": f"refresh-{self._issued}"}

    def source(self, **policy: Any) -> RemoteSource:
        times = {"sleep": self.time.sleep, "clock": self.time.clock, "random": lambda: 0.5}
        return RemoteSource(
            api_token(), transport=httpx.MockTransport(self._handle), retry_policy=RetryPolicy(**{**times, **policy})
        )

    def _handle(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self._answers.get(request.url.path)
        return httpx.Response(404, json={"errorType": "BAD_REQUEST"}) if answer is None else answer(request)

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={**self.issue(), "username": "u"})


@pytest.fixture
def server() -> StubServer:
    return StubServer()

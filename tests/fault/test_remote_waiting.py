"""Waits that somebody may want to end: what a consumer has done meanwhile, and Ctrl-C in a running lazy query."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import httpx
import pytest

import neptune_frames as nf
from neptune_frames.query.selection import AttributeAlternative, AttributeSelector, ContainerKind, RunQuery
from neptune_frames.sources import waiting
from neptune_frames.sources.remote.concurrency import fetch_ordered, shared_pool

SEARCH = "/api/leaderboard/v1/proto/leaderboard/entries/search/"
DEFINITIONS = "/api/leaderboard/v1/leaderboard/attributes/definitions/query"
EVERYTHING = AttributeSelector((AttributeAlternative(("float",)),))

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


class Enough(Exception):
    """What ends the waiting."""


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., httpx.Response]]:
    """An answer that does not come before the test is over."""
    monkeypatch.setattr("neptune_frames.sources.remote.concurrency.ATTENTION", 0.01)
    over = threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        over.wait(20)
        return httpx.Response(404)

    yield answer
    over.set()
    list(shared_pool().map(bool, range(100)))


def search(source: Any) -> object:
    return source.search(RunQuery("acme/vision", ContainerKind.RUN, None))


def definitions(source: Any) -> object:
    return source.definitions(["acme/vision"], None, EVERYTHING)


def attended(ask: Callable[[Any], object], source: Any) -> int:
    """Ask, and raise `Enough` when called the third time; gives how often that was."""
    calls = 0

    def attend() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Enough

    context = copy_context()
    context.run(waiting.attend.set, attend)
    with pytest.raises(Enough):
        context.run(ask, source)
    return calls


@pytest.mark.parametrize(("path", "ask"), [(SEARCH, search), (DEFINITIONS, definitions)])
def test_whoever_waits_for_an_answer_is_heard(server: Any, silence: Any, path: str, ask: Any) -> None:
    server.on(path, silence)
    assert attended(ask, server.source()) == 3


@pytest.mark.parametrize(("path", "ask"), [(SEARCH, search), (DEFINITIONS, definitions)])
@pytest.mark.usefixtures("silence")
def test_whoever_waits_for_another_try_is_heard_and_it_is_not_made(server: Any, path: str, ask: Any) -> None:
    server.on(path, httpx.Response(503, headers={"Retry-After": "100"}))
    # Not called: for time.sleep itself, the source waits in a way that ends with the task.
    assert attended(ask, server.source(sleep=time.sleep, clock=time.monotonic)) == 3
    list(shared_pool().map(bool, range(100)))
    assert server.paths().count(path) == 1


@pytest.mark.usefixtures("silence")
def test_results_in_order_are_waited_for_attentively() -> None:
    begun, over = threading.Event(), threading.Event()
    tasks: list[Callable[[], object]] = [begun.set, lambda: over.wait(20)]
    results = fetch_ordered(tasks)

    def ask(_: object) -> object:
        return list(results)

    try:
        assert attended(ask, None) == 3
        assert begun.is_set()
    finally:
        over.set()


_SCRIPT = """
import os, signal, sys, threading
import httpx
import neptune_frames as nf
from neptune_frames.sources.remote import RemoteSource

def answer(request):
    # Somebody presses Ctrl-C while the server does not answer.
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait()

def interrupted():
    os.write(1, b"interrupted")
    os._exit(0)

source = RemoteSource(sys.argv[1], transport=httpx.MockTransport(answer))
points = nf.scan_metrics(project="ws/proj", experiments="", attributes=["loss"], source=source)
try:
    try:
        points.collect(engine=sys.argv[2])
    except KeyboardInterrupt:
        interrupted()
except KeyboardInterrupt:
    # Polars raises one, and then Python does, which took note of the same Ctrl-C.
    interrupted()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter there")
@pytest.mark.parametrize("engine", ["streaming", "in-memory"])
def test_control_c_ends_a_lazy_query_that_waits(engine: str) -> None:
    token = "eyJhcGlfdXJsIjogImh0dHA6Ly9zdHViLmludmFsaWQifQ=="  # {"api_url": "http://stub.invalid"}
    environment = {**os.environ, "PYTHONPATH": str(Path(nf.__file__).parents[1])}
    script = [sys.executable, "-c", _SCRIPT, token, engine]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "interrupted"

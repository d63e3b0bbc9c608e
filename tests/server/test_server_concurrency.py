"""Many clients at once get the answers that one gets."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from neptune_frames.server.testing import RunningServer, serve_in_thread
from server.small_archive import PROJECT, series_request, write_small_archive

L = "/api/leaderboard/v1"
RUNS = [f"{PROJECT}/VIS-{number}" for number in (1, 2, 3, 99)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serve_in_thread(write_small_archive(tmp_path_factory.mktemp("busy"))) as running:
        yield running


def test_parallel_requests_agree_with_single_ones(server: RunningServer, connect: Any) -> None:
    client: httpx.Client = connect(server)
    questions: list[tuple[str, Any]] = [
        (f"{L}/proto/attributes/series/float", series_request(*[(run, "loss") for run in RUNS], limit=limit))
        for limit in (1, 3, 7, 100)
    ]
    questions += [
        (f"{L}/proto/leaderboard/entries/search/?projectIdentifier={PROJECT}", {"pagination": {"limit": limit}})
        for limit in (1, 2)
    ]
    questions += [
        (
            f"{L}/leaderboard/attributes/definitions/query",
            {"projectIdentifiers": [PROJECT], "nextPage": {"limit": limit}},
        )
        for limit in (1, 5)
    ]
    questions.append((f"{L}/proto/attributes/series", series_request((RUNS[0], "log"), (RUNS[0], "long"))))

    def ask(question: tuple[str, Any]) -> tuple[int, bytes]:
        answer = client.post(question[0], json=question[1])
        return answer.status_code, answer.content

    alone = [ask(question) for question in questions]
    assert {status for status, _ in alone} == {200}
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(ask, questions * 6))
    assert together == alone * 6


def test_parallel_token_exchanges(server: RunningServer) -> None:
    headers = {"X-Neptune-Api-Token": server.api_token}
    url = f"{server.url}/api/backend/v1/authorization/oauth-token"

    def exchange(_: int) -> str:
        return str(httpx.get(url, headers=headers, trust_env=False).json()["accessToken"])

    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(exchange, range(16)))
    assert len(set(tokens)) == 16
    for token in tokens:
        server.state.authority.check_bearer(f"Bearer {token}")

"""The official clients keep reading while their access tokens expire."""

from __future__ import annotations

from pathlib import Path

import pytest

from compat.conftest import FETCHER_SETUP, QUERY_SETUP
from compat.peer_process import PeerProcess
from neptune_frames.server.auth import Authority, TokenPair
from neptune_frames.server.testing import serve_in_thread

pytestmark = pytest.mark.compat

#: Clients refresh 30 seconds before expiry, so that such a token is refreshed before every request.
LIFETIME = 20.0


@pytest.fixture
def refreshes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The refresh tokens that were honoured."""
    seen: list[str] = []
    honest = Authority.refresh

    def refresh(self: Authority, refresh_token: str, base_url: str) -> TokenPair:
        pair = honest(self, refresh_token, base_url)
        seen.append(refresh_token)
        return pair

    monkeypatch.setattr(Authority, "refresh", refresh)
    return seen


@pytest.mark.parametrize("client", ["query", "fetcher"])
def test_expiring_tokens_are_refreshed(
    client: str, request: pytest.FixtureRequest, shared_data: Path, refreshes: list[str]
) -> None:
    fixture, setup, call = {
        "query": ("official_python", QUERY_SETUP, "nq.list_experiments(project='nanogpt/speedrun')"),
        "fetcher": (
            "official_fetcher_python",
            FETCHER_SETUP,
            "list(ReadOnlyProject('nanogpt/speedrun').list_experiments())",
        ),
    }[client]
    python = request.getfixturevalue(fixture)
    with serve_in_thread(shared_data / "speedrun-small", token="s3cret", token_lifetime=LIFETIME) as server:
        with PeerProcess(python, environment={"NEPTUNE_API_TOKEN": server.api_token}, setup=setup) as peer:
            for _ in range(2):
                result = peer.call(call)["result"]
                assert result["kind"] == "list", result
                assert result["items"]
        with PeerProcess(
            python, environment={"NEPTUNE_API_TOKEN": server.api_token[:-8] + "AAAAAAA="}, setup=setup
        ) as peer:
            assert peer.call(call)["result"]["kind"] == "error"
    assert refreshes

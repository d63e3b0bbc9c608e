"""Clients of a server under test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from neptune_frames.server.testing import RunningServer, serve_in_thread
from server.small_archive import write_small_archive

TOKEN_PATH = "/api/backend/v1/authorization/oauth-token"

Connect = Callable[[RunningServer], httpx.Client]


def access_token(server: RunningServer) -> str:
    answer = httpx.get(f"{server.url}{TOKEN_PATH}", headers={"X-Neptune-Api-Token": server.api_token}, trust_env=False)
    assert answer.status_code == 200
    return str(answer.json()["accessToken"])


@pytest.fixture(scope="session")
def connect() -> Iterator[Connect]:
    """``connect(server)`` gives an httpx client that carries a valid access token."""
    clients: list[httpx.Client] = []

    def make(server: RunningServer) -> httpx.Client:
        headers = {"Authorization": f"Bearer {access_token(server)}"}
        clients.append(httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=60))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope="session")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server over the small archive."""
    with serve_in_thread(write_small_archive(tmp_path_factory.mktemp("small"))) as server:
        yield server


@pytest.fixture(scope="session")
def client(small_server: RunningServer, connect: Connect) -> httpx.Client:
    return connect(small_server)


@pytest.fixture(scope="session")
def empty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server over an empty directory."""
    with serve_in_thread(tmp_path_factory.mktemp("empty")) as server:
        yield server


@pytest.fixture(scope="session")
def empty_api(empty_server: RunningServer, connect: Connect) -> httpx.Client:
    return connect(empty_server)


@pytest.fixture(scope="session")
def api(data_server: RunningServer, connect: Connect) -> httpx.Client:
    """A client of our server over the real data sets."""
    return connect(data_server)


@pytest.fixture
def data_directory(tmp_path: Path) -> Path:
    """An empty data directory of the test's own."""
    directory = tmp_path / "data"
    directory.mkdir()
    return directory

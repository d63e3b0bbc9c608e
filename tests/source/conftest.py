"""The example project of `fetcher_archive`, as neptune_fetcher reads it from both sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fetcher_archive import PROJECT, write_example
from neptune_fetcher import ReadOnlyProject

if TYPE_CHECKING:
    from neptune_frames.server.testing import RunningServer


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("example") / "data"
    write_example(directory)
    return directory


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[RunningServer]:
    testing = pytest.importorskip("neptune_frames.server.testing")
    with testing.serve_in_thread(data) as running:
        yield running


@pytest.fixture(params=["server", "archive"])
def project(request: pytest.FixtureRequest, data: Path, server: RunningServer) -> ReadOnlyProject:
    if request.param == "server":
        return ReadOnlyProject(PROJECT, server.api_token)
    return ReadOnlyProject(PROJECT, source=data)

"""The official clients as peers: a running process of each, pointed at our server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from compat.peer_process import PeerProcess

if TYPE_CHECKING:
    from neptune_frames.server.testing import RunningServer

#: What the peer's namespace holds. The same lines with our drop-ins make the other side of a comparison.
QUERY_SETUP = """
import neptune_query as nq
from neptune_query import runs as nq_runs
from neptune_query.filters import Attribute, AttributeFilter, Filter
"""
FETCHER_SETUP = """
from neptune_fetcher import ReadOnlyProject, ReadOnlyRun
"""


@pytest.fixture(scope="session")
def query_peer(official_python: Path, data_server: RunningServer) -> Iterator[PeerProcess]:
    """The official neptune-query, reading both data sets from our server."""
    environment = {"NEPTUNE_API_TOKEN": data_server.api_token}
    with PeerProcess(official_python, environment=environment, setup=QUERY_SETUP) as peer:
        yield peer


@pytest.fixture(scope="session")
def fetcher_peer(official_fetcher_python: Path, data_server: RunningServer) -> Iterator[PeerProcess]:
    """The official neptune-fetcher, reading both data sets from our server."""
    environment = {"NEPTUNE_API_TOKEN": data_server.api_token}
    with PeerProcess(official_fetcher_python, environment=environment, setup=FETCHER_SETUP) as peer:
        yield peer


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many calls gave what the official clients give: tests say so with ``record_property``."""
    compared: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        module = Path(report.location[0]).stem
        compared[module] += dict(report.user_properties).get("compared_calls", 0)
    for module, count in sorted((+compared).items()):
        terminalreporter.write_line(f"{module}: {count:,} calls compared with the official client")

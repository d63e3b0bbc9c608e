"""The official clients as peers: their interpreters, and a running process of each, pointed at our server."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from compat.peer_process import PeerProcess

if TYPE_CHECKING:
    from neptune_frames.server.testing import RunningServer

_REPOSITORY = Path(__file__).resolve().parents[2]

#: What the peer's namespace holds. The same lines with our drop-ins make the other side of a comparison.
QUERY_SETUP = """
import neptune_query as nq
from neptune_query import runs as nq_runs
from neptune_query.filters import Attribute, AttributeFilter, Filter
"""
FETCHER_SETUP = """
from neptune_fetcher import ReadOnlyProject, ReadOnlyRun
"""


#: Read when this file is loaded: later, each test runs without the caller's NEPTUNE_ variables.
_CHOSEN = {name: value for name, value in os.environ.items() if name.startswith("NEPTUNE_FRAMES_OFFICIAL_")}


def _interpreter(variable: str, environment: str) -> Path:
    python = Path(_CHOSEN.get(variable) or _REPOSITORY / ".venvs" / environment / "bin" / "python")
    if not python.is_file():
        pytest.skip(f"no official client at {python}; `make peers` installs it, or {variable} names an interpreter")
    return python


@pytest.fixture(scope="session")
def official_python() -> Path:
    """Interpreter of an environment with the official neptune-query."""
    return _interpreter("NEPTUNE_FRAMES_OFFICIAL_PYTHON", "neptune-query")


@pytest.fixture(scope="session")
def official_fetcher_python() -> Path:
    """Interpreter of an environment with the official neptune-fetcher."""
    return _interpreter("NEPTUNE_FRAMES_OFFICIAL_FETCHER_PYTHON", "neptune-fetcher")


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

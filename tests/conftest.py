"""Fixtures that every test may use."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from neptune_frames.server.testing import RunningServer

_SHARED = Path(os.environ.get("NEPTUNE_FRAMES_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--plain-servers",
        action="store_true",
        help="our servers speak what those of Neptune do: protobuf and JSON, and none of the headers of ours",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--plain-servers"):
        from neptune_frames.server import state
        from neptune_frames.wire.media_types import ARROW_STREAM, negotiate

        patch = pytest.MonkeyPatch()
        patch.setattr(
            state,
            "negotiate",
            lambda accept, offered: negotiate(accept, [each for each in offered if each != ARROW_STREAM]),
        )
        patch.setattr(state, "REQUEST_FORMATS_HEADER", "X-Not-Known-To-Neptune")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The directory of real data sets (`lineage`, `speedrun-small`); skips where it is absent."""
    data = _SHARED / "data"
    if not data.is_dir():
        pytest.skip(f"no data sets at {data}; set NEPTUNE_FRAMES_SHARED to the directory that holds data/")
    return data


@pytest.fixture(scope="session")
def shared_spec() -> Path:
    """The user's documents; skips where they are absent."""
    spec = _SHARED / "spec"
    if not spec.is_dir():
        pytest.skip(f"the specification is not at {spec}; set NEPTUNE_FRAMES_SHARED to the directory that holds spec/")
    return spec


@pytest.fixture(scope="session", autouse=True)
def _no_catalog_cache() -> Iterator[None]:
    """Nothing is written to the user's cache, by fixtures that live longer than a test either."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEPTUNE_FRAMES_CACHE", "off")
        yield


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on the caller's tokens, projects, archives or proxies."""
    for name in list(os.environ):
        if name.startswith("NEPTUNE_") and name != "NEPTUNE_FRAMES_SHARED":
            monkeypatch.delenv(name)
        if name.lower() in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NEPTUNE_FRAMES_CACHE", "off")


@pytest.fixture(scope="session")
def data_server(shared_data: Path) -> Iterator[RunningServer]:
    """Our server over both data sets, in this process: ``url``, ``api_token``, ``state``."""
    from neptune_frames.errors import NeptuneWarning
    from neptune_frames.server.testing import serve_in_thread

    with serve_in_thread(shared_data) as server:
        with warnings.catch_warnings():
            # The lineage set holds leftovers of an unfinished export on purpose; the first look says so.
            warnings.simplefilter("ignore", NeptuneWarning)
            server.state.source.projects()
        yield server


#: Read when this file is loaded: later, each test runs without the caller's NEPTUNE_ variables.
_CHOSEN = {name: value for name, value in os.environ.items() if name.startswith("NEPTUNE_FRAMES_OFFICIAL_")}


def _interpreter(variable: str, environment: str) -> Path:
    python = Path(
        _CHOSEN.get(variable) or Path(__file__).resolve().parents[1] / ".venvs" / environment / "bin" / "python"
    )
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

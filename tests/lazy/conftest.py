"""One archive, asked directly and through a server that notes what it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from neptune_frames.archives.converting import convert
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.remote import RemoteSource
from scan_data import Ledger, noting_server, write_archive

pytest.importorskip("starlette")


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("scans"))


@pytest.fixture(scope="session")
def _served(archive: Path) -> Iterator[tuple[str, Ledger]]:
    with noting_server(archive) as served:
        yield served


@pytest.fixture(scope="session")
def sources(
    archive: Path, _served: tuple[str, Ledger], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """Both sources, by name; of archives, both layouts."""
    remote = RemoteSource(_served[0])
    batches = tmp_path_factory.mktemp("batches")
    convert(archive, batches, progress_bar=False)
    yield {"archive": ArchiveSource(archive), "batches": ArchiveSource(batches), "server": remote}
    remote.close()


@pytest.fixture
def ledger(_served: tuple[str, Ledger]) -> Ledger:
    _served[1].wait()  # for what a test before left under way
    _served[1].clear()
    return _served[1]


@pytest.fixture(params=["archive", "server"])
def source(request: pytest.FixtureRequest, sources: dict[str, Any]) -> Any:
    return sources[request.param]

"""Wide by `nf.pivot` is wide as fetched, on real data: odd steps, forks, NaN, runs without points; both sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from polars.testing import assert_frame_equal

import neptune_frames as nf
from neptune_frames.sources.choose import close_sources

if TYPE_CHECKING:
    from neptune_frames.server.testing import RunningServer

pytestmark = pytest.mark.filterwarnings("ignore::neptune_frames.errors.NeptuneWarning")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_sources()


@pytest.mark.parametrize("options", [{"include_time": "absolute"}, {"experiments": "", "runs": None}])
def test_a_pivot_is_what_is_fetched(shared_data: Path, data_server: RunningServer, options: dict[str, Any]) -> None:
    question = {"project": "synthetic/lineage", "runs": "", **options}
    for source in (shared_data / "lineage", data_server.api_token):
        fetched = nf.fetch_metrics(**question, source=source).collect()
        assert fetched.height > 100
        assert_frame_equal(nf.pivot(nf.scan_metrics(**question, source=source)).collect(), fetched)

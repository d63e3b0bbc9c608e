"""The shared data sets in the layout "neptune-frames", converted once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest

from neptune_frames.errors import NeptuneWarning
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.writing.exporting import export

DATASETS = {"lineage": "synthetic/lineage", "speedrun-small": "nanogpt/speedrun"}


@dataclass(frozen=True)
class BothLayouts:
    """One data set as it was exported, and converted to our layout."""

    project: str
    exported: Path
    converted: Path


@pytest.fixture(scope="session", params=["lineage", pytest.param("speedrun-small", marks=pytest.mark.slow)])
def both(request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> BothLayouts:
    project, exported = DATASETS[request.param], shared_data / request.param
    converted = tmp_path_factory.mktemp("converted") / request.param
    with warnings.catch_warnings():
        # The lineage set holds leftovers of an unfinished export on purpose.
        warnings.simplefilter("ignore", NeptuneWarning)
        export(converted, project=project, source=ArchiveSource(exported), progress_bar=False)
    return BothLayouts(project, exported, converted)

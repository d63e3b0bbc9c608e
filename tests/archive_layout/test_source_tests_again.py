"""The tests of the archive source once more, on archives converted to our layout.

What is about files of the exporter's layout (damage, physical variants, freshness) has tests of its own here
or there.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import warnings
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from neptune_frames.errors import NeptuneWarning
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.archive.batch_layout import is_archive
from neptune_frames.writing.exporting import export
from neptune_frames.writing.own_layout import prepare_archive

pytestmark = pytest.mark.filterwarnings("ignore::neptune_frames.errors.NeptuneWarning")

_SOURCES = Path(__file__).parents[1] / "source"
_room = tempfile.TemporaryDirectory(prefix="neptune-frames-again-")
_numbers = itertools.count()


class Converted(ArchiveSource):
    """A source over the conversion of the archive that is named."""

    def __init__(self, data: Any, files: Any = None) -> None:
        target = Path(_room.name) / str(next(_numbers))
        prepare_archive(target)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NeptuneWarning)
            exported = ArchiveSource(data, files)
            projects = exported.projects()["project"].to_pylist()
            if projects:
                export(target, project=projects, source=exported, progress_bar=False)
        assert is_archive(target)
        super().__init__(target)


@pytest.fixture(scope="module", autouse=True)
def _cleared() -> Iterator[None]:
    yield
    _room.cleanup()


def again(name: str) -> ModuleType:
    """A module of tests, its sources over converted archives."""
    spec = spec_from_file_location(f"{name}_again", _SOURCES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ArchiveSource = Converted  # type: ignore[attr-defined]
    return module


generated, runs, stitching, datasets = (
    again(f"test_archive_{name}") for name in ("generated", "runs", "stitching", "datasets")
)
lineage, speedrun, expected = datasets.lineage, datasets.speedrun, datasets.expected


class TestRows(generated.TestRows):
    test_unknown_types_are_named_once_and_left_out = None
    test_a_project_in_two_directories_is_read_once = None
    test_wide_points_are_read_some_bytes_at_a_time = None
    test_object_series = None  # paths of files are new
    test_large_steps_are_correctly_rounded = None  # looks into the files


class TestIdentity(runs.TestIdentity):
    test_no_archive = None
    test_two_projects_in_one_directory_are_refused = None


class TestOrder(runs.TestOrder):
    pass


class TestForks(runs.TestForks):
    pass


class TestPages(generated.TestPages):
    pass


class TestEmptyAnswers(generated.TestEmptyAnswers):
    test_a_part_without_rows = None


test_random_families = pytest.mark.slow(stitching.test_points_and_summaries)


class TestLineage(datasets.TestLineage):
    test_leftovers_are_named_once_and_are_no_runs = None
    test_the_fetcher_lists_every_run_that_is_not_trashed = None
    test_series_of_files_and_histograms = None  # paths of files are new


@pytest.mark.slow
class TestSpeedrun(datasets.TestSpeedrun):
    pass

"""Archives in processes that were forked: a clear error instead of waiting for ever for threads that are gone."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from archive_layout_small import PROJECT, write_small_run
from neptune_frames.errors import ArchiveError, ForkedProcessError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

#: Prints how the child fared. Its own process, since a fork of pytest would bring pytest's threads into it.
_SCRIPT = """
import os, signal, sys
import neptune_query as nq
from neptune_fetcher import ReadOnlyProject, ReadOnlyRun

{before}
child = os.fork()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
signal.alarm(30)  # A child that waits for ever ends here, and the test fails.
try:
    print({question}, flush=True)
except Exception as error:
    print(f"{{type(error).__name__}}: {{error}}", flush=True)
os._exit(0)
"""
_SORT = "import polars; polars.DataFrame({'a': [2, 1]}).sort('a')"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("archive")
    write_small_run(root, 1, points=3)
    return root


def child_of(archive: Path, before: str, question: str = "nq.list_experiments()") -> str:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(before=before, question=question)],
        env={**os.environ, "NEPTUNE_ARCHIVE": str(archive), "NEPTUNE_PROJECT": PROJECT, "PYTHONPATH": _python_path()},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def _python_path() -> str:
    return os.pathsep.join(path for path in sys.path if path)


def test_a_child_of_a_process_that_read_an_archive_is_told() -> None:
    error = ForkedProcessError()
    assert isinstance(error, ArchiveError)
    assert "spawn" in str(error)
    assert "forkserver" in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # A pool sends it to the parent.


@pytest.mark.parametrize("before", ["nq.list_experiments()", _SORT])
def test_the_child_does_not_wait_for_ever(archive: Path, before: str) -> None:
    assert child_of(archive, before).startswith("ForkedProcessError: Archives and lazy frames cannot be read in")


def test_handles_that_were_opened_before_the_fork_say_so_too(archive: Path) -> None:
    before = "run = ReadOnlyRun(ReadOnlyProject(), custom_id='run-1')"
    assert "\nForkedProcessError: Archives" in child_of(archive, before, "run['m/a'].fetch_values()")


@pytest.mark.parametrize("question", ["nf.scan_metrics(runs='').collect()", "nf.scan_runs(runs='').collect()"])
def test_scans_say_so_when_they_are_made(archive: Path, question: str) -> None:
    """When they are collected, Polars waits before it asks anyone who could say so."""
    child = child_of(archive, "import neptune_frames as nf; nf.list_runs()", question)
    assert child.startswith("ForkedProcessError: Archives and lazy frames")


@pytest.mark.parametrize("before", ["", "import polars"])
def test_a_fork_before_polars_was_used_is_harmless(archive: Path, before: str) -> None:
    assert child_of(archive, before) == "['exp-1']\n"

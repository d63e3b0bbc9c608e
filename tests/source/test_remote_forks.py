"""Servers in processes that were forked from one that has asked already: what was open there is not shared."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fetcher_archive import PROJECT
from neptune_frames.server.testing import RunningServer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

#: Prints whether forked processes answer as their parent. `project` keeps its source across the fork.
_SCRIPT = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
import neptune_query.runs as nr
from neptune_fetcher import ReadOnlyProject

project = ReadOnlyProject()

def ask(_):
    return len(nr.fetch_metrics(runs=None, attributes=None)), project.fetch_runs_df(columns=["metrics/acc"]).shape

first = ask(0)
with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("fork")) as pool:
    answers = set(pool.map(ask, range(40), timeout=45))
print(first[0] > 0 and answers == {first})
"""


def test_forked_processes_read_what_their_parent_reads(server: RunningServer) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        env={
            **os.environ,
            "NEPTUNE_API_TOKEN": server.api_token,
            "NEPTUNE_PROJECT": PROJECT,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr

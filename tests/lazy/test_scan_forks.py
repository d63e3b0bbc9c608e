"""Scans in processes that were forked: making one is an error, since collecting it would wait for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scan_data import PROJECT

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

#: Its own process, since a fork of pytest would bring pytest's threads into it.
_SCRIPT = """
import os, signal, sys
import neptune_frames as nf

archive, project = sys.argv[1:]
given = {{"project": project, "runs": "", "source": archive}}
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


def child_of(archive: Path, before: str, question: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(before=before, question=question), str(archive), PROJECT],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("question", ["nf.scan_runs(**given)", 'nf.sql("select * from metrics", **given)'])
def test_making_a_scan_in_a_child_is_an_error(archive: Path, question: str) -> None:
    told = child_of(archive, "nf.scan_runs(**given).collect()", question)
    assert told.startswith("ForkedProcessError: A lazy frame cannot be made in this process: it was forked")


def test_a_child_of_a_process_that_had_not_used_polars_can_scan(archive: Path) -> None:
    assert child_of(archive, "", "nf.scan_runs(**given).collect().height") == "8\n"

"""Exports that are killed: whenever it happens, the archive shows whole batches, and ends the same."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archive_content import assert_same, content
from export_projects import PROJECT, tree, write_one, write_project
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.archive.batch_layout import committed_batches, project_directory, read_manifest
from neptune_frames.sources.archive.object_path import sha256_of
from neptune_frames.writing.layouts import LAYOUTS, Layout

#: An export in batches of three runs; every write to disk takes a moment, so that a kill can come at any of them.
_EXPORT = """
import os, sys, time
from neptune_frames.writing import collecting, durable
collecting.BATCH_RUNS, collecting._FIRST_RUNS = 3, 2
def slowly(call):
    def slow(*arguments):
        time.sleep(0.004)
        return call(*arguments)
    return slow
os.fsync, os.rename, os.replace = map(slowly, (os.fsync, os.rename, os.replace))
import neptune_frames as nf
print("ready", flush=True)
source, kept, project, layout, update = sys.argv[1:]
nf.export(kept, project=project, source=source, layout=layout, update=update == "update")
"""


def _export(source: Path, kept: Path, layout: Layout, *, update: bool = False, kill_after: float | None = None) -> bool:
    """Run an export in a process of its own, and kill it some time after it began. Whether it came to its end."""
    arguments = [str(source), str(kept), PROJECT, layout, "update" if update else "new"]
    command = [sys.executable, "-W", "ignore", "-c", _EXPORT, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if kill_after is not None:
            try:
                process.wait(kill_after)
            except subprocess.TimeoutExpired:
                process.kill()
        status = process.wait()
    assert status in (0, -9)
    return status == 0


def _check_shown(kept: Path) -> int:
    """Everything that an archive of ours shows is whole. Gives the number of runs."""
    runs = 0
    for _, batch in committed_batches(project_directory(kept, PROJECT)):
        manifest = read_manifest(batch)
        runs += manifest.runs
        assert manifest.files
        for entry in manifest.files:
            assert sha256_of(batch / entry.path) == entry.sha256
    return runs


def _kill_until_done(source: Path, kept: Path, layout: Layout, *, update: bool = False) -> int:
    moments = random.Random(7)
    kills, started = 0, time.monotonic()
    # What an undisturbed export takes is not known beforehand: the time that is allowed grows.
    while not _export(source, kept, layout, update=update, kill_after=moments.uniform(0.0, 0.4 + kills / 10)):
        kills += 1
        if layout == "neptune-frames":
            _check_shown(kept)
        assert time.monotonic() - started < 600
    return kills


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_kills_at_any_moment_change_nothing(layout: Layout, tmp_path: Path) -> None:
    source = write_project(tmp_path / "exporter", range(15))
    assert _export(source, tmp_path / "undisturbed", layout)
    kills = _kill_until_done(source, tmp_path / "kept", layout)
    assert kills > 2, "no export was killed"
    assert tree(tmp_path / "kept") == tree(tmp_path / "undisturbed")
    assert_same(
        content(ArchiveSource(source), PROJECT, tmp_path / "one"),
        content(ArchiveSource(tmp_path / "kept"), PROJECT, tmp_path / "two"),
    )


@pytest.mark.slow
def test_kills_during_updates_lose_and_repeat_nothing(tmp_path: Path) -> None:
    source, kept = write_project(tmp_path / "exporter", range(9)), tmp_path / "kept"
    assert _export(source, kept, "neptune-frames")
    for number in range(12):
        write_one(source, number, steps=25 + number, more={"round": 2})
    kills = _kill_until_done(source, kept, "neptune-frames", update=True)
    assert kills > 1, "no export was killed"
    assert_same(
        content(ArchiveSource(source), PROJECT, tmp_path / "one"),
        content(ArchiveSource(kept), PROJECT, tmp_path / "two"),
    )

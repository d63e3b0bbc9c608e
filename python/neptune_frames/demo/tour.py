"""The tour of ``make demo``: the same metrics through three faces, from a server and from an archive."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent

from neptune_fetcher.util import NeptuneWarning
from neptune_frames.counted import counted
from neptune_frames.demo.archive import PROJECT, write_archive
from neptune_frames.demo.picture import draw_curves
from neptune_frames.server.testing import serve_in_thread

#: What is shown is what is run: each face with the lines a user would type.
FACES = {
    "neptune_query: scripts for the documented pandas frames run as they are": """\
import neptune_query as nq

print(nq.fetch_metrics(experiments="width-32 & !cooled", attributes=["val/loss"], tail_limit=2))
""",
    "neptune_fetcher: so do scripts for ReadOnlyProject and ReadOnlyRun": """\
from neptune_fetcher import ReadOnlyProject, ReadOnlyRun

run = ReadOnlyRun(ReadOnlyProject(), custom_id="{fork}")
print(run["config/learning_rate"].fetch(), "inherits", len(run["val/loss"].fetch_values()), "points, the last:")
print(run["val/loss"].fetch_values(step_range=(480, None)))
""",
    "neptune_frames: lazy Polars frames for new analysis": """\
import neptune_frames as nf
import polars as pl

losses = nf.scan_metrics(experiments="spirals", attributes=["val/loss"])
print(
    losses.group_by("experiment")
    .agg(pl.col("value").min().alias("best val/loss"), pl.col("step").get(pl.col("value").arg_min()).alias("at step"))
    .sort("best val/loss")
    .head(5)
    .collect()
)
""",
}

NEXT = """\
The curves: {picture}

What to try next:
  export NEPTUNE_ARCHIVE={output} NEPTUNE_PROJECT={project}   # then run a script of your own, unchanged
  {bin}/python -c 'import neptune_query as nq; print(nq.list_experiments())'
  {bin}/neptune-frames serve {output}   # the same over HTTP, for others
"""
NEXT_IN_CLONE = """\
  make bench   # how it compares with the official clients
"""
_CLONE = Path(__file__).resolve().parents[3]


def give_tour(output: Path) -> None:
    """Make the archive below ``output``, read it in every way, and draw it."""
    print(
        f"Training a sweep: a dozen runs that learn to tell two spirals apart, and two forks. Writing to {output} ..."
    )
    runs = write_archive(output)
    fork = next(run.run_id for run in runs if run.parent)
    points = sum(len(steps) for run in runs for steps in run.steps.values())
    print(f"{counted(len(runs), 'run')}, {counted(points, 'point')}.\n")
    with serve_in_thread(output) as server:
        _show_faces(f"from the server at {server.url}", {"NEPTUNE_API_TOKEN": server.api_token}, fork)
    _show_faces(f"from the files in {output}", {"NEPTUNE_ARCHIVE": str(output)}, fork)
    with _environment({"NEPTUNE_ARCHIVE": str(output)}):
        picture = draw_curves(output / "curves.png")

    following = NEXT + (NEXT_IN_CLONE if (_CLONE / "Makefile").is_file() and (_CLONE / "benchmarks").is_dir() else "")
    print(
        following.format(
            output=output, project=PROJECT, picture=picture, python=sys.executable, bin=Path(sys.executable).parent
        )
    )


def _show_faces(where: str, environment: dict[str, str], fork: str) -> None:
    with _environment(environment):
        for title, code in FACES.items():
            code = code.replace("{fork}", fork)
            print(f"--- {title} ({where})\n")
            print(indent(code, "    | "))
            with warnings.catch_warnings():
                # ReadOnlyRun warns of types it cannot read, which the sweep's report file is.
                warnings.simplefilter("ignore", NeptuneWarning)
                exec(compile(code, f"<{title.partition(':')[0]}>", "exec"), {})
            print()


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Only these of the variables that choose a source, and the demo's project."""
    before = dict(os.environ)
    for name in ("NEPTUNE_API_TOKEN", "NEPTUNE_ARCHIVE"):
        os.environ.pop(name, None)
    os.environ.update(variables, NEPTUNE_PROJECT=PROJECT)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)

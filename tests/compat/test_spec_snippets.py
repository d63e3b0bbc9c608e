"""Every snippet of the guide "Query metric values", word for word, on the runs it speaks of.

The code and the frames printed below it are read from the document. An archive made here holds its
experiments, so that nothing is adapted: kittiwake_week-1 and its fork, and seagull-week1. The snippets run
against the archive and against a server of it. What a frame prints is compared cell by cell.

Two printouts of the guide cannot come out as printed: an archive holds no previews, and the first printed bucket
is open on the left, where a point may lie. Sub-columns and metrics are compared by name: the guide
prints them in an order that no release of the official package has given.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from neptune_frames.errors import NeptuneUnexpectedResponseError
from neptune_frames.server.testing import serve_in_thread
from neptune_frames.sources.choose import close_sources
from neptune_frames.writing.exporter_layout import float_series_rows, parameter_rows, write_run

PROJECT = "birds/migration"
GUIDE = "query-metric-values.md"

_STARTED = datetime(2025, 8, 29, 9, 18, 27, 866_000, tzinfo=timezone.utc)
_LOSS = [0.31, 0.30, 0.27, 0.28, 0.26]
_ACCURACY = [0.95, 0.96, 0.97, 0.98, 0.99]
_LOSS_AFTER_FORK = [0.23, 0.20, 0.17, 0.16]
#: The points that are not finite are in no bucket, but make the printed range.
_TRAIN_LOSS = (
    [0.0, 0.766337, 200.435899, 400.798869, 600.856616, 800.522183, 1000.0],
    [np.nan, 46.899769, 42.001229, 10.429626, 20.633254, 6.084259, np.nan],
)
_TRAIN_ACCURACY = (
    [0.629231, 200.825488, 400.640794, 600.033832, 800.019450],
    [29.418603, 11.989595, 10.276835, 0.927636, 39.666397],
)


@dataclass(frozen=True)
class Snippet:
    """A code block of the guide, the line it starts at, and the printout below it, if there is one."""

    line: int
    code: str
    printed: str | None

    def run(self, namespace: dict[str, Any]) -> Any:
        """Run it; its value is that of the last statement, assigned or not."""
        module = ast.parse(self.code)
        last = module.body[-1]
        if isinstance(last, ast.Expr):
            module.body[-1] = ast.copy_location(ast.Assign([ast.Name("_", ast.Store())], last.value), last)
        name = module.body[-1].targets[0].id if isinstance(module.body[-1], ast.Assign) else None
        exec(compile(ast.fix_missing_locations(module), f"{GUIDE}:{self.line}", "exec"), namespace)
        return None if name is None else namespace[name]


@dataclass(frozen=True)
class Printed:
    """Rows of a printed frame: labels of the index as text, cells as text."""

    index: list[tuple[str, ...]]
    cells: list[list[str]]


def snippets(guide: str) -> list[Snippet]:
    """The Python blocks; an output block counts to the Python block just above it."""
    found: list[Snippet] = []
    for match in re.finditer(r"^( *)```(\w+)\n(.*?)^ *```$", guide, re.MULTILINE | re.DOTALL):
        text = textwrap.dedent(match.group(3))
        if match.group(2) == "py":
            found.append(Snippet(guide.count("\n", 0, match.start()) + 2, text, None))
        else:
            found[-1] = Snippet(found[-1].line, found[-1].code, text)
    return found


def read_printed(text: str) -> Printed:
    """A printed frame whose first level is printed once; cells are two or more blanks apart."""
    lines = text.rstrip().splitlines()
    header = next(number for number, line in enumerate(lines) if re.match(r"(experiment +step|bucket)\b", line))
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines[header + 1 :]]
    if lines[header].startswith("bucket"):
        return Printed([(row[0],) for row in rows], [row[1:] for row in rows])
    experiment, *first = rows[0]
    return Printed([(experiment, row[0]) for row in (first, *rows[1:])], [row[1:] for row in (first, *rows[1:])])


def write_archive(root: Path) -> None:
    steps = np.arange(1.0, 6.0)
    times = [_STARTED + timedelta(milliseconds=9 * step) for step in range(1, 6)]
    _write(
        root,
        "kittiwake_week-1",
        {"loss": (steps, _LOSS, times), "accuracy": (steps, _ACCURACY, times)}
        | {f"metrics/m_{number}": (steps[: 5 - number], _LOSS[: 5 - number]) for number in range(2)},
    )
    fork = {("sys/forking/parent", "string"): "kittiwake_week-1", ("sys/forking/step", "float"): 5.0}
    _write(root, "kittiwake_week-2", {"loss": (np.arange(6.0, 10.0), _LOSS_AFTER_FORK)}, fork)
    _write(root, "seagull-week1", {"train/loss": _TRAIN_LOSS, "train/accuracy": _TRAIN_ACCURACY})


def _write(
    root: Path, name: str, series: dict[str, tuple[Any, ...]], extra: dict[tuple[str, str], Any] | None = None
) -> None:
    system = {
        "sys/id": f"BIR-{name}",
        "sys/name": name,
        "sys/custom_run_id": name,
        "sys/experiment/name": name,
        "sys/experiment/is_head": True,
        "sys/creation_time": _STARTED,
    }
    write_run(root / "data", PROJECT, name, [parameter_rows({**system, **(extra or {})}), float_series_rows(series)])


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("birds")
    write_archive(root)
    return root


@pytest.fixture(scope="module")
def server_token(archive: Path) -> Iterator[str]:
    with serve_in_thread(archive) as server:
        yield server.api_token


@pytest.fixture(params=["archive", "server"])
def source(
    request: pytest.FixtureRequest, archive: Path, server_token: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    monkeypatch.setenv("NEPTUNE_PROJECT", PROJECT)
    if request.param == "archive":
        monkeypatch.setenv("NEPTUNE_ARCHIVE", str(archive))
    else:
        monkeypatch.setenv("NEPTUNE_API_TOKEN", server_token)
    yield
    close_sources()


@pytest.fixture
def guide(shared_spec: Path) -> list[Snippet]:
    return snippets((shared_spec / GUIDE).read_text())


@pytest.mark.usefixtures("source")
@pytest.mark.filterwarnings("ignore::neptune_frames.warnings.ExperimentalWarning")
def test_every_snippet_runs_and_prints_its_frame(guide: list[Snippet]) -> None:
    namespace: dict[str, Any] = {}
    compared = refused = 0
    for snippet in guide:
        if 'float("-inf")' in snippet.code:
            with pytest.raises(NeptuneUnexpectedResponseError):
                snippet.run(namespace)
            refused += 1
            continue
        frame = snippet.run(namespace)
        if snippet.printed is not None:
            compare(frame, snippet)
            compared += 1
    assert (len(guide), compared, refused) == (12, 8, 1)
    assert namespace["last_step"] == 5.0


def compare(frame: pd.DataFrame, snippet: Snippet) -> None:
    printed = read_printed(snippet.printed or "")
    if "include_point_previews" in snippet.code:
        # The sixth row is a preview, and the value at step 2 belongs to another metric of the guide.
        assert list(frame.columns.get_level_values(1)) == ["value", "is_preview", "preview_completion"]
        assert not frame["loss", "is_preview"].any()
        assert [f"{cell:.6f}" for cell in frame["loss", "preview_completion"]] == [row[1] for row in printed.cells[:-1]]
    elif "fetch_metric_buckets" in snippet.code:
        order = [("seagull-week1", f"train/{metric}", axis) for metric in ("loss", "accuracy") for axis in "xy"]
        assert frame.columns.names == ["experiment", "metric", "bucket"]
        assert [str(label) for label in frame.index] == [printed.index[0][0].replace("(", "[")] + [
            label for (label,) in printed.index[1:]
        ]
        assert [[f"{cell:.6f}" for cell in row] for row in frame[order].to_numpy()] == printed.cells
    else:
        assert frame.index.names == ["experiment", "step"]
        assert [(label, f"{step:.1f}") for label, step in frame.index] == printed.index
        assert [[_text(cell) for cell in row] for row in _as_printed(frame).itertuples(index=False)] == printed.cells


def _as_printed(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns in the order of the guide: metrics as asked for, sub-columns by name."""
    if frame.columns.nlevels == 2:
        return frame.sort_index(axis=1)
    return frame[sorted(frame.columns, key=["loss", "accuracy"].index)]


def _text(cell: Any) -> str:
    return f"{cell:.2f}" if isinstance(cell, float) else cell.isoformat(sep=" ", timespec="microseconds")

"""Random families of forked runs against the rule of lineage written out point by point."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    RunQuery,
    SeriesOptions,
)
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.writing.exporter_layout import float_series_rows, parameter_rows, write_run

PROJECT = "ws/proj"
NAMES = ("m", "n")

steps = st.integers(0, 12).map(lambda n: n / 2)
series = st.dictionaries(steps, st.floats(-10, 10), max_size=6)


@st.composite
def families(draw: st.DrawFn) -> list[dict[str, Any]]:
    return [
        {
            "parent": draw(st.none() | st.integers(0, number - 1)) if number else None,
            "fork": draw(steps),
            "experiment": draw(st.sampled_from([None, "e", "f"])),
            "series": {name: draw(series) for name in NAMES},
        }
        for number in range(draw(st.integers(1, 5)))
    ]


def stitched(runs: list[dict[str, Any]], number: int, name: str, options: SeriesOptions) -> list[tuple[float, float]]:
    points = dict(runs[number]["series"][name])
    limit, current = math.inf, runs[number]
    while current["parent"] is not None and (options.lineage or options.kind is ContainerKind.EXPERIMENT):
        limit = min(limit, current["fork"])
        current = runs[current["parent"]]
        same = current["experiment"] is not None and current["experiment"] == runs[number]["experiment"]
        if options.lineage or same:
            for step, value in current["series"][name].items():
                if step <= limit:
                    points.setdefault(step, value)
    low, high = options.step_range
    kept = [
        (step, value)
        for step, value in sorted(points.items())
        if (low is None or step >= low) and (high is None or step <= high)
    ]
    return kept if options.tail_limit is None else kept[len(kept) - min(options.tail_limit, len(kept)) :]


def write(root: Path, runs: list[dict[str, Any]]) -> None:
    for number, run in enumerate(runs):
        parameters: dict[str, Any] = {"sys/id": f"S-{number}"}
        if run["experiment"] is not None:
            parameters["sys/name"] = run["experiment"]
        if run["parent"] is not None:
            parameters |= {"sys/forking/parent": f"run-{run['parent']}", "sys/forking/step": run["fork"]}
        columns = {name: (list(points), list(points.values())) for name, points in run["series"].items()}
        write_run(root, PROJECT, f"run-{number}", [parameter_rows(parameters), float_series_rows(columns)])


@settings(deadline=None, max_examples=25)
@given(
    families(),
    st.builds(
        SeriesOptions,
        kind=st.sampled_from(ContainerKind),
        step_range=st.tuples(st.none() | steps, st.none() | steps),
        tail_limit=st.none() | st.integers(0, 4),
        lineage=st.booleans(),
    ),
)
def test_points_and_summaries(runs: list[dict[str, Any]], options: SeriesOptions) -> None:
    with tempfile.TemporaryDirectory() as directory:
        write(Path(directory), runs)
        source = ArchiveSource(directory)
        found = source.search(RunQuery(PROJECT, ContainerKind.RUN)).runs
        number_of = [int(run_id.removeprefix("run-")) for run_id in found["run_id"].to_pylist()]
        assert sorted(number_of) == list(range(len(runs)))
        points: dict[tuple[int, str], list[tuple[float, float]]] = {}
        for batch in source.float_points(SeriesKeys(found, pa.array(NAMES)), options):
            for row in batch.to_pylist():
                pairs = [(point["step"], point["value"]) for point in row["points"]]
                points.setdefault((number_of[row["run"]], NAMES[row["attribute"]]), []).extend(pairs)
        expected = {
            (number, name): stitched(runs, number, name, options) for number in range(len(runs)) for name in NAMES
        }
        assert points == {key: value for key, value in expected.items() if value}
        selector = AttributeSelector((AttributeAlternative(("float_series",)),))
        whole = {
            (number, name): stitched(runs, number, name, SeriesOptions())
            for number in range(len(runs))
            for name in NAMES
        }
        summaries = {}
        for _, batch in source.values(found, selector):
            for row in batch.to_pylist():
                key = (number_of[row["run"]], row["attribute"])
                summaries[key] = (row["last_step"], row["value"], row["min"], row["max"])
        assert summaries == {
            key: (*value[-1], min(v for _, v in value), max(v for _, v in value))
            for key, value in whole.items()
            if value
        }
        for row_number, number in enumerate(number_of):
            held = source.definitions([PROJECT], found.slice(row_number, 1), selector)["attribute"].to_pylist()
            assert held == [name for name in NAMES if whole[number, name]]

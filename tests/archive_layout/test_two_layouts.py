"""The same data in both layouts: equal answers to every question."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from neptune_frames.errors import NeptuneWarning
from neptune_frames.query.attributes import KNOWN_TYPES
from neptune_frames.query.expressions import And, Comparison, Exists, Expression, Not, Operand
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    NamePattern,
    RunQuery,
    SeriesOptions,
    SortKey,
)
from neptune_frames.sources.archive import ArchiveSource, series
from neptune_frames.sources.base import FileRequest, SeriesKeys

from .conftest import BothLayouts

#: The data sets are converted once, by one worker.
pytestmark = pytest.mark.xdist_group("both layouts")

EVERYTHING = AttributeSelector((AttributeAlternative(KNOWN_TYPES),))
SERIES_TYPES = ("string_series", "histogram_series", "file_series")


@dataclasses.dataclass(frozen=True)
class Pair:
    exported: ArchiveSource
    converted: ArchiveSource
    project: str

    def runs(self, kind: ContainerKind = ContainerKind.RUN) -> pa.Table:
        return self.exported.search(RunQuery(self.project, kind)).runs

    def each(self) -> tuple[ArchiveSource, ArchiveSource]:
        return self.exported, self.converted

    def names(self, *types: str) -> pa.Array:
        found = self.exported.definitions([self.project], None, AttributeSelector((AttributeAlternative(types),)))
        return found["attribute"].combine_chunks().unique()


@pytest.fixture(scope="module")
def pair(both: BothLayouts) -> Iterator[Pair]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NeptuneWarning)
        found = Pair(ArchiveSource(both.exported), ArchiveSource(both.converted), both.project)
        found.runs()
    return found


def cells(batches: Iterable[tuple[str, Any]]) -> dict[tuple[str, int, str], str]:
    """Values by type, run and attribute, as text, so that NaN equals NaN; of files what is not their new name."""
    found = {}
    for attribute_type, batch in batches:
        for row in batch.to_pylist():
            key = attribute_type, row.pop("run"), row.pop("attribute")
            assert key not in found
            if isinstance(row["value"], list):
                row["value"].sort()
            elif isinstance(row["value"], dict):
                row["value"].pop("path", None)
            found[key] = repr(row)
    return found


def points(batches: Iterable[pa.RecordBatch]) -> dict[tuple[int, int], str]:
    found: dict[tuple[int, int], list[Any]] = {}
    for batch in batches:
        for row in batch.to_pylist():
            for point in row["points"]:
                if point.get("file"):
                    point["file"].pop("path")
                found.setdefault((row["run"], row["attribute"]), []).append(point)
    for listed in found.values():
        steps = [point["step"] for point in listed]
        assert all(np.diff(steps) > 0)
    return {key: repr(value) for key, value in found.items()}


def test_projects(pair: Pair) -> None:
    for column in ("project", "uuid"):
        first, second = (source.projects()[column].to_pylist() for source in pair.each())
        assert first == second


FILTERS: list[Expression | None] = [
    None,
    And((Exists(Operand("val/loss", "float_series")), Comparison(Operand("sys/failed", "bool"), "==", "False"))),
    Comparison(Operand("val/loss", "float_series", "last"), "<", "3.28"),
    Comparison(Operand("loss", "float_series", "variance"), ">", "0.01"),
    Not(Comparison(Operand("sys/name", "string"), "MATCHES", "alpha|2025")),
]


@pytest.mark.parametrize("kind", list(ContainerKind))
@pytest.mark.parametrize("filter_", FILTERS, ids=str)
def test_searches(pair: Pair, kind: ContainerKind, filter_: Expression | None) -> None:
    names = ["sys/creation_time", "sys/tags", "val/loss", "loss", "sys/name"]
    for sort in (SortKey(), SortKey("val/loss", "float_series", True, "average"), SortKey("sys/name", "string", False)):
        for page in ({}, {"limit": 5, "offset": 2}):
            query = RunQuery(pair.project, kind, filter_, sort=sort, **page)
            first, second = (source.search(query, names) for source in pair.each())
            assert first.runs.equals(second.runs)
            assert first.total == second.total
            assert cells(first.values.items()) == cells(second.values.items())


def test_definitions(pair: Pair) -> None:
    runs = pair.runs()
    patterned = AttributeSelector(
        (AttributeAlternative(KNOWN_TYPES, patterns=(NamePattern(("loss|sys/",), ("val",)),)),)
    )
    for some in (None, runs.slice(0, 1), runs.slice(3, 7), runs):
        for selector in (EVERYTHING, patterned):
            first, second = (source.definitions([pair.project], some, selector) for source in pair.each())
            assert first.equals(second)
            assert first.num_rows


def test_values(pair: Pair) -> None:
    for runs in (pair.runs(), pair.runs().slice(2, 5), pair.runs(ContainerKind.EXPERIMENT)):
        first, second = (cells(source.values(runs, EVERYTHING)) for source in pair.each())
        assert first == second
        assert first


OPTIONS = [
    SeriesOptions(),
    SeriesOptions(ContainerKind.EXPERIMENT, include_time=True, include_previews=True),
    SeriesOptions(step_range=(2.0, 90.5)),
    SeriesOptions(step_range=(None, 20.0), tail_limit=3),
    SeriesOptions(step_range=(55.0, None), tail_limit=2, include_time=True),
    SeriesOptions(tail_limit=1),
    SeriesOptions(tail_limit=1, lineage=False, include_time=True),
    SeriesOptions(ContainerKind.EXPERIMENT, tail_limit=40, lineage=False),
    SeriesOptions(lineage=False, step_range=(1e9, 1e10)),
]


@pytest.mark.parametrize("options", OPTIONS, ids=range(len(OPTIONS)))
def test_float_points(pair: Pair, options: SeriesOptions) -> None:
    names = pair.names("float_series")
    chosen = names if options.tail_limit or pair.project == "synthetic/lineage" else names.slice(0, 4)
    keys = SeriesKeys(pair.runs(options.kind), pa.concat_arrays([chosen, pa.array(["no such series"])]))
    first, second = (points(source.float_points(keys, options)) for source in pair.each())
    assert first == second


def test_pairs_of_series(pair: Pair) -> None:
    runs, names = pair.runs(), pair.names("float_series")
    chosen = np.random.default_rng(0).integers(0, [[runs.num_rows], [len(names)]], (2, 300)).astype(np.int32)
    run, attribute = np.unique(chosen, axis=1)
    keys = SeriesKeys(runs, names, (run, attribute))
    first, second = (points(source.float_points(keys, SeriesOptions(tail_limit=5))) for source in pair.each())
    assert first == second
    assert first


@pytest.mark.parametrize("at_once", [1, 100])
def test_reads_are_cut_between_series(pair: Pair, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(series, "_POINTS_PER_READ", at_once)
    keys = SeriesKeys(pair.runs().slice(0, 6), pair.names("float_series").slice(0, 6))
    options = SeriesOptions(step_range=(None, 300.0))
    first, second = (points(source.float_points(keys, options)) for source in pair.each())
    assert first == second


@pytest.mark.parametrize("attribute_type", SERIES_TYPES)
@pytest.mark.parametrize("options", [SeriesOptions(), SeriesOptions(tail_limit=2, step_range=(None, 50.0))], ids=[0, 1])
def test_object_points(pair: Pair, attribute_type: str, options: SeriesOptions) -> None:
    keys = SeriesKeys(pair.runs(), pair.names(attribute_type))
    first, second = (points(source.object_points(keys, options)) for source in pair.each())
    assert first == second
    assert first or options.tail_limit


@pytest.mark.parametrize("options", [SeriesOptions(), SeriesOptions(step_range=(5.0, 70.0), lineage=False)], ids=[0, 1])
def test_buckets(pair: Pair, options: SeriesOptions) -> None:
    keys = SeriesKeys(pair.runs(), pair.names("float_series").slice(0, 5))
    first, second = (source.buckets(keys, options, 17) for source in pair.each())
    assert repr(first.to_pylist()) == repr(second.to_pylist())


@pytest.mark.parametrize("descending", [False, True])
def test_pages(pair: Pair, descending: bool) -> None:
    keys = SeriesKeys(pair.runs().slice(0, 10), pair.names("float_series").slice(0, 5))
    after = np.where(np.arange(len(keys)) % 2, 20.0, np.nan)
    first, second = (
        source.series_page(keys, SeriesOptions(), limit=7, descending=descending, after=after) for source in pair.each()
    )
    assert repr(first.to_pylist()) == repr(second.to_pylist())


def test_runs_are_found(pair: Pair) -> None:
    runs = pair.runs()
    first, second = (source.run_uuids(runs) for source in pair.each())
    assert first.equals(second)
    identifiers = [f"{pair.project}/{one}" for one in runs["sys_id"].to_pylist()[:3]]
    identifiers += [f"CUSTOM/{pair.project}/{one}" for one in runs["run_id"].to_pylist()[:3]]
    identifiers += [*first.to_pylist()[:2], "nothing", f"{pair.project}/X-0"]
    one, other = (source.find_runs(identifiers) for source in pair.each())
    assert one.runs.equals(other.runs)
    assert one.positions.tolist() == other.positions.tolist()
    ids = [*runs["run_id"].to_pylist()[:3], "no such run"]
    assert pair.exported.resolve_custom_ids(pair.project, ids).equals(
        pair.converted.resolve_custom_ids(pair.project, ids)
    )


def test_files(pair: Pair, tmp_path: Path) -> None:
    files = AttributeSelector((AttributeAlternative(("file", "file_series")),))
    fetched = []
    for number, source in enumerate(pair.each()):
        rows = [
            (kind, row["run"], row["attribute"], row["value"])
            for kind, batch in source.values(pair.runs(), files)
            for row in batch.to_pylist()
        ]
        rows.sort(key=lambda row: row[:3])
        targets = [tmp_path / f"{number}-{at}" for at in range(len(rows))]
        requests = [FileRequest(pair.project, row[3]["path"], None, to) for row, to in zip(rows, targets, strict=True)]
        there = source.fetch_files(requests, progress=False)
        content = [to.read_bytes() if found else None for to, found in zip(targets, there, strict=True)]
        fetched.append([(row[:3], one) for row, one in zip(rows, content, strict=True)])
        for row, found in zip(rows, there, strict=True):
            assert (source.payload(pair.project, row[3]["path"]) is not None) == found
    assert fetched[0] == fetched[1]
    assert any(content for _, content in fetched[0])

"""Whatever a query says, a scan gives what it gives on the eager frame: in both engines, from both sources."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import neptune_frames as nf
from scan_data import PROJECT
from scan_predicates import predicates

FEW, MANY = (
    settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    for examples in (4, 15)
)
ENGINES = ("in-memory", "streaming")
ARGUMENTS = {"project": PROJECT, "runs": ""}
TABLE = {"attributes": "config|flag|when|labels|mixed|loss"}
SCANS: dict[str, Callable[[Any], pl.LazyFrame]] = {
    "metrics": lambda source: nf.scan_metrics(source=source, include_time="absolute", **ARGUMENTS),
    "tails": lambda source: nf.scan_metrics(
        source=source, project=PROJECT, experiments="exp", tail_limit=4, step_range=(1, None)
    ),
    "listed": lambda source: nf.scan_metrics(
        source=source, project=PROJECT, runs=["run-1", "run-4", "none"], attributes=["train/loss", "none"]
    ),
    "table": lambda source: nf.scan_table(source=source, type_suffix=True, **TABLE, **ARGUMENTS),
    "attributes": lambda source: nf.scan_attributes(source=source, **ARGUMENTS),
    "series": lambda source: nf.scan_series(source=source, include_time="absolute", **ARGUMENTS),
    "buckets": lambda source: nf.scan_buckets(source=source, limit=3, **ARGUMENTS),
    "runs": lambda source: nf.scan_runs(source=source, **ARGUMENTS),
}
#: Scans whose rows come in a promised order.
ORDERED = ("table", "runs", "buckets")


@cache
def truth(name: str, source: Any) -> pl.DataFrame:
    """The frame of an eager call, or of one made from eager answers, in the columns of the scan."""
    if name == "metrics":
        eager = nf.fetch_metrics(source=source, include_time="absolute", **ARGUMENTS).long().collect()
    elif name == "tails":
        eager = nf.fetch_metrics(
            source=source, project=PROJECT, experiments="exp", tail_limit=4, step_range=(1, None)
        ).long().collect()  # fmt: skip
    elif name == "listed":
        eager = nf.fetch_metrics(
            source=source, project=PROJECT, runs=["run-1", "run-4", "none"], attributes=["train/loss", "none"]
        ).long().collect()  # fmt: skip
    elif name == "table":
        eager = nf.fetch_table(source=source, **TABLE, **ARGUMENTS).collect(type_suffix=True)
    elif name == "series":
        eager = nf.fetch_series(source=source, include_time="absolute", **ARGUMENTS).collect()
    elif name == "buckets":
        eager = nf.fetch_buckets(source=source, limit=3, **ARGUMENTS).collect()
    else:
        eager = SCANS[name](source).collect(engine="in-memory")
    return eager


def rows(frame: pl.DataFrame) -> list[str]:
    """The rows as a multiset; text, so that NaN equals NaN."""
    return sorted(map(repr, frame.rows()))


def check(name: str, query: Callable[[pl.LazyFrame], pl.LazyFrame], source: Any, engine: str) -> None:
    got, expected = query(SCANS[name](source)).collect(engine=engine), query(truth(name, source).lazy()).collect()
    assert got.schema == expected.schema
    if name in ORDERED:
        assert got.equals(expected, null_equal=True)
    else:
        assert rows(got) == rows(expected)


@pytest.mark.parametrize("name", SCANS)
def test_a_scan_is_the_eager_frame(name: str, source: Any) -> None:
    for engine in ENGINES:
        check(name, lambda lazy: lazy, source, engine)
    assert truth(name, source).height > 5
    assert SCANS[name](source).collect_schema() == truth(name, source).schema


def check_conditions(name: str, sources: dict[str, Any], data: st.DataObject) -> None:
    source = sources[data.draw(st.sampled_from(sorted(sources)))]
    schema = truth(name, source).schema
    filters = data.draw(st.lists(predicates(tuple(schema.items())), min_size=1, max_size=2))
    columns = data.draw(st.lists(st.sampled_from(schema.names()), unique=True, min_size=1, max_size=4))
    project_first = data.draw(st.booleans())

    def query(lazy: pl.LazyFrame) -> pl.LazyFrame:
        for each in filters:
            lazy = lazy.filter(each)
        return lazy.select(columns) if project_first else lazy.select(columns).unique(maintain_order=True)

    check(name, query, source, data.draw(st.sampled_from(ENGINES)))


def check_slices(name: str, sources: dict[str, Any], data: st.DataObject) -> None:
    """A slice takes some rows of the frame, and conditions after it are about these."""
    source = sources[data.draw(st.sampled_from(sorted(sources)))]
    eager = truth(name, source)
    before, after = (data.draw(predicates(tuple(eager.schema.items())) | st.none()) for _ in range(2))
    offset, length = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 30))
    engine = data.draw(st.sampled_from(ENGINES))
    if name in ORDERED:

        def query(lazy: pl.LazyFrame) -> pl.LazyFrame:
            lazy = (lazy if before is None else lazy.filter(before)).slice(offset, length)
            return lazy if after is None else lazy.filter(after)

        check(name, query, source, engine)
        return
    lazy = SCANS[name](source)
    allowed = eager if before is None else eager.filter(before)
    sliced = (lazy if before is None else lazy.filter(before)).slice(offset, length)
    got = (sliced if after is None else sliced.filter(after)).collect(engine=engine)
    if after is None:
        assert got.height == allowed.slice(offset, length).height
    left = rows(allowed if after is None else allowed.filter(after))
    for row in rows(got):
        left.remove(row)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", SCANS)
def test_rows_count_where_no_column_is_needed(name: str, engine: str, source: Any) -> None:
    for query in (
        lambda lazy: lazy.with_row_index("row").select("row"),
        lambda lazy: lazy.with_row_index("row").filter(pl.col("row") < 3).select("row"),
        lambda lazy: lazy.head(4).with_row_index("row").select(pl.col("row").max()),
        lambda lazy: lazy.select(pl.int_range(pl.len())),
        lambda lazy: lazy.filter(pl.lit(False)).with_row_index("row").select("row"),
        lambda lazy: lazy.select(pl.len()),
    ):
        check(name, query, source, engine)


@FEW
@given(data=st.data())
@pytest.mark.parametrize("name", SCANS)
def test_conditions_and_projections(name: str, sources: dict[str, Any], data: st.DataObject) -> None:
    check_conditions(name, sources, data)


@FEW
@given(data=st.data())
@pytest.mark.parametrize("name", SCANS)
def test_slices(name: str, sources: dict[str, Any], data: st.DataObject) -> None:
    check_slices(name, sources, data)


@pytest.mark.slow
@MANY
@given(data=st.data())
@pytest.mark.parametrize("name", SCANS)
def test_many_queries(name: str, sources: dict[str, Any], data: st.DataObject) -> None:
    check_conditions(name, sources, data)
    check_slices(name, sources, data)

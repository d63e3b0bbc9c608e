"""Exact labels and names from anywhere: lists, columns, generators, frames; and none of them, which selects nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import neptune_frames as nf
from scan_data import PROJECT, Ledger

GIVEN: dict[str, Callable[[list[str]], Any]] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "keys": lambda texts: dict.fromkeys(texts).keys(),
    "generator": iter,
    "numpy": np.array,
    "objects": lambda texts: np.array(texts, dtype=object),
    "polars": pl.Series,
    "categories": lambda texts: pl.Series(texts, dtype=pl.Categorical),
    "pandas": pd.Series,
    "index": pd.Index,
    "arrow": pa.array,
    "chunks": lambda texts: pa.chunked_array([texts]),
}
FRAMES: dict[str, Callable[[list[str]], Any]] = {
    "frame": lambda texts: pl.DataFrame({"any": texts}, schema={"any": pl.String}),
    "lazy": lambda texts: pl.LazyFrame({"step": len(texts), "run": [*texts, *texts, None]}),
}
SCANS: dict[str, Any] = {
    "metrics": nf.scan_metrics,
    "series": nf.scan_series,
    "attributes": nf.scan_attributes,
    "buckets": nf.scan_buckets,
    "runs": nf.scan_runs,
    "table": lambda **given: nf.scan_table(type_suffix=True, **given),
}


@pytest.mark.parametrize("form", [*GIVEN, *FRAMES])
def test_labels_come_in_any_form(source: Any, form: str) -> None:
    chosen = {**GIVEN, **FRAMES}[form](["run-1", "run-6", "nobody"])
    found = nf.scan_metrics(project=PROJECT, runs=chosen, attributes=["val/loss"], source=source).collect()
    assert set(found["run"]) == {"run-1", "run-6"}


@pytest.mark.parametrize("form", GIVEN)
def test_names_of_attributes_come_in_any_form(source: Any, form: str) -> None:
    for ask in (nf.scan_metrics, nf.fetch_metrics):
        chosen = GIVEN[form](["val/loss", "train/acc", "nothing"])
        found = ask(project=PROJECT, runs=["run-1"], attributes=chosen, source=source)
        assert set(getattr(found, "long", lambda f=found: f)().collect()["attribute"]) == {"val/loss", "train/acc"}


def test_a_generator_is_enough_for_all_tables_of_a_query(source: Any) -> None:
    query = "select count(*) from metrics join run_table using (run)"
    runs, names = iter(["run-1", "run-2"]), iter(["val/loss", "flag"])
    assert nf.sql(query, project=PROJECT, runs=runs, attributes=names, source=source).collect().item() == 2 * 4


@pytest.mark.parametrize("nobody", [[], (), pl.Series([], dtype=pl.String), pl.LazyFrame(schema={"run": pl.String})])
@pytest.mark.parametrize("name", SCANS)
def test_no_labels_select_nothing(sources: dict[str, Any], ledger: Ledger, name: str, nobody: Any) -> None:
    source = sources["server"]
    everything = SCANS[name](project=PROJECT, runs="", source=source)
    ledger.clear()
    scan = SCANS[name](project=PROJECT, runs=nobody, source=source)
    found = scan.collect()
    assert found.height == 0
    if name != "table":  # a table has the columns that its runs have
        assert found.schema == everything.collect_schema() == scan.collect_schema()
    assert scan.filter(pl.col("run") == "run-1").head(2).collect().height == 0
    assert ledger.kinds() == []


def test_nothing_fetched_of_nobody(sources: dict[str, Any], ledger: Ledger) -> None:
    nobody: dict[str, Any] = {"project": PROJECT, "runs": (), "source": sources["server"]}
    for fetch in (nf.fetch_metrics, nf.fetch_series, nf.fetch_buckets, nf.fetch_table):
        assert fetch(**nobody).collect().height == 0
        assert fetch(**nobody).to_pandas().shape[0] == 0
    assert nf.list_attributes(**nobody) == nf.list_runs(**nobody) == []
    assert nf.list_experiments(project=PROJECT, experiments=[], source=sources["server"]) == []
    assert ledger.kinds() == []


def test_a_lazy_frame_of_labels_is_collected_with_the_scan(sources: dict[str, Any], ledger: Ledger) -> None:
    table = nf.scan_table(project=PROJECT, runs="", attributes=["config/width", "flag"], source=sources["server"])
    narrow = table.filter(pl.col("config/width").is_between(1, 20)).select("run")
    ledger.clear()
    points = nf.scan_metrics(project=PROJECT, runs=narrow, attributes=["val/loss"], source=sources["server"])
    plan = nf.explain(points.filter(pl.col("run") != "run-0"))
    assert "asked of the source: runs of the lazy frame given; attributes 'val/loss'\n" in plan
    assert 'narrowed by the query: runs where `sys/custom_run_id`:string != "run-0"\n' in plan
    assert ledger.kinds() == []
    for engine in ("streaming", "in-memory"):
        ledger.clear()
        assert points.filter(pl.col("run") != "run-0").collect(engine=engine)["run"].unique().sort().to_list() == [
            "run-1",
            "run-6",
        ]
        (asked,) = ledger.asked("series/float")
        assert len(asked["requests"]) == 2


def test_a_frame_of_labels_meets_conditions_on_labels(source: Any) -> None:
    labels = pl.LazyFrame({"run": ["run-1", "run-2", "run-3"]})
    for scan in (nf.scan_metrics, nf.scan_runs, nf.scan_attributes):
        lazy = scan(project=PROJECT, runs=labels, source=source)
        assert set(lazy.filter(pl.col("run").is_in(["run-3", "run-4"])).collect()["run"]) == {"run-3"}
        assert lazy.filter(pl.col("run") == "run-4").collect().height == 0
    assert nf.pivot(nf.scan_metrics(project=PROJECT, runs=labels.head(0), source=source)).collect().height == 0


WRONG: list[tuple[Any, type[Exception], str]] = [
    ({"run-1": 1}, ValueError, "runs: got .* Accepted are"),
    (pd.DataFrame({"run": ["run-1"]}), ValueError, "runs: got .* Accepted are"),
    (b"run-1", ValueError, "runs: got .* Accepted are"),
    (5, ValueError, "runs: got .* Accepted are"),
    ([None], TypeError, "one of the names is None"),
    (np.array([1, 2]), TypeError, "one of the names is"),
    (
        pl.LazyFrame({"a": ["x"], "b": ["y"]}),
        ValueError,
        r"runs: a frame of labels needs .*'run', or just one string column",
    ),
    (pl.LazyFrame({"run": [1]}), ValueError, r"the columns of this one are {'run': Int64}"),
    (pl.DataFrame(), ValueError, "one string column"),
]


@pytest.mark.parametrize(("labels", "error", "message"), WRONG)
def test_what_holds_no_labels_is_refused(
    sources: dict[str, Any], ledger: Ledger, labels: Iterable[str], error: type[Exception], message: str
) -> None:
    for ask in (*SCANS.values(), nf.fetch_metrics):
        with pytest.raises(error, match=message):
            ask(project=PROJECT, runs=labels, source=sources["server"])
    assert ledger.kinds() == []

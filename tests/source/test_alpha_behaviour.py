"""neptune_fetcher.alpha on the fetcher reference's running example, from a server and from the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fetcher_archive import PROJECT
from neptune_fetcher import alpha
from neptune_fetcher.alpha import runs as alpha_runs
from neptune_fetcher.alpha.filters import Attribute, AttributeFilter, Filter
from neptune_fetcher.exceptions import (
    AttributeTypeInferenceError,
    ConflictingAttributeTypes,
    NeptuneUnexpectedResponseError,
)
from neptune_frames.server.testing import RunningServer
from neptune_frames.sources.choose import close_sources
from neptune_frames.writing.exporter_layout import float_series_rows, object_series_rows, parameter_rows, write_run

_ACC = {"name": "metrics/acc", "type": "float_series"}


@pytest.fixture(params=["server", "archive"], autouse=True)
def _context(
    request: pytest.FixtureRequest, data: Path, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    monkeypatch.setattr("neptune_fetcher.alpha._context._context", alpha.Context())
    monkeypatch.setenv("NEPTUNE_PROJECT", PROJECT)
    if request.param == "server":
        monkeypatch.setenv("NEPTUNE_API_TOKEN", server.api_token)
    else:
        monkeypatch.setenv("NEPTUNE_ARCHIVE", str(data))
    alpha.set_context()
    yield
    close_sources()


@pytest.mark.parametrize(
    ("aggregation", "descending"),
    [("last", ["tree_32", "tree_33"]), ("max", ["tree_33", "tree_32"]), ("min", ["tree_33", "tree_32"])],
)
def test_tables_are_sorted_by_the_aggregation_of_the_sort_key(aggregation: str, descending: list[str]) -> None:
    """The last values of metrics/acc are 0.9 and 0.7, the largest 0.9 and 0.95, the smallest 0.5 and 0.7."""
    for direction, expected in (("desc", descending), ("asc", descending[::-1])):
        table = alpha.fetch_experiments_table(
            "tree", "lr", sort_by=Attribute(**_ACC, aggregation=aggregation), sort_direction=direction
        )
        assert table.index.to_list() == expected


@pytest.mark.parametrize("sort_by", [None, 5, ["sys/name"]])
def test_sort_keys_are_names_or_attributes(sort_by: Any) -> None:
    with pytest.raises(ValueError, match="sort_by: expected a string or an Attribute, got"):
        alpha.fetch_experiments_table("tree", "lr", sort_by=sort_by)


def test_a_type_is_looked_up_among_the_experiments_or_runs_that_a_call_is_about() -> None:
    """params/batch is an int of experiments, and a float of a run that belongs to none."""
    small = Filter.eq("params/batch", 32)
    assert alpha.list_experiments(small) == ["tree_32"]
    assert alpha.fetch_experiments_table(small).index.to_list() == ["tree_32"]
    assert set(alpha.fetch_metrics(small, "acc").index.get_level_values("experiment")) == {"tree_32"}
    # The one function for runs that the official package has ask experiments.
    assert alpha_runs.list_runs(small) == ["nostalgic_shockley"]
    for call in (alpha_runs.list_attributes, alpha_runs.fetch_runs_table):
        with pytest.raises(AttributeTypeInferenceError, match="with conflicting types: float, int"):
            call(small)


def test_a_type_that_no_experiment_has_is_that_of_the_project() -> None:
    assert alpha_runs.list_runs(Filter.eq("log/out", "b")) == ["plain_run"]
    assert alpha.list_experiments(Filter.eq("log/out", "b")) == []
    assert alpha.list_experiments(Filter.eq("sys/state", "inactive")) == ["gone", "tree_32", "tree_33"]
    assert alpha.fetch_experiments_table("tree", sort_by="log/out").index.to_list() == ["tree_33", "tree_32"]
    with pytest.raises(AttributeTypeInferenceError, match="nope: could not find the attribute"):
        alpha.list_experiments(Filter.eq("nope", 1))


def test_an_aggregation_tells_the_type() -> None:
    assert alpha.list_experiments(Filter.gt(Attribute("metrics/acc", aggregation="max"), 0.92)) == ["tree_33"]


def test_the_type_of_a_sort_key_is_looked_up_among_the_runs_selected() -> None:
    table = alpha_runs.fetch_runs_table("^n|^h", "batch", sort_by="params/batch")
    assert table.index.to_list() == ["high_albattani", "nostalgic_shockley"]
    with pytest.raises(AttributeTypeInferenceError, match="with conflicting types: float, int"):
        alpha_runs.fetch_runs_table(None, "lr", sort_by="params/batch")
    with pytest.raises(AttributeTypeInferenceError, match="could not find the attribute"):
        alpha.fetch_experiments_table("tree", sort_by="nope")
    assert alpha.fetch_experiments_table("zzz", sort_by="nope").shape == (0, 0)
    with pytest.raises(ConflictingAttributeTypes):
        alpha_runs.fetch_runs_table(None, "params/batch")


def test_rows_are_sorted_by_the_state() -> None:
    for key in ("sys/state", Attribute("sys/state")):
        assert len(alpha_runs.fetch_runs_table(None, "lr", sort_by=key)) == len(alpha_runs.list_runs())


def test_types_conflict_where_columns_would_have_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPTUNE_ARCHIVE", str(tmp_path))
    identity = {"sys/id": "A-1", "sys/custom_run_id": "a", ("note", "file"): "a/note"}
    write_run(
        tmp_path, "ws/two", "a", [parameter_rows(identity), float_series_rows({"loss": ([1.0, 2.0], [3.0, 1.0])})]
    )
    identity = {"sys/id": "A-2", "sys/custom_run_id": "b", "note": "text"}
    texts = object_series_rows({"loss": ([1.0], ["high"])}, "string_series")
    write_run(tmp_path, "ws/two", "b", [parameter_rows(identity), texts])
    two = alpha.Context("ws/two")
    with pytest.raises(ConflictingAttributeTypes, match="type_suffix_in_column_names"):
        alpha_runs.fetch_runs_table(None, "loss", context=two)
    smallest = alpha_runs.fetch_runs_table(None, AttributeFilter("loss", aggregations=["min"]), context=two)
    assert smallest.columns.to_list() == [("loss", "min")]
    assert smallest.loc["a"].to_list() == [1.0]
    notes = alpha_runs.fetch_runs_table(None, "note", context=two)
    assert notes.columns.to_list() == [("note", level) for level in ("", "mime_type", "path", "size_bytes")]
    assert notes.loc["b", ("note", "")] == "text"


@pytest.mark.parametrize("attributes", [None, []])
def test_no_attributes_are_all_attributes(attributes: Any) -> None:
    pd.testing.assert_frame_equal(alpha.fetch_metrics("tree", attributes), alpha.fetch_metrics("tree", "metrics"))
    pd.testing.assert_frame_equal(alpha_runs.fetch_series("run", attributes), alpha_runs.fetch_series("run", "log"))
    assert alpha.list_attributes("tree", attributes) == alpha.list_attributes("tree", ".*")


@pytest.mark.parametrize("call", [alpha.fetch_metrics, alpha.fetch_series])
@pytest.mark.parametrize("experiments", [None, []])
def test_series_need_experiments(call: Callable[..., Any], experiments: Any) -> None:
    with pytest.raises(ValueError, match="experiments must be given"):
        call(experiments, "metrics")


def test_filters_without_types_select_nothing() -> None:
    nothing = AttributeFilter(type_in=[])
    assert alpha.list_attributes("tree", nothing) == []
    assert alpha.fetch_experiments_table("tree", nothing).shape == (2, 0)
    with pytest.raises(ValueError, match="Only float_series type is supported"):
        alpha.fetch_metrics("tree", nothing)


@pytest.mark.parametrize(
    "call",
    [
        lambda: alpha.list_experiments("("),
        lambda: alpha.list_attributes("tree", "("),
        lambda: alpha.list_attributes("tree", AttributeFilter(name_matches_none=["a", "("])),
        lambda: alpha.fetch_experiments_table("tree", "("),
        lambda: alpha.fetch_metrics("tree", "("),
    ],
)
def test_patterns_that_are_not_re2(call: Callable[[], Any]) -> None:
    with pytest.raises(NeptuneUnexpectedResponseError, match=r"'\(' is not valid RE2"):
        call()


def test_labels_are_compared_as_text() -> None:
    assert alpha.list_experiments([1, "tree_32"]) == ["tree_32"]  # type: ignore[list-item]
    with pytest.raises(TypeError, match="Invalid value None"):
        alpha.list_experiments([None])  # type: ignore[list-item]


def test_filters_without_conditions() -> None:
    """A server refuses them in a query; the error here is caught by whoever catches that."""
    assert alpha.list_experiments(Filter.all()) == ["gone", "tree_32", "tree_33"]
    with pytest.raises(NeptuneUnexpectedResponseError, match="leave it out"):
        alpha.list_experiments(Filter.all() & Filter.exists("params/lr"))


def test_attributes_of_filters_are_names_or_attributes() -> None:
    with pytest.raises(TypeError, match=r"An attribute must be a name or an Attribute, got 3 \(int\)"):
        Filter.eq(3, 1)  # type: ignore[arg-type]

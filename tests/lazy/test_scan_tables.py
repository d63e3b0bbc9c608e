"""Tables and attributes as lazy frames: which columns there are, and what becomes of what changed meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import neptune_frames as nf
from memory_source import MemoryRun, MemorySource
from neptune_frames.sources.archive import ArchiveSource
from scan_data import PROJECT, write_archive


def test_a_table_of_many_columns_is_the_same(source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = nf.scan_table(project=PROJECT, runs="", type_suffix=True, source=source)
    carried = table.collect()
    assert carried.height == 8
    monkeypatch.setenv("NEPTUNE_QUERY_ENTRIES_SEARCH_MAX_PROJECTION_ATTRIBUTES", "1")
    assert table.collect().equals(carried)
    some = ["run", "config/opt:string", "mixed:int", "when:datetime"]
    assert table.select(some).collect().equals(carried.select(some))


def test_a_name_with_two_types_narrowed_to_one(source: Any) -> None:
    of_type = nf.AttributeFilter("mixed", type="float")
    table = nf.scan_table(project=PROJECT, runs="", attributes=of_type, sort_by="sys/custom_run_id", source=source)
    assert table.collect_schema() == {"project": pl.String, "run": pl.String, "mixed": pl.Float64}
    assert table.filter(pl.col("mixed") < 1.2).sort("run").drop("project").collect().rows() == [
        ("run-0", 0.0), ("run-2", 0.5), ("run-4", 1.0),
    ]  # fmt: skip


def test_order_and_names_of_columns(source: Any) -> None:
    table = nf.scan_table(
        project=PROJECT,
        experiments="exp",
        attributes=["flag", "config/width", "none"],
        sort_by="sys/name",
        sort_direction="asc",
        source=source,
    )
    assert table.collect_schema().names() == ["project", "experiment", "config/width", "flag"]
    assert table.select("experiment").collect()["experiment"].to_list() == [f"exp {n}" for n in range(6)]


def test_nothing_selected(source: Any) -> None:
    nobody = nf.scan_table(project=PROJECT, runs=["none"], source=source)
    assert (nobody.collect_schema().names(), nobody.collect().height) == (["project", "run"], 0)
    nothing = nf.scan_table(project=PROJECT, runs="", attributes=[], source=source)
    assert nothing.collect().shape == (8, 2)
    for scan in (nf.scan_metrics, nf.scan_series, nf.scan_attributes):
        assert scan(project=PROJECT, runs="", attributes=[], source=source).collect().height == 0


def test_what_changed_after_the_scan_was_made(tmp_path: Path) -> None:
    """Columns stay those of the scan: what is gone is null, what is new is left out."""
    runs = [MemoryRun("a", "e", {"x": ("int", 1), "y": ("float", 0.5)}), MemoryRun("b", "f", {"x": ("int", 2)})]
    source = MemorySource(runs)
    table = nf.scan_table(project="ws/proj", runs="", attributes=["x", "y", "z"], source=source)
    source.runs[0].values = {"x": ("int", 5), "z": ("int", 1)}
    assert table.drop("project").collect().rows() == [("a", 5, None), ("b", 2, None)]
    source.runs[1].values = {"x": ("string", "another type")}
    assert table.drop("project").collect().rows() == [("a", 5, None), ("b", None, None)]

    archive = ArchiveSource(write_archive(tmp_path))
    lazy = nf.scan_metrics(project=PROJECT, runs="", source=archive).select(pl.len())
    before = lazy.collect().item()
    write_archive(tmp_path, points=20)
    assert lazy.collect().item() > before


def test_tables_of_several_projects_are_told_apart(source: Any) -> None:
    given: dict[str, Any] = {"runs": ["run-1"], "attributes": ["config/width"], "source": source}
    lazy = nf.scan_table(project=PROJECT, **given)
    assert lazy.select("project", "config/width").collect().rows() == [(PROJECT, 16)]
    assert lazy.filter(pl.col("project") == "another").collect().height == 0
    assert nf.fetch_table(project=PROJECT, **given).collect().equals(lazy.collect())
    assert nf.scan_table(project=PROJECT, **{**given, "attributes": []}).collect().rows() == [(PROJECT, "run-1")]


def test_an_attribute_called_as_a_key_has_a_suffix() -> None:
    source = MemorySource([MemoryRun("a", "e", {"project": ("string", "x"), "run": ("int", 1)})])
    table = nf.scan_table(project="ws/proj", runs="", source=source).select(
        "project", "run", "project:string", "run:int"
    )
    assert table.collect().rows() == [("ws/proj", "a", "x", 1)]


def test_attributes_without_a_value_are_rows() -> None:
    source = MemorySource([MemoryRun("a", "e", {"x": ("int", None), "y": ("string", "t")})])
    values = nf.scan_attributes(project="ws/proj", runs="", attributes=["x", "y"], source=source)
    assert values.select("attribute", "type", "int_value", "string_value").collect().rows() == [
        ("x", "int", None, None), ("y", "string", None, "t"),
    ]  # fmt: skip
    assert values.filter(pl.col("int_value").is_null()).collect().height == 2


def test_types_that_no_condition_allows_ask_nothing() -> None:
    source = MemorySource([MemoryRun("a", "e", {"x": ("int", 1)})])
    values = nf.scan_attributes(project="ws/proj", runs="", source=source)
    assert values.filter(pl.col("int_value") > 0, pl.col("string_value") == "x").collect().height == 0
    assert source.calls == []

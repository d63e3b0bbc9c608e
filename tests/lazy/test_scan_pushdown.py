"""What a query does not need is not asked for: requests and bytes at the server, rows and columns of files."""

from __future__ import annotations

import logging
import math
import pickle
from datetime import date
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import neptune_frames as nf
from neptune_frames.server.api_tokens import make_api_token
from neptune_frames.sources.archive import exporter_store
from scan_data import PROJECT, Ledger

ALL_TIMED = ["run-7", "run-5", "run-4", "run-2", "run-1"]
run, experiment, attribute, step = pl.col("run"), pl.col("experiment"), pl.col("attribute"), pl.col("step")


@pytest.fixture
def server(sources: dict[str, Any], ledger: Ledger) -> dict[str, Any]:
    return {"project": PROJECT, "source": sources["server"]}


@pytest.fixture
def files(sources: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[pl.DataFrame]:
    """What is read of part files, read by read."""
    reads: list[pl.DataFrame] = []
    read_rows = exporter_store.read_rows

    def noted(*arguments: Any, **options: Any) -> pl.DataFrame:
        reads.append(read_rows(*arguments, **options))
        return reads[-1]

    monkeypatch.setattr(exporter_store, "read_rows", noted)
    return reads


def queries(ledger: Ledger) -> list[str]:
    """The NQL of each search."""
    return [(body["query"] or {}).get("query", "") for body in ledger.asked("entries/search")]


def names_asked(ledger: Ledger) -> set[str]:
    return {series["series"]["attribute"] for body in ledger.asked("series/float") for series in body["requests"]}


@pytest.mark.parametrize(
    ("condition", "query"),
    [
        (run == "run-1", '`sys/custom_run_id`:string == "run-1"'),
        (run.is_in(["run-1"]), '`sys/custom_run_id`:string == "run-1"'),
        (run.str.starts_with("run-"), '`sys/custom_run_id`:string MATCHES "^run\\\\-"'),
        (run.str.contains("[0-3]$"), '`sys/custom_run_id`:string MATCHES "[0-3]$"'),
        (run.str.contains("-1", literal=True), '`sys/custom_run_id`:string CONTAINS "-1"'),
        (run.str.contains(r"\d"), ""),
        ((run == "run-1") | (run == "run-2"), "OR"),
        ((run == "run-1") | (step > 2), ""),
        (((run == "run-1") & (step > 2)) | ((run == "run-2") & (step > 4)), "OR"),
        (run == pl.concat_str(pl.lit("run"), pl.lit("-1")), '`sys/custom_run_id`:string == "run-1"'),
    ],
)
def test_conditions_on_labels_are_part_of_the_search(
    server: dict[str, Any], ledger: Ledger, condition: pl.Expr, query: str
) -> None:
    found = nf.scan_metrics(runs=nf.Filter.exists("sys/id"), **server).filter(condition).collect()
    assert found.height
    (asked,) = queries(ledger)
    assert query in asked
    assert ("custom_run_id" in asked) == bool(query)


def test_names_are_asked_for_without_definitions(server: dict[str, Any], ledger: Ledger) -> None:
    points = nf.scan_metrics(runs="", **server)
    assert points.filter(attribute == "train/loss", run == "run-2").collect().height == 12
    assert ledger.kinds() == ["search", "floats"]
    ((series,),) = [body["requests"] for body in ledger.asked("series/float")]
    assert series["series"]["attribute"] == "train/loss"


def test_names_of_alternatives_are_asked_for_without_definitions(server: dict[str, Any], ledger: Ledger) -> None:
    """An OR of conjunctions asks for what its alternatives have in common."""
    points = nf.scan_metrics(runs="", **server)
    late = ((attribute == "val/loss") & (step > 3)) | ((attribute == "train/acc") & (step > 2) & (run == "run-1"))
    assert points.filter(late).collect().height == 8 * 2 + 2
    assert ledger.kinds() == ["search", "floats"]
    assert names_asked(ledger) == {"val/loss", "train/acc"}
    assert [body["stepRange"]["from"] for body in ledger.asked("series/float")] == [_after(2)]


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        (attribute.str.contains(r"^val/\w+$"), {"val/loss"}),
        (
            attribute.str.contains(r"^val/\w+$") & (step > 3) | (attribute.str.ends_with("acc")),
            {"val/loss", "train/acc"},
        ),
        ((attribute != "val/loss") & (step > 3) | (attribute.str.len_chars() > 8), {"train/loss", "train/acc"}),
        ((attribute == "val/loss") | (step > 3), {"val/loss", "train/loss", "train/acc"}),
    ],
)
def test_conditions_on_names_that_only_polars_understands(
    server: dict[str, Any], ledger: Ledger, condition: pl.Expr, names: set[str]
) -> None:
    assert nf.scan_metrics(runs="", **server).filter(condition).collect().height
    assert names_asked(ledger) == names


def test_a_long_chain_of_alternatives(server: dict[str, Any], ledger: Ledger) -> None:
    """Longer than what the reader of its JSON can nest."""
    chain = reduce(or_, [(attribute == f"none {place}") & (step >= place) for place in range(600)])
    found = nf.scan_metrics(runs="", **server).filter(chain | ((attribute == "train/acc") & (step >= 4))).collect()
    assert found.height == 4
    assert len(names_asked(ledger)) == 601


@pytest.mark.parametrize(
    ("condition", "regexes"),
    [
        (attribute.str.starts_with("val/"), ["^val/"]),
        (attribute.str.contains("^(val)/"), ["^(val)/"]),
        (attribute.str.ends_with("l/loss"), ["l/loss$"]),
        (attribute.str.ends_with("l/loss") | attribute.str.starts_with("val/"), ["(?:l/loss$)|(?:^val/)"]),
    ],
)
def test_patterns_of_names_are_part_of_the_definitions(
    server: dict[str, Any], ledger: Ledger, condition: pl.Expr, regexes: list[str]
) -> None:
    assert nf.scan_metrics(runs="", **server).filter(condition).collect().height == 32
    (asked,) = ledger.asked("definitions/query")
    assert asked["attributeNameFilter"]["mustMatchAny"] == [{"mustMatchRegexes": regexes}]
    assert names_asked(ledger) == {"val/loss"}


def _after(step: float) -> float:
    """What a source is asked for, whose ranges include their ends."""
    return math.nextafter(step, math.inf)


def _before(step: float) -> float:
    return math.nextafter(step, -math.inf)


@pytest.mark.parametrize(
    ("condition", "steps"),
    [
        (step >= 10, (10.0, None)),
        ((step > 2) & (step < 5), (_after(2), _before(5))),
        (step.is_between(3, 4), (3.0, 4.0)),
        (step == 4, (4.0, 4.0)),
        (step.is_in([4.0, 7.0]), (4.0, 7.0)),
        ((step > 2) & (pl.col("value") > 1), (_after(2), None)),
        ((step > 2) | (pl.col("value") > 1), (None, None)),
        ((step == 3) | (step == 5), (3.0, 5.0)),
        ((step < 3) | (step > 5), (None, None)),
        (((step > 2) & (pl.col("value") > 1)) | ((step > 4) & (step < 9)), (_after(2), None)),
        (((step > 2) & (step < 4)) | ((step > 4) & (step < 9)), (_after(2), _before(9))),
        (step > -pl.lit([-6.0]).list.first(), (_after(6), None)),
        (step * 2 > 4, (None, None)),
        (step.is_in([4.0, None]), (4.0, 4.0)),
        ((step > 2).fill_null(False), (_after(2), None)),
        (pl.any_horizontal(step == 3, (step > 5) & (step < 7)), (3.0, _before(7))),
        (pl.all_horizontal(step >= 3, pl.col("value") > 1), (3.0, None)),
    ],
)
def test_conditions_on_steps_are_part_of_the_question(
    server: dict[str, Any], ledger: Ledger, condition: pl.Expr, steps: tuple[float | None, float | None]
) -> None:
    nf.scan_metrics(runs="", attributes=["train/loss"], **server).filter(condition).collect()
    (asked,) = ledger.asked("series/float")
    assert steps == (asked["stepRange"]["from"], asked["stepRange"]["to"])


def test_fewer_steps_and_series_are_fewer_bytes(server: dict[str, Any], ledger: Ledger) -> None:
    points = nf.scan_metrics(runs="", **server)
    points.collect()
    everything = ledger.bytes_of("series/float")
    ledger.clear()
    points.filter(step == 0, attribute == "train/loss", run == "run-3").collect()
    assert ledger.bytes_of("series/float") < everything / 4


def test_columns_that_are_not_used_are_not_sent(
    server: dict[str, Any], ledger: Ledger, request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("--plain-servers"):
        pytest.skip("protobuf has all columns of points")
    points = nf.scan_metrics(runs="", include_time="absolute", **server)
    sent = []
    for column in ("value", "timestamp"):
        ledger.clear()
        assert points.select(column).collect().height == 148
        sent.append(ledger.bytes_of("series/float"))
    # A server sends steps and values in any case: 16 bytes for those of a point, 8 for its time.
    assert 16 * 148 < sent[0] < sent[1] - 8 * 148 + 1


def test_timestamps_that_are_not_used_are_neither_read_nor_decoded(
    sources: dict[str, Any], files: list[pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    points = nf.scan_metrics(project=PROJECT, runs="", include_time="absolute", source=sources["archive"])
    for columns, read in ((["value"], False), (["value", "timestamp"], True)):
        files.clear()
        points.select(columns).collect()
        assert files
        assert all(("timestamp" in frame.columns) == read for frame in files)

    from neptune_frames.sources.remote import float_series

    decoded: list[bool] = []
    decode = float_series.decode_float_series

    def noted(*arguments: Any, **options: Any) -> Any:
        decoded.append(options["time"])
        return decode(*arguments, **options)

    monkeypatch.setattr(float_series, "decode_float_series", noted)
    points = nf.scan_metrics(project=PROJECT, runs="", include_time="absolute", source=sources["server"])
    points.select("value").collect()
    points.select("timestamp").collect()
    assert decoded == [False, True]


def test_files_are_read_for_the_rows_needed(sources: dict[str, Any], files: list[pl.DataFrame]) -> None:
    points = nf.scan_metrics(project=PROJECT, runs="", source=sources["archive"])
    for query, expected in [
        (points.filter(run == "run-3", attribute == "train/loss"), 12),
        (points.filter(run == "run-3", attribute == "train/loss", step >= 9, pl.col("value") > 0), 3),
        (points.filter(attribute.str.ends_with("acc")), 20),
        (points.head(3), 5),
    ]:
        files.clear()
        assert query.collect().height
        assert sum(frame.height for frame in files) == expected


@pytest.mark.parametrize("rows", [1, 5, 30])
def test_head_asks_for_few_series_and_few_points(server: dict[str, Any], ledger: Ledger, rows: int) -> None:
    points = nf.scan_metrics(runs="", **server)
    assert points.head(rows).collect().height == rows
    bodies = ledger.asked("series/float")
    assert {body["perSeriesPointsLimit"] for body in bodies} == {rows}
    assert [len(body["requests"]) for body in bodies] == ([1] if rows < 30 else [1, 4])


def test_head_zero_asks_nothing(server: dict[str, Any], ledger: Ledger) -> None:
    assert nf.scan_metrics(runs="", **server).head(0).collect().height == 0
    assert nf.scan_runs(runs="", **server).head(0).collect().height == 0
    assert ledger.kinds() == []


def test_an_empty_list_asks_nothing(server: dict[str, Any], ledger: Ledger) -> None:
    """As the first of two queries may give: Polars makes the condition a constant."""
    for scan in (nf.scan_metrics, nf.scan_series, nf.scan_buckets, nf.scan_attributes, nf.scan_runs):
        query = scan(runs="", **server).filter(run.is_in([]))
        assert said(query)[1:] == [
            "narrowed by the query: to nothing, so no request is made",
            "filtered after: nothing",
        ]
        assert query.collect().schema == query.collect_schema()
    assert nf.pivot(nf.scan_metrics(runs="", **server).filter(run.is_in([]))).collect().height == 0
    assert ledger.kinds() == []


def test_schemas_are_known_without_points(server: dict[str, Any], ledger: Ledger) -> None:
    everything = {"runs": "", **server}
    scans = [nf.scan_metrics(**everything), nf.scan_series(**everything), nf.scan_buckets(**everything)]
    scans += [nf.scan_attributes(**everything), nf.scan_runs(**everything)]
    assert all(lazy.collect_schema() for lazy in scans)
    assert ledger.kinds() == []
    table = nf.scan_table(type_suffix=True, **everything)
    assert ledger.kinds() == ["search", "definitions"]
    assert table.collect_schema()["config/width:int"] == pl.Int64
    assert table.explain()
    assert ledger.kinds() == ["search", "definitions"]


@pytest.mark.parametrize(
    ("condition", "query", "found"),
    [
        (pl.col("config/lr") < 0.05, '`config/lr`:float < "0.05"', ["run-6", "run-4", "run-1"]),
        (pl.col("config/lr") == 0.1, '`config/lr`:float == "0.1"', ["run-7", "run-0"]),
        (pl.col("config/lr") > 0.05, '(NOT (`config/lr`:float <= "0.05"))', ["run-7", "run-5", "run-0"]),
        (pl.col("config/width") >= 16, '`config/width`:int >= "16"', ["run-7", "run-2", "run-1"]),
        (pl.col("config/width").is_in([8, -3]), '(`config/width`:int == "8")', ["run-6", "run-4", "run-0"]),
        (pl.col("config/opt").str.starts_with("A"), 'MATCHES "^A"', ["run-0"]),
        (pl.col("config/opt") == 'say "hi"', r'`config/opt`:string == "say \"hi\""', ["run-2"]),
        (~pl.col("flag"), '`flag`:bool == "False"', ["run-7", "run-5", "run-1"]),
        (pl.col("labels").list.contains("blue"), '`labels`:stringSet CONTAINS "blue"', ["run-4", "run-1"]),
        (pl.col("when").is_not_null() & (run < "run-2"), "`when`:datetime EXISTS", ["run-1"]),
        (pl.col("when") > pl.datetime(2026, 1, 1, 6, time_zone="UTC"), '`when`:datetime > "2026-01-01T06:', ["run-7"]),
        (
            pl.col("when") > pl.lit("2026-01-01 06:00").str.to_datetime(time_zone="UTC"),
            '`when`:datetime > "2026-01-01T06:',
            ["run-7"],
        ),
        (pl.col("train/loss") > 2.3, "`train/loss`:floatSeries <= ", ["run-1", "run-0"]),
        (pl.col("config/lr").is_null(), "", ["run-3", "run-2"]),
        (pl.col("config/lr").is_not_nan() & (run < "run-2"), "`config/lr`:float EXISTS", ["run-1", "run-0"]),
        (pl.col("config/width").is_in([8, None]), '(`config/width`:int == "8")', ["run-6", "run-0"]),
        (~pl.col("config/width").is_in([8, 64, None]), "NOT (", ["run-5", "run-4", "run-2", "run-1"]),
        (~pl.col("config/opt").str.contains("[Aa]"), 'NOT MATCHES "[Aa]"', ["run-6", "run-4"]),
        (~pl.col("config/opt").str.contains("a", literal=True), 'NOT MATCHES "a"', ["run-6", "run-4"]),
        (~pl.col("labels").list.contains("red"), "NOT (`labels`:stringSet CONTAINS ", ["run-7", "run-4", "run-3"]),
        (pl.col("flag").eq_missing(True), '`flag`:bool == "True"', ["run-6", "run-3", "run-0"]),
        (pl.col("flag").fill_null(False), '`flag`:bool == "True"', ["run-6", "run-3", "run-0"]),
        (pl.col("when").dt.date() > date(2025, 12, 31), '`when`:datetime > "2025-12-31T23:59:59.999', ALL_TIMED),
        (
            pl.any_horizontal(pl.col("config/lr") < 0.005, pl.col("config/width") > 99),
            "OR",
            ["run-6", "run-4", "run-2"],
        ),
    ],
)
def test_conditions_on_attributes_are_nql(
    server: dict[str, Any], ledger: Ledger, condition: pl.Expr, query: str, found: list[str]
) -> None:
    table = nf.scan_table(runs="", attributes="^config/ | ^flag$ | ^labels$ | ^when$ | train/loss", **server)
    ledger.clear()
    assert table.filter(condition).select("run").collect()["run"].to_list() == found
    assert ledger.kinds() == ["search"]
    assert query in queries(ledger)[0]


def test_columns_and_rows_of_a_table_that_are_not_used(server: dict[str, Any], ledger: Ledger) -> None:
    table = nf.scan_table(runs="", attributes="^config/", **server)
    ledger.clear()
    assert table.select("run", "config/lr").head(2).collect().height == 2
    (asked,) = ledger.asked("entries/search")
    assert asked["pagination"]["limit"] == 2
    assert {each["path"] for each in asked["attributeFilters"]} >= {"config/lr"}
    assert "config/width" not in {each["path"] for each in asked["attributeFilters"]}
    ledger.clear()
    assert table.select(pl.len()).collect().item() == 8
    (asked,) = ledger.asked("entries/search")
    assert sum(each["path"].startswith("config/") for each in asked["attributeFilters"]) <= 1


def test_types_of_values_narrow_attributes(server: dict[str, Any], ledger: Ledger) -> None:
    values = nf.scan_attributes(runs="", **server)
    assert (
        values.filter(pl.col("float_value") > 0, pl.col("type") != "float_series", run == "run-7").collect().height == 1
    )
    assert "sys/custom_run_id" in queries(ledger)[0]
    (asked,) = ledger.asked("leaderboard/attributes/query")
    assert [each["attributeType"] for each in asked["attributeFilter"]] == ["float"]


@pytest.mark.parametrize(
    ("condition", "types"),
    [
        (pl.col("string").is_not_null(), {"stringSeries"}),
        (pl.col("string") == "line", {"stringSeries"}),
        (pl.col("histogram").is_not_null() & (step > 0), {"histogramSeries"}),
        (pl.col("string").is_not_null() | pl.col("histogram").is_not_null(), {"stringSeries", "histogramSeries"}),
        (pl.col("string").is_null(), {"stringSeries", "histogramSeries", "fileRefSeries"}),
    ],
)
def test_conditions_on_values_narrow_the_types_of_series(
    server: dict[str, Any], ledger: Ledger, condition: pl.Expr, types: set[str]
) -> None:
    assert nf.scan_series(runs="", **server).filter(condition).collect().height
    (asked,) = ledger.asked("definitions/query")
    assert {each["attributeType"] for each in asked["attributeFilter"]} == types
    both = pl.col("string").is_not_null() & pl.col("histogram").is_not_null()
    ledger.clear()
    assert nf.scan_series(runs="", **server).filter(both).collect().height == 0
    assert ledger.kinds() == []


def said(query: pl.LazyFrame) -> list[str]:
    """What is said about the only scan of a query."""
    return [line.strip() for line in nf.explain(query).split("\n\n")[0].splitlines()[1:]]


@pytest.mark.parametrize(
    ("condition", "asked"),
    [
        (attribute.str.contains(r"^val/\w+$"), r'names where col("attribute").str.contains(["^val/\w+$"])'),
        (attribute != "a", 'names where [(col("attribute")) != ("a")]'),
        (pl.col("project") == "other", 'names where [(col("project")) == ("other")]'),
        (run.is_in([f"run-{place}" for place in range(2000)]), 'names where col("run").is_in([["run-0", "run-1", '),
        (attribute.is_in([f"{place:04}" for place in range(2000)]), "attributes '0000', '0001', "),
        ((attribute == "b") | (attribute == "a"), "attributes 'a', 'b'"),
    ],
)
def test_every_condition_on_names_is_said(server: dict[str, Any], condition: pl.Expr, asked: str) -> None:
    first, second, after = said(nf.scan_metrics(runs="", **server).filter(condition))
    assert first == "asked of the source: all runs; all float series"
    assert second.startswith(f"narrowed by the query: {asked}")
    assert after == "filtered after: nothing"


@pytest.mark.parametrize(
    ("scan", "condition", "narrowed", "after"),
    [
        (nf.scan_metrics, step.is_in([4.0, 7.0]), "steps 4 to 7", 'col("step").is_in([[4.0, 7.0]])'),
        (nf.scan_metrics, (step == 3) | (step == 5), "steps 3 to 5", '[([(col("step")) == (3.0)]) | '),
        (nf.scan_metrics, (step >= 3).fill_null(False), "steps from 3", "nothing"),
        (nf.scan_metrics, step == 3.5, "step 3.5", "nothing"),
        (nf.scan_metrics, step <= 3, "steps up to 3", "nothing"),
        (nf.scan_metrics, step.is_between(3, 5), "steps 3 to 5", "nothing"),
        # Beyond a number is from the next one on.
        (nf.scan_metrics, step > 3, "steps after 3", "nothing"),
        (nf.scan_metrics, step < 3, "steps before 3", "nothing"),
        (nf.scan_metrics, step < 0, "steps before 0", "nothing"),
        (nf.scan_metrics, step.is_between(3, 5, closed="left"), "steps from 3, before 5", "nothing"),
        (nf.scan_metrics, step.is_between(3, 5, closed="right"), "steps after 3, up to 5", "nothing"),
        (nf.scan_metrics, step.is_between(3, 5, closed="none"), "steps after 3, before 5", "nothing"),
        (nf.scan_metrics, pl.lit(True), None, "nothing"),
        (
            nf.scan_buckets,
            pl.col("index") > 1,
            "not at all, since all series share their buckets",
            '[(col("index")) > (1)]',
        ),
        (nf.scan_metrics, ~attribute.str.starts_with("val/"), "attributes not matching '^val/'", "nothing"),
        (nf.scan_series, pl.col("string") == "line", "types string_series", '[(col("string")) == ("line")]'),
        (nf.scan_series, pl.col("string").is_not_null(), "types string_series", "nothing"),
        (nf.scan_metrics, step.is_between(5, 2), "no steps, so no points are requested", "nothing"),
        (nf.scan_attributes, pl.col("float_value") > 0, "types float, float_series", '[(col("float_value")) > (0.0)]'),
        (nf.scan_attributes, pl.col("type") == "float", "types float", "nothing"),
        (
            nf.scan_runs,
            ((run == "a") & (run.str.len_chars() > 3)) | (run == "b"),
            'runs where (`sys/custom_run_id`:string == "a") OR (`sys/custom_run_id`:string == "b")',
            '[([([(col("run")) == ("a")]) & ',
        ),
    ],
)
def test_what_says_more_than_was_asked_is_said(
    server: dict[str, Any], scan: Any, condition: pl.Expr, narrowed: str | None, after: str
) -> None:
    first, *second, third = said(scan(runs="", **server).filter(condition))
    assert first.startswith("asked of the source: all runs")
    assert second == ([] if narrowed is None else [f"narrowed by the query: {narrowed}"])
    assert third.startswith(f"filtered after: {after}")


def test_what_the_last_points_are_narrowed_to_is_said(server: dict[str, Any]) -> None:
    """Before a step, the last points are others: upper bounds are not asked for, and not said to be."""
    tails = nf.scan_metrics(runs="", tail_limit=2, **server)
    assert said(tails.filter(step <= 3))[1:] == ['filtered after: [(col("step")) <= (3.0)]']
    assert said(tails.filter(step >= 3))[1:] == ["narrowed by the query: steps from 3", "filtered after: nothing"]
    assert said(tails.filter(step.is_between(3, 5)))[1:] == [
        "narrowed by the query: steps from 3",
        'filtered after: col("step").is_between([3.0, 5.0])',
    ]


RATES = nf.Filter.lt("config/lr", 0.5)
SELECTED: list[tuple[Any, dict[str, Any], str]] = [
    (nf.scan_metrics, {"runs": ["run-1"]}, "runs 'run-1'; all float series"),
    (nf.scan_metrics, {"runs": []}, "no runs; all float series"),
    (nf.scan_metrics, {"experiments": "exp"}, "experiments matching 'exp'; all float series"),
    (
        nf.scan_metrics,
        {"experiments": "exp & !2"},
        'experiments where (`sys/name`:string MATCHES "exp") AND (`sys/name`:string NOT MATCHES "2"); all float series',
    ),
    (nf.scan_runs, {"experiments": RATES}, 'experiments where `config/lr` < "0.5"'),
    (nf.scan_runs, {"runs": pl.LazyFrame({"run": ["run-1"]})}, "runs of the lazy frame given"),
    (
        nf.scan_metrics,
        {"runs": "", "attributes": ["val/loss"], "step_range": (0, 10), "tail_limit": 3},
        "all runs; attributes 'val/loss'; steps 0 to 10; the last 3 points of each series",
    ),
    (
        nf.scan_metrics,
        {"runs": "", "step_range": (None, 0.5), "lineage_to_the_root": False, "include_point_previews": True},
        "all runs; all float series; steps up to 0.5; without inherited points; with previews",
    ),
    (
        nf.scan_series,
        {"runs": "", "attributes": "log & !x | ^w", "include_time": "absolute"},
        "all runs; attributes matching 'log' and not matching 'x' or matching '^w'; with timestamps",
    ),
    (nf.scan_series, {"runs": ""}, "all runs; all string, histogram and file series"),
    (nf.scan_attributes, {"runs": "", "attributes": []}, "all runs; no attributes"),
    (
        nf.scan_attributes,
        {"runs": "", "attributes": nf.AttributeFilter(name="lr", type="float") | nf.AttributeFilter(type="int")},
        "all runs; attributes matching 'lr' of type float or attributes of type int",
    ),
    (nf.scan_buckets, {"runs": "", "limit": 5}, "all runs; all float series; 5 buckets"),
    (
        nf.scan_table,
        {"runs": "", "attributes": ["flag"]},
        "all runs; attributes 'flag'; by `sys/creation_time`:datetime, descending",
    ),
]


@pytest.mark.parametrize(("scan", "arguments", "selected"), SELECTED)
def test_what_the_arguments_select_is_said(server: dict[str, Any], scan: Any, arguments: Any, selected: str) -> None:
    query = scan(**arguments, **server)
    assert said(query) == [f"asked of the source: {selected}", "filtered after: nothing"]


@pytest.mark.parametrize(
    ("scan", "columns", "unused"),
    [
        (nf.scan_metrics, ["step", "value"], "no timestamps"),
        (nf.scan_metrics, ["step", "timestamp"], "no values (in archives)"),
        (nf.scan_series, ["run"], "no timestamps; no values (in archives)"),
    ],
)
def test_columns_that_are_not_used_are_said(server: dict[str, Any], scan: Any, columns: list[str], unused: str) -> None:
    query = scan(runs="", include_time="absolute", **server).select(columns)
    assert said(query)[1:] == [f"narrowed by the query: {unused}", "filtered after: nothing"]


def test_rows_that_are_not_used_are_said(server: dict[str, Any]) -> None:
    assert said(nf.scan_runs(experiments="", **server).head(3))[1] == "narrowed by the query: the first 3 experiments"
    table = nf.scan_table(runs="", attributes=["flag", "config/lr"], **server).select("run", "flag").head(2)
    assert said(table)[1] == "narrowed by the query: 1 of 2 columns 'flag'; the first 2 runs"
    assert said(nf.scan_runs(runs="", **server).slice(3))[1:] == ["filtered after: nothing"]
    assert said(table.select("run"))[1] == "narrowed by the query: none of 2 columns; the first 2 runs"


def test_the_place_is_said_without_secrets(archive: Path) -> None:
    token = make_api_token("https://host:8/path", "a secret")
    for source, place in ((str(archive), f"archive {archive}"), (token, "server https://host:8/path")):
        first = nf.explain(nf.scan_runs(project=PROJECT, runs="", source=source)).splitlines()[0]
        assert first == f"RUNS (project {PROJECT}, {place})"


def test_long_lists_are_shortened(server: dict[str, Any]) -> None:
    names = [f"{place:04}" for place in range(5000)]
    (asked, _) = said(nf.scan_metrics(runs=names, attributes=names, **server))
    assert asked.count("(5,000 in all)") == 2
    assert len(asked) < 800


def test_a_query_that_polars_cannot_print_is_answered(sources: dict[str, Any]) -> None:
    far = pl.lit(10**17).cast(pl.Datetime("ms", "UTC"))
    points = nf.scan_metrics(project=PROJECT, runs="", include_time="absolute", source=sources["archive"])
    query = points.filter(pl.col("timestamp") > far)
    assert query.collect().height == 0
    with pytest.raises(ValueError, match="cannot be explained"):
        nf.explain(query)


@pytest.mark.parametrize(
    ("condition", "asked"),
    [
        (
            ~attribute.str.starts_with("sys/") & ~attribute.str.ends_with("loss"),
            {"mustMatchAny": [{"mustNotMatchRegexes": ["^sys/", "loss$"]}]},
        ),
        (
            attribute.str.starts_with("config/") & ~attribute.str.contains("lr", literal=True),
            {"mustMatchAny": [{"mustMatchRegexes": ["^config/"], "mustNotMatchRegexes": ["lr"]}]},
        ),
        # Of alternatives that leave out different names there is no common pattern.
        (~attribute.str.starts_with("sys/") | (attribute == "sys/id"), {}),
    ],
)
def test_names_that_are_not_wanted_are_not_asked_for(
    server: dict[str, Any], ledger: Ledger, condition: pl.Expr, asked: dict[str, Any]
) -> None:
    values = nf.scan_attributes(runs="", **server)
    expected = values.collect().filter(condition)
    ledger.clear()
    assert values.filter(condition).collect().height == expected.height > 0
    (body,) = ledger.asked("leaderboard/attributes/query")
    assert body.get("attributeNameFilter") == asked


def test_a_long_list_of_names_is_asked_for_by_name(server: dict[str, Any], ledger: Ledger) -> None:
    names = ["flag", "config/lr", *(f"none {place}" for place in range(1500))]
    found = nf.scan_attributes(runs="", **server).filter(attribute.is_in(names)).collect()
    assert set(found["attribute"]) == {"flag", "config/lr"}
    asked = [name for body in ledger.asked("leaderboard/attributes/query") for name in body["attributeNamesFilter"]]
    assert set(asked) == set(names)
    ledger.clear()
    # Of points, which would be asked for name by name, those that runs have are looked up first.
    points = nf.scan_metrics(runs="", **server).filter(attribute.is_in([*names, "train/acc"])).collect()
    assert set(points["attribute"]) == names_asked(ledger) == {"train/acc"}


def test_what_polars_keeps_is_said(server: dict[str, Any], ledger: Ledger) -> None:
    points = nf.scan_metrics(runs="", **server)
    query = points.filter(step.cast(pl.Int64) > 10, run == "run-1")
    assert said(query) == [
        "asked of the source: all runs; all float series",
        'narrowed by the query: runs where `sys/custom_run_id`:string == "run-1"',
        "filtered after: nothing",
        'kept by Polars: col("step").strict_cast(Int64) > 10',
    ]
    assert query.collect().height == 1
    assert ledger.asked("series/float")[0]["stepRange"]["from"] is None
    joined = nf.scan_runs(runs="", **server).join(points.filter(step.cast(pl.Int64) > 10).filter(step > 3), on="run")
    told = [line.strip() for line in nf.explain(joined).splitlines()]
    told = [line for line in told if line.startswith(("RUNS", "METRICS", "kept"))]
    assert told[0].startswith("RUNS (project ws/scans, server ")
    assert told[1].startswith("METRICS (project ws/scans, server ")
    assert told[2].startswith("kept by Polars")


def test_what_is_pushed_is_said(server: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    query = nf.scan_metrics(runs="", include_time="absolute", **server).filter(
        run == "run-1", step >= 3, pl.col("value") * 2 > 1
    )
    said = nf.explain(query.select("value"))
    asked, narrowed, after = said.splitlines()[1:4]
    assert asked == "  asked of the source: all runs; all float series; with timestamps"
    assert narrowed == (
        '  narrowed by the query: runs where `sys/custom_run_id`:string == "run-1"; steps from 3; no timestamps'
    )
    assert after == '  filtered after: [([(col("value")) * (2.0)]) > (1.0)]'
    assert narrowed.strip() in query.select("value").explain()
    with caplog.at_level(logging.INFO, logger="neptune_frames"):
        query.select("value").collect()
    assert any("steps from 3; no timestamps" in message for message in caplog.messages)
    joined = nf.scan_runs(runs="", **server).join(query, on="run")
    assert [line.split(",")[0] for line in nf.explain(joined).splitlines() if line.startswith(("RUNS", "METRICS"))] == [
        "RUNS (project ws/scans",
        "METRICS (project ws/scans",
    ]


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_python_functions_in_conditions(server: dict[str, Any], ledger: Ledger, engine: str) -> None:
    """Polars cannot hand them to a source without cloudpickle; the rest of the conditions still narrows."""
    odd = run.map_elements(lambda text: text[-1] in "135", return_dtype=pl.Boolean)
    query = nf.scan_metrics(runs="", **server).filter(odd, step >= 9, run != "run-5").select("run", "value")
    assert query.collect(engine=engine)["run"].unique().sort().to_list() == ["run-1", "run-3"]
    (asked,) = ledger.asked("series/float")
    assert asked["stepRange"]["from"] == 9
    assert 'filtered after: col("run").python_udf()' in nf.explain(query)


def test_plans_and_pickles_hold_no_token(server: dict[str, Any]) -> None:
    query = nf.scan_metrics(runs="", **server)
    assert "eyJ" not in nf.explain(query)
    with pytest.raises((pl.exceptions.ComputeError, pickle.PicklingError, TypeError)):
        query.serialize()

"""Paging: corner cases of servers that are slow to say how much there is, or never come to an end."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from neptune_frames.errors import MismatchedAnswerError
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    NamePattern,
    RunNeeds,
    RunQuery,
    SeriesOptions,
)
from neptune_frames.schemas import RUNS
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.sources.remote import values
from neptune_frames.wire.pages import AttributesPage

PROJECT = "acme/vision"
SEARCH = "/api/leaderboard/v1/proto/leaderboard/entries/search/"
DEFINITIONS = "/api/leaderboard/v1/leaderboard/attributes/definitions/query"
VALUES = "/api/leaderboard/v1/proto/leaderboard/attributes/query"
FLOATS = "/api/leaderboard/v1/proto/attributes/series/float"
OBJECTS = "/api/leaderboard/v1/proto/attributes/series"

EVERYTHING = AttributeSelector((AttributeAlternative(("float", "string")),))


def string(name: str, value: str) -> dict[str, Any]:
    properties = {"attributeName": name, "attributeType": "string", "value": value}
    return {"name": name, "type": "string", "stringProperties": properties}


def number(name: str, value: float) -> dict[str, Any]:
    properties = {"attributeName": name, "attributeType": "float", "value": value}
    return {"name": name, "type": "float", "floatProperties": properties}


def entry(index: int) -> dict[str, Any]:
    identity = {"experimentId": f"uuid-{index}", "type": "run", "projectId": "p", "organizationId": "o"}
    attributes = [string("sys/id", f"VIS-{index}"), string("sys/name", f"exp-{index}"), number("lr", index / 10)]
    return {**identity, "projectName": "vision", "organizationName": "acme", "attributes": attributes}


def searching(runs: int, *, total: int | None, cap: int = 10_000) -> Any:
    """A search over so many runs; ``total`` is what the server claims, ``cap`` its largest page."""

    def answer(request: httpx.Request) -> httpx.Response:
        page = json.loads(request.content)["pagination"]
        start, end = page["offset"], min(runs, page["offset"] + min(page["limit"], cap))
        entries = [entry(index) for index in range(start, end)]
        return httpx.Response(200, json={"matchingItemCount": total or 0, "entries": entries})

    return answer


def runs_table(count: int, project: str = PROJECT) -> pa.Table:
    ids = [f"VIS-{index}" for index in range(count)]
    return pa.table([[project] * count, ids, pa.nulls(count, pa.string()), pa.nulls(count, pa.string())], schema=RUNS)


def query(**more: Any) -> RunQuery:
    return RunQuery(PROJECT, ContainerKind.EXPERIMENT, **more)


@pytest.mark.parametrize("total", [None, 25])
@pytest.mark.parametrize(("limit", "offset"), [(None, 0), (25, 0), (20, 0), (13, 4), (None, 7), (100, 0), (None, 25)])
def test_search_brings_every_run_once_and_in_order(server, monkeypatch, total, limit, offset):
    monkeypatch.setenv("NEPTUNE_QUERY_EXPERIMENT_SYS_ATTRS_BATCH_SIZE", "10")
    server.on(SEARCH, searching(25, total=total))
    answer = server.source().search(query(limit=limit, offset=offset))
    end = 25 if limit is None else min(25, offset + limit)
    assert answer.runs["sys_id"].to_pylist() == [f"VIS-{index}" for index in range(offset, end)]
    assert answer.runs["experiment"].to_pylist() == [f"exp-{index}" for index in range(offset, end)]
    assert answer.runs["run_id"].null_count == answer.runs.num_rows


def test_search_for_no_runs_makes_no_request(server):
    assert server.source().search(query(limit=0)).runs.num_rows == 0
    assert server.requests == []


def test_a_server_that_caps_the_page_below_what_was_asked_loses_no_run(server):
    server.on(SEARCH, searching(25, total=25, cap=4))
    assert server.source().search(query()).runs.num_rows == 25


def test_a_total_beyond_all_runs_does_not_make_the_search_endless(server, monkeypatch):
    monkeypatch.setenv("NEPTUNE_QUERY_EXPERIMENT_SYS_ATTRS_BATCH_SIZE", "10")
    server.on(SEARCH, searching(25, total=2**62))
    assert server.source().search(query()).runs.num_rows == 25
    assert server.paths().count(SEARCH) < 30


@pytest.mark.parametrize("short", [10, 20])
def test_a_page_of_the_search_that_is_short_loses_no_run(server, monkeypatch, short):
    monkeypatch.setenv("NEPTUNE_QUERY_EXPERIMENT_SYS_ATTRS_BATCH_SIZE", "10")
    whole = searching(35, total=35)

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if body["pagination"]["offset"] == short:
            body["pagination"]["limit"] -= 3
        return whole(httpx.Request("POST", request.url, json=body))

    server.on(SEARCH, answer)
    answered = server.source().search(query(), ["lr"])
    assert answered.runs["sys_id"].to_pylist() == [f"VIS-{index}" for index in range(35)]
    assert sorted(answered.values["float"]["run"].to_pylist()) == list(range(35))
    asked = [body["pagination"] for body in server.bodies(SEARCH)]
    assert len(asked) == 5
    assert {"limit": 3, "offset": short + 7} in asked


def test_runs_that_a_server_counts_and_does_not_give_are_an_error(server, monkeypatch):
    monkeypatch.setenv("NEPTUNE_QUERY_EXPERIMENT_SYS_ATTRS_BATCH_SIZE", "10")

    def answer(request: httpx.Request) -> httpx.Response:
        page = json.loads(request.content)["pagination"]
        offsets = range(page["offset"], page["offset"] + page["limit"])
        entries = [entry(offset) for offset in offsets if offset < 35 and offset not in (17, 18, 19)]
        return httpx.Response(200, json={"matchingItemCount": 35, "entries": entries})

    server.on(SEARCH, answer)
    with pytest.raises(MismatchedAnswerError, match="no run at offset 17"):
        server.source().search(query())


def test_a_search_whose_pages_are_full_makes_no_further_request(server, monkeypatch):
    monkeypatch.setenv("NEPTUNE_QUERY_EXPERIMENT_SYS_ATTRS_BATCH_SIZE", "10")
    server.on(SEARCH, searching(35, total=35))
    assert server.source().search(query()).runs.num_rows == 35
    asked = [(body["pagination"]["offset"], body["pagination"]["limit"]) for body in server.bodies(SEARCH)]
    assert sorted(asked) == [(0, 10), (10, 10), (20, 10), (30, 5)]


def test_more_names_than_values_on_a_page_still_bring_a_run_per_page(server, monkeypatch):
    monkeypatch.setattr("neptune_frames.sources.remote.search._VALUES_PER_PAGE", 3)
    server.on(SEARCH, searching(3, total=3))
    answer = server.source().search(query(), ["lr", "missing"])
    assert answer.runs.num_rows == answer.values["float"].num_rows == 3


def test_runs_are_counted_without_any_attribute_of_theirs(server):
    server.on(SEARCH, searching(3, total=3))
    answer = server.source().search(query(), needs=RunNeeds(identity=()))
    assert (answer.runs.num_rows, answer.total) == (3, 3)


def test_a_server_that_repeats_a_page_of_the_search_ends_in_an_error(server, monkeypatch):
    monkeypatch.setenv("NEPTUNE_QUERY_EXPERIMENT_SYS_ATTRS_BATCH_SIZE", "3")
    server.on(
        SEARCH,
        lambda request: httpx.Response(200, json={"matchingItemCount": 0, "entries": [entry(i) for i in range(3)]}),
    )
    with pytest.raises(MismatchedAnswerError, match="same page"):
        server.source().search(query())


def test_only_what_is_needed_of_runs_is_asked_for(server):
    server.on(SEARCH, searching(2, total=2))
    runs = server.source().search(query(), ["lr"], RunNeeds(identity=("experiment",))).runs
    assert [asked["path"] for asked in server.bodies(SEARCH)[0]["attributeFilters"]] == ["sys/name", "lr"]
    assert runs["experiment"].to_pylist() == ["exp-0", "exp-1"]
    assert runs["sys_id"].null_count == runs["run_id"].null_count == 2


def test_a_page_larger_than_its_limit_is_an_error(server):
    server.on(
        SEARCH,
        lambda request: httpx.Response(200, json={"matchingItemCount": 3, "entries": [entry(i) for i in range(3)]}),
    )
    with pytest.raises(MismatchedAnswerError, match="3 entries where 2"):
        server.source().search(query(limit=2))


def test_projected_values_count_their_rows_over_all_pages(server, monkeypatch):
    monkeypatch.setenv("NEPTUNE_QUERY_EXPERIMENT_SYS_ATTRS_BATCH_SIZE", "4")
    server.on(SEARCH, searching(10, total=10))
    answer = server.source().search(query(), ["lr"])
    assert set(answer.values) == {"float"}
    assert sorted(
        zip(answer.values["float"]["run"].to_pylist(), answer.values["float"]["value"].to_pylist(), strict=True)
    ) == [(index, index / 10) for index in range(10)]


def definition_pages(pages: list[tuple[list[tuple[str, str]], str | None]]) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        token = json.loads(request.content)["nextPage"].get("nextPageToken")
        index = 0 if token is None else int(token)
        entries, following = pages[index]
        names = [{"name": name, "type": kind} for name, kind in entries]
        return httpx.Response(200, json={"entries": names, "nextPage": {"nextPageToken": following}})

    return answer


def test_definitions_follow_tokens_and_are_unique_and_sorted(server, monkeypatch):
    monkeypatch.setenv("NEPTUNE_QUERY_ATTRIBUTE_DEFINITIONS_BATCH_SIZE", "2")
    pages = [([("b", "float"), ("a", "int")], "1"), ([("a", "float"), ("b", "float")], "2"), ([("c", "string")], None)]
    server.on(DEFINITIONS, definition_pages(pages))
    table = server.source().definitions([PROJECT], None, EVERYTHING)
    assert table.to_pylist() == [
        {"attribute": name, "type": kind}
        for name, kind in [("a", "float"), ("a", "int"), ("b", "float"), ("c", "string")]
    ]
    assert len(server.bodies(DEFINITIONS)) == 3
    assert "experimentIdsFilter" not in server.bodies(DEFINITIONS)[0]


def test_a_server_that_caps_the_page_of_definitions_loses_none(server):
    pages = [([("a", "float")], "1"), ([("b", "float"), ("c", "float")], "2"), ([("d", "string")], None)]
    server.on(DEFINITIONS, definition_pages(pages))
    table = server.source().definitions([PROJECT], None, EVERYTHING)
    assert table["attribute"].to_pylist() == ["a", "b", "c", "d"]
    assert len(server.bodies(DEFINITIONS)) == 3


def test_tokens_without_an_end_do_not_make_definitions_endless(server):
    pages = [([("a", "float")], "1"), ([], "2"), ([("never asked for", "float")], "3")]
    server.on(DEFINITIONS, definition_pages(pages))
    assert server.source().definitions([PROJECT], None, EVERYTHING)["attribute"].to_pylist() == ["a"]
    assert len(server.bodies(DEFINITIONS)) == 2


def test_definitions_go_on_after_a_page_of_unknown_types_alone(server):
    server.on(DEFINITIONS, definition_pages([([("new", "hologram")], "1"), ([("a", "float")], None)]))
    with pytest.warns(Warning, match="hologram"):
        table = server.source().definitions([PROJECT], None, EVERYTHING)
    assert table["attribute"].to_pylist() == ["a"]


def test_definitions_of_no_runs_make_no_request(server):
    assert server.source().definitions([PROJECT], runs_table(0), EVERYTHING).num_rows == 0
    assert server.requests == []


def test_a_token_that_repeats_ends_in_an_error(server, monkeypatch):
    monkeypatch.setenv("NEPTUNE_QUERY_ATTRIBUTE_DEFINITIONS_BATCH_SIZE", "1")
    server.on(DEFINITIONS, definition_pages([([("a", "int")], "0")]))
    with pytest.raises(MismatchedAnswerError, match="same token"):
        server.source().definitions([PROJECT], None, EVERYTHING)


def value_entry(index: int, *attributes: dict[str, Any]) -> dict[str, Any]:
    identity = {"experimentId": f"uuid-{index}", "experimentShortId": f"VIS-{index}"}
    return {**identity, "projectName": "vision", "organizationName": "acme", "attributes": list(attributes)}


def collect(batches: Any) -> list[tuple[str, int, str, Any]]:
    return sorted(
        (kind, run, name, value)
        for kind, batch in batches
        for run, name, value in zip(
            batch.column("run").to_pylist(),
            batch.column("attribute").to_pylist(),
            batch.column("value").to_pylist(),
            strict=True,
        )
    )


def test_values_continue_after_empty_pages_with_a_token(server):
    pages = [
        {"entries": [value_entry(1, number("lr", 1.0))], "nextPage": {"nextPageToken": "x"}},
        {"entries": [], "nextPage": {"nextPageToken": "y"}},
        {"entries": [value_entry(0, number("lr", 0.5))], "nextPage": {}},
    ]
    server.on(VALUES, *[httpx.Response(200, json=page) for page in pages])
    assert collect(server.source().values(runs_table(2), EVERYTHING)) == [
        ("float", 0, "lr", 0.5),
        ("float", 1, "lr", 1.0),
    ]


def test_values_by_name_leave_out_types_that_were_not_asked_for(server):
    page = {"entries": [value_entry(0, number("lr", 1.0)), value_entry(1, string("lr", "high"))], "nextPage": {}}
    server.on(VALUES, httpx.Response(200, json=page))
    selector = AttributeSelector((AttributeAlternative(("float",), names=("lr",)),))
    assert collect(server.source().values(runs_table(2), selector)) == [("float", 0, "lr", 1.0)]


def test_values_that_two_alternatives_select_come_once(server):
    server.on(
        VALUES,
        lambda request: httpx.Response(200, json={"entries": [value_entry(0, number("lr", 1.0))], "nextPage": {}}),
    )
    alternatives = [AttributeAlternative(("float",), patterns=(NamePattern((text,)),)) for text in ("l", "r")]
    assert collect(server.source().values(runs_table(1), AttributeSelector(tuple(alternatives)))) == [
        ("float", 0, "lr", 1.0)
    ]
    assert len(server.bodies(VALUES)) == 2


def test_values_that_two_alternatives_select_come_once_for_each_run_type_and_page(server):
    """``both`` and ``twice`` match both patterns. One page holds several runs, a run is on several pages."""
    attributes = {
        "l": [("both", "float"), ("left", "float"), ("twice", "float"), ("twice", "string")],
        "r": [("right", "string"), ("both", "float"), ("twice", "string"), ("twice", "float")],
    }

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        pattern = body["attributeNameFilter"]["mustMatchAny"][0]["mustMatchRegexes"][0]
        types = [one["attributeType"] for one in body["attributeFilter"]]
        start = int(body["nextPage"].get("nextPageToken") or 0)
        rows = [(run, name, kind) for run in range(3) for name, kind in attributes[pattern] if kind in types]
        entries = [
            value_entry(run, number(name, run) if kind == "float" else string(name, f"{run}"))
            for run, name, kind in rows[start : start + 3]
        ]
        token = str(start + 3) if start + 3 < len(rows) else None
        return httpx.Response(200, json={"entries": entries, "nextPage": {"nextPageToken": token}})

    server.on(VALUES, answer)
    left = AttributeAlternative(("float",), patterns=(NamePattern(("l",)),))
    right = AttributeAlternative(("float", "string"), patterns=(NamePattern(("r",)),))
    for alternatives in ((left, right), (right, left)):
        found = collect(server.source().values(runs_table(3), AttributeSelector(alternatives)))
        floats = [("float", run, name, run) for run in range(3) for name in ("both", "left", "twice")]
        assert found == floats + [("string", run, name, f"{run}") for run in range(3) for name in ("right", "twice")]


def test_a_name_of_the_dictionary_without_values_in_a_batch_is_left_to_the_filter_that_brings_it(server, monkeypatch):
    """As in answers whose batches share one dictionary of names."""

    def page_of(code: int) -> AttributesPage:
        names = pa.DictionaryArray.from_arrays(pa.array([code], pa.int32()), ["a", "b"])
        columns = [pa.array([0], pa.int32()), names, pa.array([code / 2])]
        batch = pa.RecordBatch.from_arrays(columns, names=["run", "attribute", "value"])
        return AttributesPage(pa.RecordBatch.from_pylist([{"sys_id": "VIS-0"}]), {"float": batch})

    server.on(VALUES, lambda request: httpx.Response(200, content=b"0" if b'["l"]' in request.content else b"1"))
    monkeypatch.setattr(values, "decode_values", lambda body, media_type: page_of(int(bytes(body))))
    alternatives = [AttributeAlternative(("float",), patterns=(NamePattern((text,)),)) for text in "lr"]
    found = collect(server.source().values(runs_table(1), AttributeSelector(tuple(alternatives))))
    assert found == [("float", 0, "a", 0.0), ("float", 0, "b", 0.5)]


def test_overlapping_filters_cost_no_more_per_page_the_more_has_come(server, monkeypatch):
    runs, names, pages = 2_000, 1_000, 30
    rows = np.arange(10_000)
    columns = [
        pa.DictionaryArray.from_arrays(pa.array(rows % names, pa.int32()), [f"a/{i}" for i in range(names)]),
        pa.array(rows / 2),
    ]
    entries = pa.table({"sys_id": [f"VIS-{index}" for index in range(runs)]}).to_batches()[0]

    def page_of(number: int) -> AttributesPage:
        row = pa.array(rows // names + number * 10, pa.int32())
        batch = pa.RecordBatch.from_arrays([row, *columns], names=["run", "attribute", "value"])
        return AttributesPage(
            entries, {"float": batch}, next_page_token=str(number + 1) if number + 1 < pages else None
        )

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=json.loads(request.content)["nextPage"].get("nextPageToken") or "0")

    def seconds(*patterns: str) -> float:
        selector = AttributeSelector(
            tuple(AttributeAlternative(("float",), patterns=(NamePattern((text,)),)) for text in patterns)
        )
        started = time.process_time()
        batches = list(server.source().values(runs_table(runs), selector))
        spent = time.process_time() - started
        assert sum(batch.num_rows for _, batch in batches) == rows.size * pages
        return spent

    server.on(VALUES, answer)
    monkeypatch.setenv("NEPTUNE_QUERY_MAX_WORKERS", "1")
    monkeypatch.setattr(values, "decode_values", lambda body, media_type: page_of(int(bytes(body))))
    assert seconds("a", "b") < 10 * seconds("a") + 0.5


def test_values_of_a_run_that_was_not_asked_for_are_an_error(server):
    server.on(VALUES, httpx.Response(200, json={"entries": [value_entry(7, number("lr", 1.0))], "nextPage": {}}))
    with pytest.raises(MismatchedAnswerError, match="VIS-7"):
        list(server.source().values(runs_table(1), EVERYTHING))


def test_a_selector_that_selects_nothing_makes_no_request(server):
    nothing = AttributeSelector(
        (AttributeAlternative(("float",), patterns=()), AttributeAlternative(("int",), names=()))
    )
    assert list(server.source().values(runs_table(2), nothing)) == []
    assert server.requests == []


class FloatSeries:
    """Series that share their steps; answers as a server does, in any order of entries."""

    def __init__(self, points: dict[str, np.ndarray], *, shuffled: bool = False) -> None:
        self.points = points
        self.shuffled = shuffled

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        entries = [self._entry(body, asked) for asked in body["requests"]]
        return httpx.Response(200, json={"series": entries[::-1] if self.shuffled else entries})

    def _entry(self, body: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
        descending = body["order"] == "descending"
        steps = self.points.get(asked["series"]["attribute"], np.empty(0))
        low, high = body["stepRange"]["from"], body["stepRange"]["to"]
        steps = steps[(steps >= (-np.inf if low is None else low)) & (steps <= (np.inf if high is None else high))]
        after = asked.get("afterStep")
        if after is not None:
            steps = steps[steps < after] if descending else steps[steps > after]
        steps = (steps[::-1] if descending else steps)[: body["perSeriesPointsLimit"]]
        values = [
            {"timestampMillis": 0, "step": step, "value": step * 2, "isPreview": False, "completionRatio": 1.0}
            for step in steps.tolist()
        ]
        return {"requestId": asked["requestId"], "series": {"totalItemCount": len(values), "values": values}}


def keys_of(*names: str, runs: int = 1) -> SeriesKeys:
    return SeriesKeys(runs_table(runs), pa.array(names))


def steps_by_series(batches: Any) -> dict[tuple[int, int], list[float]]:
    """Steps in the order of arrival, pieces put together."""
    found: dict[tuple[int, int], list[float]] = {}
    for batch in batches:
        for run, attribute, points in zip(
            *(batch.column(name).to_pylist() for name in batch.schema.names), strict=True
        ):
            assert all(point["value"] == point["step"] * 2 for point in points)
            found.setdefault((run, attribute), []).extend(point["step"] for point in points)
    return found


@pytest.mark.parametrize("tail", [None, 1, 4, 8, 9, 100])
def test_series_of_unequal_length_come_whole_and_in_step_order(server, monkeypatch, tail):
    monkeypatch.setattr("neptune_frames.sources.remote.float_series.POINTS_PER_ANSWER", 12)
    lengths = {"a": 0, "b": 1, "c": 4, "d": 9}
    server.on(FLOATS, FloatSeries({name: np.arange(n) + 0.5 for name, n in lengths.items()}, shuffled=True))
    found = steps_by_series(server.source().float_points(keys_of(*lengths), SeriesOptions(tail_limit=tail)))
    expected = {
        (0, index): [step + 0.5 for step in range(n)][-(tail or n) :] for index, n in enumerate(lengths.values()) if n
    }
    assert found == expected


def test_step_ranges_are_sent_with_infinite_bounds_left_open(server):
    server.on(FLOATS, FloatSeries({"a": np.arange(5.0)}))
    options = SeriesOptions(step_range=(float("-inf"), 3.0))
    assert steps_by_series(server.source().float_points(keys_of("a"), options)) == {(0, 0): [0.0, 1.0, 2.0, 3.0]}
    assert server.bodies(FLOATS)[0]["stepRange"] == {"from": None, "to": 3.0}


def test_no_request_where_no_point_can_be_selected(server):
    source = server.source()
    for options in (SeriesOptions(tail_limit=0), SeriesOptions(step_range=(float("inf"), None))):
        assert list(source.float_points(keys_of("a"), options)) == []
        assert list(source.object_points(keys_of("a"), options)) == []
    assert list(source.float_points(keys_of(), SeriesOptions())) == []
    assert server.requests == []


def test_custom_run_ids_need_no_search(server):
    server.on(FLOATS, FloatSeries({"a": np.arange(2.0)}))
    source = server.source()
    runs = source.resolve_custom_ids(PROJECT, ["r/1", "r2", "r/1"])
    assert list(steps_by_series(source.float_points(SeriesKeys(runs, pa.array(["a"])), SeriesOptions()))) == [
        (0, 0),
        (1, 0),
    ]
    sent = server.bodies(FLOATS)[0]["requests"]
    assert [asked["series"]["holder"]["identifier"] for asked in sent] == [
        "CUSTOM/acme/vision/r/1",
        "CUSTOM/acme/vision/r2",
    ]


def answered(entries: list[tuple[str, list[float]]]) -> httpx.Response:
    def point(step: float) -> dict[str, Any]:
        return {"timestampMillis": 0, "step": step, "value": step * 2, "isPreview": False, "completionRatio": 1.0}

    series = [
        {"requestId": name, "series": {"totalItemCount": len(steps), "values": [point(step) for step in steps]}}
        for name, steps in entries
    ]
    return httpx.Response(200, json={"series": series})


def test_a_series_left_out_of_the_answer_has_no_points(server):
    server.on(FLOATS, answered([("1", [1.0, 2.0])]))
    assert steps_by_series(server.source().float_points(keys_of("a", "b"), SeriesOptions())) == {(0, 1): [1.0, 2.0]}


@pytest.mark.parametrize(
    ("entries", "message"),
    [([("7", [1.0])], "'7', which was not asked"), ([("0", [1.0]), ("0", [2.0])], "twice")],
)
def test_strange_request_ids_are_an_error(server, entries, message):
    server.on(FLOATS, answered(entries))
    with pytest.raises(MismatchedAnswerError, match=message):
        list(server.source().float_points(keys_of("a", "b"), SeriesOptions()))


@pytest.mark.parametrize("tail", [None, 6])
def test_a_server_that_ignores_after_step_ends_in_an_error(server, monkeypatch, tail):
    monkeypatch.setattr("neptune_frames.sources.remote.float_series.POINTS_PER_ANSWER", 3)
    steps = [1.0, 2.0, 3.0]
    server.on(FLOATS, lambda request: answered([("0", steps[::-1] if tail else steps)]))
    with pytest.raises(MismatchedAnswerError, match="afterStep was ignored"):
        list(server.source().float_points(keys_of("a"), SeriesOptions(tail_limit=tail)))


def test_points_out_of_order_are_put_in_order(server):
    server.on(FLOATS, answered([("0", [3.0, 1.0, 2.0]), ("1", [9.0, 8.0])]))
    found = steps_by_series(server.source().float_points(keys_of("a", "b"), SeriesOptions()))
    assert found == {(0, 0): [1.0, 2.0, 3.0], (0, 1): [8.0, 9.0]}


def object_answer(*entries: tuple[str, list[float], bool | None, str | None]) -> httpx.Response:
    def point(step: float) -> dict[str, Any]:
        base = {"timestampMillis": 0, "step": step, "isPreview": False, "completionRatio": 1.0}
        return {**base, "object": {"stringValue": f"at {step}"}}

    series = []
    for name, steps, finished, token in entries:
        one: dict[str, Any] = {"requestId": name, "series": {"values": [point(step) for step in steps]}}
        if finished is not None:
            one["searchAfter"] = {"finished": finished, "token": token}
        series.append(one)
    return httpx.Response(200, json={"series": series})


def object_steps(batches: Any) -> dict[tuple[int, int], list[float]]:
    found: dict[tuple[int, int], list[float]] = {}
    for batch in batches:
        for run, attribute, points in zip(
            *(batch.column(name).to_pylist() for name in batch.schema.names), strict=True
        ):
            assert [point["string"] for point in points] == [f"at {point['step']}" for point in points]
            found.setdefault((run, attribute), []).extend(point["step"] for point in points)
    return found


def test_object_series_continue_by_token_until_all_are_finished(server):
    server.on(
        OBJECTS,
        object_answer(("2", [1.0], False, "t2"), ("0", [1.0, 2.0], True, "t0"), ("1", [], None, None)),
        object_answer(("1", [5.0], True, "t1"), ("2", [2.0], True, "t3")),
    )
    found = object_steps(server.source().object_points(keys_of("a", "b", "c", "missing"), SeriesOptions()))
    assert found == {(0, 0): [1.0, 2.0], (0, 1): [5.0], (0, 2): [1.0, 2.0]}
    asked = {one["requestId"]: one.get("searchAfter") for one in server.bodies(OBJECTS)[1]["requests"]}
    assert asked == {"1": None, "2": {"finished": False, "token": "t2"}}


def test_an_object_answer_without_progress_ends_the_paging(server):
    server.on(OBJECTS, object_answer(("0", [], None, None)))
    assert object_steps(server.source().object_points(keys_of("a"), SeriesOptions())) == {}


def test_object_tails_come_in_step_order(server):
    server.on(OBJECTS, object_answer(("0", [9.0, 8.0], False, "t")), object_answer(("0", [7.0], True, "u")))
    found = object_steps(server.source().object_points(keys_of("a"), SeriesOptions(tail_limit=3)))
    assert found == {(0, 0): [7.0, 8.0, 9.0]}
    assert server.bodies(OBJECTS)[0]["perSeriesPointsLimit"] == 3


def object_pages(*pages: tuple[list[float], str]) -> Any:
    """One series that is never finished; after the last page the first one comes again."""
    turn = itertools.cycle(pages)

    def answer(request: httpx.Request) -> httpx.Response:
        steps, token = next(turn)
        return object_answer(("0", steps, False, token))

    return answer


@pytest.mark.parametrize(
    ("pages", "tail"),
    [
        ([([1.0], "same")], None),
        ([([1.0, 2.0], "a"), ([3.0], "b")], None),
        ([([9.0, 8.0], "a"), ([7.0], "b")], 5),
        ([([1.0], "a"), ([], "b"), ([2.0], "c"), ([2.0, 3.0], "d")], None),
    ],
)
def test_object_points_that_come_again_end_in_an_error(server, pages, tail):
    server.on(OBJECTS, object_pages(*pages))
    with pytest.raises(MismatchedAnswerError, match=r"sent points again .*searchAfter was ignored"):
        list(server.source().object_points(keys_of("a"), SeriesOptions(tail_limit=tail)))


@pytest.mark.parametrize("tokens", [("same",), ("a", "b"), ("a", "b", "c")])
def test_object_tokens_that_come_again_without_points_end_in_an_error(server, tokens):
    server.on(OBJECTS, object_pages(*(([], token) for token in tokens)))
    with pytest.raises(MismatchedAnswerError, match="same token"):
        list(server.source().object_points(keys_of("a"), SeriesOptions()))


def test_an_object_page_without_points_is_gone_beyond(server):
    server.on(
        OBJECTS,
        object_answer(("0", [1.0], False, "t"), ("1", [], False, "u")),
        object_answer(("0", [], False, "v"), ("1", [], False, "w")),
        object_answer(("0", [2.0], True, "x"), ("1", [], False, "w")),
        object_answer(("1", [5.0], True, "y")),
    )
    found = object_steps(server.source().object_points(keys_of("a", "b"), SeriesOptions()))
    assert found == {(0, 0): [1.0, 2.0], (0, 1): [5.0]}

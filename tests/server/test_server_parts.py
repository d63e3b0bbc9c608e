"""The server's pieces by themselves: filters, page tokens, the cache, cutting answers to size."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptune_frames.query.selection import AttributeAlternative, AttributeSelector, NamePattern
from neptune_frames.schemas import OBJECT_POINT, RUNS, float_point
from neptune_frames.server.buckets import attribute_names
from neptune_frames.server.cache import ENTRY_BYTES, BytesBoundedCache
from neptune_frames.server.errors import ApiError
from neptune_frames.server.float_series import answer as answer_floats
from neptune_frames.server.limits import Limits
from neptune_frames.server.object_series import POINT_BYTES, answer
from neptune_frames.server.paging import page_bounds, token_after, whole_answer
from neptune_frames.server.read_ahead import first_points
from neptune_frames.server.selectors import ALL_TYPES, make_selector
from neptune_frames.server.series import find_series, read_points, series_groups
from neptune_frames.server.state import ServerState
from neptune_frames.sources.archive import RunLookup
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.wire.requests import (
    SERIES_REQUESTS,
    AttributeTypeFilter,
    DefinitionsRequest,
    FloatSeriesRequest,
    NameFilter,
    NextPage,
    ObjectSeriesRequest,
)


class ScriptedSource:
    """Runs ``p/w/R-0`` ... and series whose point i has step i; counts the pages it is asked for."""

    def __init__(self, lengths: dict[tuple[int, str], int], runs: int = 3, text: str = "x") -> None:
        self.lengths, self.run_count, self.text = lengths, runs, text
        self.asked: list[tuple[Any, ...]] = []
        self.version = 0

    def find_runs(self, identifiers: Any, projects: Any = None) -> RunLookup:
        ids = pa.array(identifiers, pa.string()).to_pylist()
        known = [f"p/w/R-{number}" for number in range(self.run_count)]
        rows = [{"project": "p/w", "sys_id": f"R-{number}"} for number in range(self.run_count)]
        positions = np.array([known.index(name) if name in known else -1 for name in ids], np.int32)
        return RunLookup(pa.Table.from_pylist(rows, schema=RUNS), positions, (self.version,))

    def series_page(
        self,
        keys: SeriesKeys,
        options: Any,
        *,
        limit: int,
        objects: bool = False,
        descending: bool = False,
        after: Any = None,
    ) -> pa.Table:
        self.asked.append((options.kind.value, options.lineage, options.include_previews, len(keys)))
        point = OBJECT_POINT if objects else float_point(time=True, preview=True)
        runs, attributes = keys.positions()
        pages, totals = [], []
        for number, (run, attribute) in enumerate(zip(runs, attributes, strict=True)):
            name = keys.attributes[int(attribute)].as_py()
            steps = list(range(self.lengths.get((int(run), name), 0)))
            totals.append(len(steps))
            if descending:
                steps.reverse()
            if after is not None and not np.isnan(after[number]):
                steps = [step for step in steps if (step < after[number] if descending else step > after[number])]
            pages.append([self._point(step, objects) for step in steps[:limit]])
        column = pa.array(pages, pa.large_list(pa.field("item", point, nullable=False)))
        return pa.table({"points": column, "total": pa.array(totals, pa.int64())})

    def _point(self, step: int, objects: bool) -> dict[str, Any]:
        if objects:
            return {"step": step, "string": self.text}
        return {"step": step, "value": step, "is_preview": False, "preview_completion": 1.0}


def state_over(source: Any, **limits: Any) -> ServerState:
    return ServerState(source, limits=Limits(**limits))


def requests(*rows: dict[str, Any]) -> pa.RecordBatch:
    full = [{"request_id": str(number), **row} for number, row in enumerate(rows)]
    return pa.RecordBatch.from_pylist(full, schema=SERIES_REQUESTS)


# --- name and type filters ------------------------------------------------------------------------


def only(selector: AttributeSelector) -> AttributeAlternative:
    (alternative,) = selector.alternatives
    return alternative


def test_no_filter_selects_everything() -> None:
    assert only(make_selector()) == AttributeAlternative(ALL_TYPES)
    assert only(make_selector(name_filter=NameFilter())) == AttributeAlternative(ALL_TYPES)


def test_empty_alternatives_select_nothing() -> None:
    assert only(make_selector(name_filter=NameFilter(must_match_any=[]))).patterns == ()


def test_alternatives_are_a_disjunction() -> None:
    name_filter = NameFilter(
        must_match_any=[NameFilter(must_match_regexes=["a"], must_not_match_regexes=["b"]), NameFilter()]
    )
    assert only(make_selector(name_filter=name_filter)).patterns == (NamePattern(("a",), ("b",)), NamePattern())


def test_top_level_regexes_are_one_conjunction() -> None:
    name_filter = NameFilter(must_match_regexes=["a", "b"], must_not_match_regexes=["c"])
    assert only(make_selector(name_filter=name_filter)).patterns == (NamePattern(("a", "b"), ("c",)),)


def test_deprecated_regex_counts_only_alone() -> None:
    assert only(make_selector(name_regex="x")).patterns == (NamePattern(("x",)),)
    name_filter = NameFilter(must_match_regexes=["a"])
    assert only(make_selector(name_regex="x", name_filter=name_filter)).patterns == (NamePattern(("a",)),)


def test_types_are_translated_and_unknown_ones_select_nothing() -> None:
    types = [AttributeTypeFilter("floatSeries"), AttributeTypeFilter("gitRef"), AttributeTypeFilter("fileRef")]
    assert only(make_selector(types=types)).types == ("float_series", "file")
    assert only(make_selector(types=[])).types == ()


@pytest.mark.parametrize(
    "name_filter",
    [
        NameFilter(must_match_any=[], must_match_regexes=["a"]),
        NameFilter(must_match_any=[NameFilter(must_match_any=[])]),
    ],
)
def test_contradicting_name_filters_are_refused(name_filter: NameFilter) -> None:
    with pytest.raises(ApiError) as error:
        make_selector(name_filter=name_filter)
    assert error.value.status == 400


# --- page tokens ----------------------------------------------------------------------------------


@given(total=st.integers(0, 40), limit=st.integers(1, 10))
@settings(deadline=None, max_examples=60)
def test_pages_cover_everything_once_and_are_full(total: int, limit: int) -> None:
    token, seen, pages = None, [], []
    for _ in range(total + 2):
        start, length = page_bounds(NextPage(limit, token))
        page = list(range(total))[start : start + length]
        seen += page
        pages.append(len(page))
        token = token_after(start, length, total)
        if token is None:
            break
    assert seen == list(range(total))
    assert all(size == limit for size in pages[:-1])


@pytest.mark.parametrize("token", ["x", "-1", "1.5", "9" * 20, "١"])
def test_foreign_tokens_are_refused(token: str) -> None:
    with pytest.raises(ApiError) as error:
        page_bounds(NextPage(1, token))
    assert error.value.status == 400


def test_limit_zero_ends_the_paging() -> None:
    assert token_after(0, 0, 10) is None


# --- the cache ------------------------------------------------------------------------------------


def test_cache_forgets_the_least_recently_used() -> None:
    cache = BytesBoundedCache(10 + 2 * ENTRY_BYTES)
    cache.put("a", 1, 5)
    cache.put("b", 2, 5)
    assert cache.get("a") == 1
    cache.put("c", 3, 5)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)


def test_cache_does_not_keep_what_exceeds_it() -> None:
    cache = BytesBoundedCache(10 + ENTRY_BYTES)
    cache.put("a", 1, 4)
    cache.put("a", 2, 11)
    assert cache.get("a") is None
    cache.put("b", 3, 10)
    assert cache.get("b") == 3


def test_entries_without_content_count_too() -> None:
    cache = BytesBoundedCache(10 * ENTRY_BYTES)
    for number in range(100):
        cache.put(number, number, 0)
    assert [number for number in range(100) if cache.get(number) is not None] == list(range(90, 100))


@pytest.mark.parametrize(("token", "kept"), [(None, True), ("3", True), ("6", False), ("9", False)])
def test_answers_are_kept_for_pages_that_follow_only(token: str | None, kept: bool) -> None:
    state = state_over(ScriptedSource({}))
    first, following = (DefinitionsRequest(next_page=NextPage(3, start)) for start in (token, "3"))
    computed = Mock(side_effect=lambda: pa.table({"name": ["a"] * 8}))
    for request in (first, following):
        assert whole_answer(state, "p/w", request, computed).num_rows == 8
    assert computed.call_count == (1 if kept else 2)


# --- series in the order of the request -----------------------------------------------------------


def test_series_come_in_request_order_whatever_their_options() -> None:
    source = ScriptedSource({(0, "a"): 3, (1, "a"): 2, (2, "b"): 1})
    series = requests(
        {"holder": "p/w/R-1", "attribute": "a", "lineage": "NONE", "entity_type": "EXPERIMENT"},
        {"holder": "p/w/R-9", "attribute": "a"},
        {"holder": "p/w/R-0", "attribute": "a", "lineage": "FULL", "include_preview": True},
        {"holder": "p/w/R-0", "attribute": "none"},
        {"holder": "p/w/R-2", "attribute": "b", "lineage": "NONE", "entity_type": "EXPERIMENT"},
        {"holder": "p/w/R-0", "attribute": "a", "lineage": "FULL", "include_preview": True},
    )
    state = state_over(source)
    point = float_point(time=True, preview=True)
    lookup = find_series(state, series)
    points, total = read_points(state, lookup, series, (None, None), point, limit=10, descending=False, after=None)
    assert [len(found) for found in points.to_pylist()] == [2, 0, 3, 0, 1, 3]
    assert total.tolist() == [2, 0, 3, 0, 1, 3]
    assert sorted(source.asked) == [
        ("experiment", False, False, 2),
        ("run", True, False, 1),
        ("run", True, True, 2),
    ]


def test_no_series_give_no_rows() -> None:
    state = state_over(ScriptedSource({}))
    point = float_point(time=True, preview=True)
    lookup = find_series(state, requests())
    points, total = read_points(state, lookup, requests(), (None, None), point, limit=1, descending=False, after=None)
    assert len(points) == len(total) == 0


@pytest.mark.parametrize("row", [{"lineage": "SOME"}, {"entity_type": "run"}])
def test_unknown_words_are_refused(row: dict[str, Any]) -> None:
    state = state_over(ScriptedSource({}))
    series = requests({"holder": "p/w/R-0", "attribute": "a", **row})
    with pytest.raises(ApiError) as error:
        list(series_groups(find_series(state, series), series, (None, None)))
    assert error.value.status == 400


# --- object series: tokens, caps, answers bounded in bytes ----------------------------------------


def read_all(
    state: ServerState, series: dict[str, tuple[str, str]], *, cap: int | None = None, order: str = "descending"
) -> tuple[dict[str, list[float]], int]:
    """Page as neptune-query does; returns steps by request id and the number of answers."""
    steps: dict[str, list[float]] = {name: [] for name in series}
    open_tokens: dict[str, str | None] = dict.fromkeys(series)
    for answers in range(1, 200):
        rows = [
            {"request_id": name, "holder": series[name][0], "attribute": series[name][1], "token": token}
            for name, token in open_tokens.items()
        ]
        page = answer(state, ObjectSeriesRequest(requests(*rows), cap, (None, None), order)).to_pylist()
        assert [entry["request_id"] for entry in page] == list(open_tokens)
        for entry in page:
            steps[entry["request_id"]] += [point["step"] for point in entry["points"]]
        open_tokens = {entry["request_id"]: entry["token"] for entry in page if not entry["finished"]}
        if not open_tokens or all(entry["finished"] is None for entry in page):
            return steps, answers
    raise AssertionError("paging does not end")


SERIES = {"0": ("p/w/R-0", "a"), "1": ("p/w/R-1", "a"), "2": ("p/w/R-9", "a"), "3": ("p/w/R-2", "b")}
LENGTHS = {(0, "a"): 7, (1, "a"): 0, (2, "b"): 5}


@pytest.mark.parametrize("order", ["ascending", "descending"])
@pytest.mark.parametrize("size", [1, 100, 200, 10_000])
@pytest.mark.parametrize("cap", [None, 0, 1, 3, 100])
def test_paging_ends_with_everything_up_to_the_cap(order: str, size: int, cap: int | None) -> None:
    state = state_over(ScriptedSource(LENGTHS), object_answer_bytes=size)
    steps, answers = read_all(state, SERIES, cap=cap, order=order)
    for name, length in (("0", 7), ("1", 0), ("2", 0), ("3", 5)):
        expected = list(range(length))
        if order == "descending":
            expected.reverse()
        assert steps[name] == expected[:cap]
    points = sum(len(found) for found in steps.values())
    assert (answers == 1) == (points * (POINT_BYTES + len("x")) <= size)


def test_series_without_room_carry_no_progress() -> None:
    state = state_over(ScriptedSource(LENGTHS), object_answer_bytes=1)
    series = requests({"holder": "p/w/R-0", "attribute": "a"}, {"holder": "p/w/R-2", "attribute": "b"})
    page = answer(state, ObjectSeriesRequest(series, None)).to_pylist()
    assert [(entry["finished"], entry["token"] is None, len(entry["points"])) for entry in page] == [
        (False, False, 1),
        (None, True, 0),
    ]


@pytest.mark.parametrize("token", ["x", "1", "1@", "@1", "-1@1.0", "1@one", "9999999999999999@1", "1@1\n"])
def test_foreign_search_tokens_are_refused(token: str) -> None:
    state = state_over(ScriptedSource(LENGTHS))
    series = requests({"holder": "p/w/R-0", "attribute": "a", "token": token})
    with pytest.raises(ApiError) as error:
        answer(state, ObjectSeriesRequest(series, None))
    assert error.value.status == 400


def test_too_many_object_series_are_refused() -> None:
    state = state_over(ScriptedSource({}), object_series=2)
    series = requests(*[{"holder": "p/w/R-0", "attribute": str(number)} for number in range(3)])
    with pytest.raises(ApiError) as error:
        answer(state, ObjectSeriesRequest(series, None))
    assert error.value.status == 400


# --- reading ahead --------------------------------------------------------------------------------

FLOAT_SERIES = {"0": ("p/w/R-0", "a"), "1": ("p/w/R-1", "a"), "2": ("p/w/R-9", "a"), "3": ("p/w/R-2", "b")}
FLOAT_LENGTHS = {(0, "a"): 23, (1, "a"): 4, (2, "b"): 17}


def read_all_floats(state: ServerState, order: str, points_per_answer: int) -> dict[str, list[float]]:
    """Page as neptune-query does: a series goes on while its page was full; the limit depends on their number."""
    steps: dict[str, list[float]] = {name: [] for name in FLOAT_SERIES}
    going_on: dict[str, float | None] = dict.fromkeys(FLOAT_SERIES)
    for _ in range(100):
        limit = max(1, points_per_answer // len(going_on))
        rows = [
            {
                "request_id": name,
                "holder": FLOAT_SERIES[name][0],
                "attribute": FLOAT_SERIES[name][1],
                "after_step": step,
            }
            for name, step in going_on.items()
        ]
        page = answer_floats(state, FloatSeriesRequest(requests(*rows), limit, (None, None), order)).to_pylist()
        assert [entry["request_id"] for entry in page] == list(going_on)
        for entry in page:
            steps[entry["request_id"]] += [point["step"] for point in entry["points"]]
        going_on = {entry["request_id"]: entry["points"][-1]["step"] for entry in page if len(entry["points"]) == limit}
        if not going_on:
            return steps
    raise AssertionError("paging does not end")


@pytest.mark.parametrize("order", ["ascending", "descending"])
@pytest.mark.parametrize("points_per_answer", [4, 13, 1000])
@pytest.mark.parametrize(("cache_bytes", "read"), [(0, 1), (1 << 20, 1), (1 << 20, 30), (1 << 20, 10_000)])
def test_float_pages_add_up(order: str, points_per_answer: int, cache_bytes: int, read: int) -> None:
    state = state_over(ScriptedSource(FLOAT_LENGTHS), cache_bytes=cache_bytes, float_points_read=read)
    steps = read_all_floats(state, order, points_per_answer)
    for name, length in (("0", 23), ("1", 4), ("2", 0), ("3", 17)):
        expected = list(range(length))
        assert steps[name] == (expected if order == "ascending" else expected[::-1])


def test_next_pages_come_from_what_was_read_ahead() -> None:
    source = ScriptedSource(FLOAT_LENGTHS)
    read_all_floats(state_over(source), "descending", 4)
    # The first page reads no more than it shows, the second reads all there is.
    assert len(source.asked) == 2
    forgetful = ScriptedSource(FLOAT_LENGTHS)
    read_all_floats(state_over(forgetful, cache_bytes=0), "descending", 4)
    assert len(forgetful.asked) > 5


def test_what_was_read_ahead_is_of_one_state_of_the_archive() -> None:
    source = ScriptedSource({(0, "a"): 4})
    state = state_over(source)

    def steps(after: float) -> list[float]:
        series = requests({"holder": "p/w/R-0", "attribute": "a", "after_step": after})
        (entry,) = answer_floats(state, FloatSeriesRequest(series, 2)).to_pylist()
        return [point["step"] for point in entry["points"]]

    assert (steps(1), steps(3)) == ([2, 3], [])
    assert len(source.asked) == 1
    source.lengths, source.version = {(0, "a"): 7}, 1
    assert steps(3) == [4, 5]


def test_a_first_question_is_never_answered_from_what_was_read_ahead() -> None:
    source = ScriptedSource({(0, "a"): 1, (1, "a"): 1})
    state = state_over(source, object_answer_bytes=1)
    both = requests({"holder": "p/w/R-0", "attribute": "a"}, {"holder": "p/w/R-1", "attribute": "a"})
    assert [len(entry["points"]) for entry in answer(state, ObjectSeriesRequest(both, None)).to_pylist()] == [1, 0]
    source.lengths = {(1, "a"): 2}
    second = requests({"holder": "p/w/R-1", "attribute": "a"})
    assert answer(state, ObjectSeriesRequest(second, None)).to_pylist()[0]["finished"] is False


def test_limits_of_float_requests() -> None:
    state = state_over(ScriptedSource(FLOAT_LENGTHS), float_points=10)
    series = requests({"holder": "p/w/R-0", "attribute": "a"}, {"holder": "p/w/R-1", "attribute": "a"})
    for limit in (-1, 0, 6, 11):
        with pytest.raises(ApiError) as error:
            answer_floats(state, FloatSeriesRequest(series, limit))
        assert error.value.status == 400
    assert answer_floats(state, FloatSeriesRequest(series, 5)).num_rows == 2


@given(lists=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8), skip=st.integers(0, 2))
@settings(deadline=None, max_examples=60)
def test_first_points_of_each_list(lists: list[tuple[int, int]], skip: int) -> None:
    items = [[{"step": float(step), "string": str(step)} for step in range(length)] for length, _ in lists]
    points = pa.array(items, pa.large_list(pa.field("item", OBJECT_POINT, nullable=False))).slice(skip)
    counts = np.array([min(length, count) for length, count in lists], np.int64)[skip:]
    cut = first_points(points, counts)
    cut.validate(full=True)
    assert cut.type == points.type
    assert cut.to_pylist() == [points[row].as_py()[:count] for row, count in enumerate(counts.tolist())]


# --- bucket formulas ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "name"),
    [
        ("${a/b}", "a/b"),
        (r"${a\{b\}}", "a{b}"),
        (r"${a\$b}", "a$b"),
        (r"${a\\b}", "a\\b"),
        ("${ loss }", " loss "),
        ("${line\nbreak}", "line\nbreak"),
    ],
)
def test_formula_names_an_attribute(formula: str, name: str) -> None:
    assert attribute_names(pa.array([formula])).to_pylist() == [name]


@pytest.mark.parametrize("formula", ["", "a", "${a} + 1", "${a}${b}", "${a$b}", "${a\\}", "log(${a})", "${a\\n}"])
def test_other_formulas_are_refused(formula: str) -> None:
    with pytest.raises(ApiError) as error:
        attribute_names(pa.array(["${fine}", formula]))
    assert error.value.status == 400

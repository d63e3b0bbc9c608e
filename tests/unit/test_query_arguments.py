"""Argument checks: every row of the neptune_query reference 2.2 that concerns them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from neptune_frames.errors import NeptuneProjectNotProvided, QuerySyntaxError
from neptune_frames.query import arguments
from neptune_frames.query.arguments import resolve_attributes, resolve_project, resolve_run_filter, resolve_sort
from neptune_frames.query.attributes import KNOWN_TYPES
from neptune_frames.query.filters import Attribute, AttributeFilter, Filter
from neptune_frames.query.nql import render
from neptune_frames.query.selection import AttributeAlternative, AttributeSelector, ContainerKind, NamePattern

NAN, INF = float("nan"), float("inf")
SERIES = ("string_series", "histogram_series", "file_series")


def test_project(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_project("w/p") == "w/p"
    for absent in (None, ""):
        with pytest.raises(NeptuneProjectNotProvided, match="NEPTUNE_PROJECT"):
            resolve_project(absent)
    monkeypatch.setenv("NEPTUNE_PROJECT", "w/q")
    assert [resolve_project(None), resolve_project(""), resolve_project("w/p")] == ["w/q", "w/q", "w/p"]
    with pytest.raises(ValueError, match="project must be a string"):
        resolve_project(5)  # type: ignore[arg-type]


class Text(str):
    """Text that does not write itself as it is."""

    def __str__(self) -> str:
        return "another text"


def test_names_and_patterns_become_plain_text() -> None:
    name = Text("a")
    found = [resolve_project(name), resolve_sort(name).name, resolve_sort(Attribute(name)).name]
    for attributes in ([name], AttributeFilter([name]), name, AttributeFilter(name)):
        (alternative,) = resolve_attributes(attributes, None, "attributes").alternatives
        found += alternative.names or [text for each in alternative.patterns or () for text in each.must_match]
    assert found == ["a"] * 7
    assert {type(each) for each in found} == {str}
    assert str(Filter.exists(name) & Filter.eq(Attribute(name, "int"), name)) == '(`a` EXISTS) AND (`a`:int == "a")'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("re.*", '((`sys/name`:string MATCHES "re.*"))'),
        ("", '((`sys/name`:string MATCHES ""))'),
        (["e1"], '(`sys/name`:string == "e1")'),
        (["a.*", "b", "a.*"], '(`sys/name`:string == "a.*") OR (`sys/name`:string == "b")'),
        ([1], '(`sys/name`:string == "1")'),
        (Filter.eq("x", 1), '`x` == "1"'),
    ],
)
def test_run_filter(value: Any, text: str) -> None:
    expression = resolve_run_filter(value, ContainerKind.EXPERIMENT, "experiments")
    assert expression is not None
    assert render(expression) == text
    if not isinstance(value, Filter):
        for_runs = resolve_run_filter(value, ContainerKind.RUN, "runs")
        assert for_runs is not None
        assert render(for_runs) == text.replace("sys/name", "sys/custom_run_id")


def test_no_run_filter() -> None:
    assert resolve_run_filter(None, ContainerKind.RUN, "runs") is None


def test_bad_run_filters() -> None:
    with pytest.raises(ValueError, match=r"experiments: .* got an empty list"):
        resolve_run_filter([], ContainerKind.EXPERIMENT, "experiments")
    for value in (("a",), {"a"}, 1, b"a", Attribute("a"), AttributeFilter("a"), Filter):
        with pytest.raises(ValueError, match="runs: expected a string, a non-empty list of strings or a Filter, got"):
            resolve_run_filter(value, ContainerKind.RUN, "runs")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Invalid value None"):
        resolve_run_filter([None], ContainerKind.RUN, "runs")  # type: ignore[list-item]
    with pytest.raises(QuerySyntaxError):
        resolve_run_filter("(", ContainerKind.RUN, "runs")


def test_attributes() -> None:
    everything = AttributeSelector((AttributeAlternative(KNOWN_TYPES),))
    assert resolve_attributes(None, None, "attributes") == everything
    assert resolve_attributes(None, ["float_series"], "y") == AttributeSelector(
        (AttributeAlternative(("float_series",)),)
    )
    pattern = (NamePattern(("a",), ("b",)),)
    assert resolve_attributes("a & !b", ["float_series"], "y") == AttributeSelector(
        (AttributeAlternative(("float_series",), patterns=pattern),)
    )
    names = resolve_attributes(["b", "a", "b"], None, "attributes")
    assert names == AttributeSelector((AttributeAlternative(KNOWN_TYPES, names=("b", "a")),), plain_names=("b", "a"))
    assert resolve_attributes([], None, "attributes").plain_names == ()


def test_attribute_filters_are_narrowed() -> None:
    both = AttributeFilter("a", ["int", "float_series"]) | AttributeFilter(["b"])
    selector = resolve_attributes(both, ["float_series"], "attributes")
    assert selector.plain_names is None
    assert selector.alternatives == (
        AttributeAlternative(("float_series",), patterns=(NamePattern(("a",)),)),
        AttributeAlternative(("float_series",), names=("b",)),
    )
    assert resolve_attributes(AttributeFilter(type=[]), None, "attributes").alternatives[0].types == ()


@pytest.mark.parametrize("narrow", [AttributeFilter("a", "int"), AttributeFilter("a") | AttributeFilter("b", "int")])
def test_attribute_filters_without_a_supported_type(narrow: Any) -> None:
    with pytest.raises(ValueError, match=r"y: Only float_series type is supported, got the types \['int'\]"):
        resolve_attributes(narrow, ["float_series"], "y")
    with pytest.raises(ValueError, match="Only string_series, histogram_series or file_series type is supported"):
        resolve_attributes(narrow, SERIES, "attributes")


def test_attribute_filters_without_any_type() -> None:
    with pytest.raises(ValueError, match="Only float_series"):
        resolve_attributes(AttributeFilter("a", []), ["float_series"], "attributes")


@pytest.mark.parametrize("value", [("a",), {"a"}, 1, [1], [None], Filter.exists("a"), Attribute("a")])
def test_bad_attributes(value: Any) -> None:
    with pytest.raises(ValueError, match="attributes: expected a string, a list of strings or an AttributeFilter, got"):
        resolve_attributes(value, None, "attributes")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((None, None), (None, None)),
        ((1, 2.5), (1.0, 2.5)),
        ((5, 5), (5.0, 5.0)),
        ((-3, None), (-3.0, None)),
        ((np.float64(0.5), None), (0.5, None)),
    ],
)
def test_step_range(value: Any, expected: tuple[float | None, float | None]) -> None:
    assert arguments.check_step_range(value) == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "tuple of two values"),
        ([1, 2], "tuple of two values"),
        ((1,), "tuple of two values"),
        ((1, 2, 3), "tuple of two values"),
        (("1", None), "start must be None or a number"),
        ((None, "2"), "end must be None or a number"),
        ((np.int64(1), None), "start must be None or a number"),
        ((2, 1), "less than or equal"),
        ((NAN, 1), "start must be a finite number"),
        ((None, NAN), "end must be a finite number"),
        ((-INF, INF), "start must be a finite number"),
        ((10**400, None), "start must be a finite number"),
    ],
)
def test_bad_step_ranges(value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=f"step_range.*{reason}"):
        arguments.check_step_range(value)


@pytest.mark.parametrize("check", [arguments.check_limit, arguments.check_tail_limit])
def test_limits(check: Callable[[Any], int | None]) -> None:
    assert [check(None), check(1), check(True), check(10**9)] == [None, 1, 1, 10**9]
    assert check(2**100) == 2**63 - 1
    for value in (1.0, "1", np.int64(1), NAN):
        with pytest.raises(ValueError, match="limit must be None or an integer"):
            check(value)
    for value in (0, -1, False):
        with pytest.raises(ValueError, match="limit must be greater than 0"):
            check(value)


def test_bucket_limit() -> None:
    assert [arguments.check_bucket_limit(each) for each in (1, 1000)] == [1, 1000]
    for value, reason in (
        (0, "greater than 0, got 0"),
        (-1, "greater than 0"),
        (1001, "not be greater than 1000, got 1001"),
        (1.0, "an integer"),
        (None, "an integer"),
        (np.int64(5), "an integer"),
    ):
        with pytest.raises(ValueError, match=reason):
            arguments.check_bucket_limit(value)


def test_choices() -> None:
    assert [arguments.check_include_time(each) for each in (None, "absolute")] == [False, True]
    for value in ("", 0, "relative", True):
        with pytest.raises(ValueError, match="include_time must be 'absolute'"):
            arguments.check_include_time(value)
    assert [arguments.check_sort_direction(each) for each in ("asc", "desc")] == [False, True]
    for value in ("ASC", "", None, 1):
        with pytest.raises(ValueError, match=f"sort_direction must be 'asc' or 'desc', got {value!r}"):
            arguments.check_sort_direction(value)
    arguments.check_x("step")
    for value in ("time", None):
        with pytest.raises(ValueError, match=f"x must be 'step', got {value!r}"):
            arguments.check_x(value)


def test_sort() -> None:
    given = Attribute("lr", "float")
    resolved = resolve_sort(given)
    assert resolved == given
    assert resolved is not given
    assert resolve_sort("lr") == Attribute("lr")
    for value in (None, 3, ["lr"], Filter.exists("lr")):
        with pytest.raises(ValueError, match="sort_by: expected a string or an Attribute, got"):
            resolve_sort(value)  # type: ignore[arg-type]


def test_long_values_are_named_by_their_type_only() -> None:
    with pytest.raises(ValueError, match=r"got dict$"):
        resolve_run_filter({"a" * 500: 1}, ContainerKind.RUN, "runs")  # type: ignore[arg-type]

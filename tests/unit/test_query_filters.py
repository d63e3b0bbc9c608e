"""`Filter`: the text it stands for (http-api reference 11.2), and what its builders refuse."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
import pytest

from neptune_frames.errors import QuerySyntaxError
from neptune_frames.query.arguments import resolve_run_filter
from neptune_frames.query.filters import (
    KNOWN_TYPES,
    Attribute,
    AttributeFilter,
    BaseAttributeFilter,
    Filter,
    literal_text,
)
from neptune_frames.query.literals import parse_datetime
from neptune_frames.query.nql import parse, render
from neptune_frames.query.selection import ContainerKind

A, F = Attribute, Filter
a, b, c = F.eq("a", 1), F.eq("b", 2), F.eq("c", 3)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


OFFICIAL: list[tuple[Callable[[], Filter], str]] = [
    (lambda: F.eq(A("lr", "float"), 0.1), '`lr`:float == "0.1"'),
    (lambda: F.ne(A("lr", "float"), 0.1), '`lr`:float != "0.1"'),
    (lambda: F.gt(A("lr", "float"), 0.1), '`lr`:float > "0.1"'),
    (lambda: F.ge(A("lr", "float"), 0.1), '`lr`:float >= "0.1"'),
    (lambda: F.lt(A("lr", "float"), 0.1), '`lr`:float < "0.1"'),
    (lambda: F.le(A("lr", "float"), 0.1), '`lr`:float <= "0.1"'),
    (lambda: F.eq(A("a/b", "int"), 1), '`a/b`:int == "1"'),
    (lambda: F.eq(A("a/b", "string_set"), 1), '`a/b`:stringSet == "1"'),
    (lambda: F.eq(A("a/b", "float_series"), 1), '`a/b`:floatSeries == "1"'),
    (lambda: F.eq(A("a/b", "string_series"), 1), '`a/b`:stringSeries == "1"'),
    (lambda: F.eq(A("a/b", "file"), 1), '`a/b`:fileRef == "1"'),
    (lambda: F.eq(A("a/b", "file_series"), 1), '`a/b`:fileRefSeries == "1"'),
    (lambda: F.eq(A("a/b", "histogram_series"), 1), '`a/b`:histogramSeries == "1"'),
    (lambda: F.eq("a/b", 1), '`a/b` == "1"'),
    (lambda: F.eq("x", 1.0), '`x` == "1.0"'),
    (lambda: F.eq("x", 1e-7), '`x` == "1e-07"'),
    (lambda: F.eq("x", 1e22), '`x` == "1e+22"'),
    (lambda: F.eq("x", np.float64(0.5)), '`x` == "0.5"'),
    (lambda: F.eq("x", float("-inf")), '`x` == "-inf"'),
    (lambda: F.eq("x", float("nan")), '`x` == "nan"'),
    (lambda: F.eq("x", True), '`x` == "True"'),
    (lambda: F.eq("x", ""), '`x` == ""'),
    (lambda: F.eq("x", 'a"b'), r'`x` == "a\"b"'),
    (lambda: F.eq("x", "a\\b"), r'`x` == "a\\b"'),
    (lambda: F.eq("x", "a`b"), '`x` == "a`b"'),
    (lambda: F.eq("x", "zażółć"), '`x` == "zażółć"'),
    (lambda: F.eq("x", datetime(2025, 1, 1, tzinfo=timezone.utc)), '`x` == "2025-01-01T00:00:00+00:00"'),
    (lambda: F.eq("x", datetime(2025, 7, 1, 12, 30, 15, 123456)), '`x` == "2025-07-01T12:30:15.123456+00:00"'),
    (
        lambda: F.eq("x", datetime(2025, 1, 1, tzinfo=timezone(timedelta(hours=-5)))),
        '`x` == "2025-01-01T05:00:00+00:00"',
    ),
    (lambda: F.exists(A("a", "string")), "`a`:string EXISTS"),
    (lambda: ~F.exists("a"), "NOT (`a` EXISTS)"),
    (lambda: F.contains_all("sys/tags", "t1"), '(`sys/tags` CONTAINS "t1")'),
    (
        lambda: F.contains_all(A("sys/tags", "string_set"), ["t1", "t2"]),
        '(`sys/tags`:stringSet CONTAINS "t1") AND (`sys/tags`:stringSet CONTAINS "t2")',
    ),
    (lambda: F.contains_none("sys/tags", "t1"), '(`sys/tags` NOT CONTAINS "t1")'),
    (
        lambda: F.contains_none("sys/tags", ("t1", "t2")),
        '(`sys/tags` NOT CONTAINS "t1") AND (`sys/tags` NOT CONTAINS "t2")',
    ),
    (
        lambda: F.name("exp & !old"),
        '((`sys/name`:string MATCHES "exp") AND (`sys/name`:string NOT MATCHES "old"))',
    ),
    (lambda: F.name(["e1", "e2"]), '(`sys/name`:string == "e1") OR (`sys/name`:string == "e2")'),
    (lambda: a & b, '(`a` == "1") AND (`b` == "2")'),
    (lambda: a | b, '(`a` == "1") OR (`b` == "2")'),
    (lambda: ~a, 'NOT (`a` == "1")'),
    (lambda: a & b & c, '((`a` == "1") AND (`b` == "2")) AND (`c` == "3")'),
    (lambda: a | b | c, '((`a` == "1") OR (`b` == "2")) OR (`c` == "3")'),
    (lambda: a & (b | c), '(`a` == "1") AND ((`b` == "2") OR (`c` == "3"))'),
    (lambda: ~(a & b), 'NOT ((`a` == "1") AND (`b` == "2"))'),
    (lambda: ~~a, 'NOT (NOT (`a` == "1"))'),
    (
        lambda: F.matches(A("n", "string"), "a & !b | c"),
        '((`n`:string MATCHES "a") AND (`n`:string NOT MATCHES "b")) OR ((`n`:string MATCHES "c"))',
    ),
    (lambda: F.matches(A("n", "string"), 'd\\d"q"'), r'((`n`:string MATCHES "d\\d\"q\""))'),
]


@pytest.mark.parametrize(("build", "text"), OFFICIAL, ids=lambda each: each if isinstance(each, str) else "")
def test_text(build: Callable[[], Filter], text: str) -> None:
    assert str(build()) == text


@pytest.mark.parametrize(("build", "text"), OFFICIAL, ids=lambda each: each if isinstance(each, str) else "")
def test_text_can_be_read_back(build: Callable[[], Filter], text: str) -> None:
    expression = parse(text)
    assert expression is not None
    assert parse(render(expression)) == expression


def test_names_are_escaped_only_where_they_must_be() -> None:
    assert str(F.exists("a`b")) == r"`a\`b` EXISTS"
    assert str(F.exists(r"a\b")) == r"`a\b` EXISTS"
    assert str(F.exists("a\\")) == r"`a\\` EXISTS"


def test_filters_beyond_the_official_ones() -> None:
    assert str(F.all(a, b, c)) == '(`a` == "1") AND (`b` == "2") AND (`c` == "3")'
    assert str(F.any(a, b)) == str(a | b)
    assert str(a.negate()) == str(F.negate(a)) == str(~a)
    with pytest.raises(TypeError, match="takes a Filter"):
        F.negate("a")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="takes Filters"):
        F.all(a, "x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one"):
        F.any()


def test_local_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    assert str(F.gt("x", datetime(2025, 1, 1))) == '`x` > "2025-01-01T00:00:00+09:00"'
    assert str(F.gt("x", datetime(2025, 1, 1, tzinfo=timezone.utc))) == '`x` > "2025-01-01T09:00:00+09:00"'


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_the_ends_of_the_calendar(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    for end in (datetime.min, datetime.max):
        for offset in (-5, 0, 5):
            instant = end.replace(tzinfo=timezone(timedelta(hours=offset)))
            expected = (instant - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)
            assert parse_datetime(literal_text(instant), now) == expected
    with pytest.raises(TypeError, match=r"Invalid value datetime\.datetime\(1, 1, 1.*Give it a time zone\."):
        F.gt("x", datetime.min)


def test_pandas_timestamps() -> None:
    pd = pytest.importorskip("pandas")
    assert str(F.eq("x", pd.Timestamp("2025-01-01T00:00:00.123456789Z"))) == '`x` == "2025-01-01T00:00:00.123456+00:00"'
    assert str(F.eq("x", pd.Timestamp("2025-01-01"))) == '`x` == "2025-01-01T00:00:00+00:00"'
    with pytest.raises(TypeError, match="NaT"):
        F.eq("x", pd.NaT)


@pytest.mark.parametrize(
    "value", [None, [1], {}, (1,), b"x", 1j, date(2025, 1, 1), np.int64(1), np.float32(1), np.bool_(True), object()]
)
def test_values_of_other_types(value: Any) -> None:
    with pytest.raises(TypeError, match=r"Expected bool, int, float, str or datetime"):
        F.eq("a", value)


@pytest.mark.parametrize("unit", ["s", "ns"])
def test_times_of_numpy_are_no_numbers(unit: str) -> None:
    with pytest.raises(TypeError, match=r"str or datetime; make it a datetime with a time zone\."):
        F.gt("a", np.datetime64("2026-01-01", unit))


@pytest.mark.parametrize("attribute", [3, None, ["a"], b"a", AttributeFilter("a")])
def test_attributes_of_other_types(attribute: Any) -> None:
    for build in (lambda: F.eq(attribute, 1), lambda: F.exists(attribute), lambda: F.matches(attribute, "a")):
        with pytest.raises(TypeError, match="must be a name or an Attribute"):
            build()


@pytest.mark.parametrize("pattern", [None, 3, ["a"]])
def test_patterns_of_other_types(pattern: Any) -> None:
    with pytest.raises(TypeError, match="pattern as a string"):
        F.matches("a", pattern)


@pytest.mark.parametrize("pattern", ["(", "a & (?=b)", r"(a)\1", "a | [", "x{1001}"])
def test_invalid_patterns_are_refused_at_once(pattern: str) -> None:
    with pytest.raises(QuerySyntaxError, match="not valid RE2"):
        F.matches("a", pattern)
    with pytest.raises(ValueError, match="not valid RE2"):
        F.name(pattern)


@pytest.mark.parametrize(
    "build", [lambda: F.name([]), lambda: F.contains_all("a", []), lambda: F.contains_none("a", ())]
)
def test_empty_lists(build: Callable[[], Filter]) -> None:
    with pytest.raises(ValueError, match="at least one value"):
        build()


@pytest.mark.parametrize("values", [None, 3, b"x", a])
def test_lists_of_other_types(values: Any) -> None:
    with pytest.raises(TypeError, match="a string or a list"):
        F.contains_all("a", values)
    with pytest.raises(TypeError, match="a string or a list"):
        F.name(values)


@pytest.mark.parametrize("other", ["x", None, 1, AttributeFilter("a")])
def test_joining_with_something_else(other: Any) -> None:
    for join in (lambda: a & other, lambda: a | other, lambda: other & a):
        with pytest.raises(TypeError, match="unsupported operand"):
            join()


def test_identity_pickling_and_copies() -> None:
    same = F.eq("a", 1)
    assert a != same
    assert len({a, same, a}) == 2
    for copied in (pickle.loads(pickle.dumps(a & ~b)), copy.deepcopy(a & ~b)):
        assert str(copied) == str(a & ~b)
    attribute, attributes = A("x", "int"), AttributeFilter("x") | AttributeFilter("y", "int")
    assert pickle.loads(pickle.dumps(attribute)) == attribute
    assert pickle.loads(pickle.dumps(attributes)) == attributes
    for unhashable in (attribute, AttributeFilter("x")):
        with pytest.raises(TypeError, match="unhashable"):
            hash(unhashable)


def test_thousands_of_joins() -> None:
    many = reduce(or_, (F.eq("a", number) for number in range(5000)))
    assert str(many).startswith("((((((")
    expression = resolve_run_filter(many, ContainerKind.RUN, "runs")
    assert expression is not None
    text = render(expression)
    assert text.startswith('(`a` == "0") OR (`a` == "1") OR ')
    assert parse(text) == expression


def test_attribute() -> None:
    assert str(A("a", "file")) == "`a`:fileRef"
    assert repr(A("a")) == "Attribute(name='a', type=None)"
    with pytest.raises(ValueError, match=r"type must be one of \['bool', 'datetime', 'file', 'file_series', 'float'"):
        A("a", type="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="type must be one of"):
        A("a", type=["int"])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be a string"):
        A(3)  # type: ignore[arg-type]
    attribute = A("a", "int")
    kept = F.eq(attribute, 1)
    attribute.name, attribute.type = "b", "string"
    assert str(kept) == '`a`:int == "1"'
    attribute.type = "x"  # type: ignore[assignment]
    with pytest.raises(ValueError, match="type must be one of"):
        F.exists(attribute)


def test_attribute_filter() -> None:
    assert AttributeFilter("a", "int").type == ["int"]
    assert AttributeFilter(type=None).type == list(KNOWN_TYPES)
    assert repr(AttributeFilter("a", "int")) == "AttributeFilter(name='a', type=['int'])"
    for accepted in (
        AttributeFilter(type=[]),
        AttributeFilter(type=("int",)),  # type: ignore[arg-type]
        AttributeFilter(name=[]),
        AttributeFilter(name=""),
    ):
        assert list(accepted.alternatives()) == [accepted]
    for name in ([1], ("a",), 3):
        with pytest.raises(ValueError, match="name must be a string or list of strings"):
            AttributeFilter(name)  # type: ignore[arg-type]
    for kind in ("x", ["int", "x"], {"int"}, [["int"]]):
        with pytest.raises(ValueError, match=r"type must be a list of valid values: \['bool'"):
            AttributeFilter(type=kind)  # type: ignore[arg-type]


def test_attribute_filter_alternatives() -> None:
    x, y, z = (AttributeFilter(name) for name in "xyz")
    assert list((x | y | z).alternatives()) == [x, y, z]
    assert list(AttributeFilter.any(x, y | z).alternatives()) == [x, y, z]
    assert list(AttributeFilter.any().alternatives()) == []
    assert list(x.any(y, z).alternatives()) == list((x | y).any(z).alternatives()) == [x, y, z]
    assert isinstance(x | y, BaseAttributeFilter)
    assert len(list(reduce(or_, [x] * 5000).alternatives())) == 5000
    for join in (lambda: x | "b", lambda: x & y, lambda: ~x):  # type: ignore[operator]
        with pytest.raises(TypeError):
            join()
    with pytest.raises(TypeError, match="takes AttributeFilters"):
        AttributeFilter.any("b")  # type: ignore[arg-type]
    x.type = "nonsense"  # type: ignore[assignment]
    with pytest.raises(ValueError, match="type must be a list"):
        list((x | y).alternatives())


def test_importing_is_cheap() -> None:
    modules = "filters", "attributes", "expressions", "selection", "rendering", "extended_regex", "arguments", "nql"
    program = f"""
import sys
from neptune_frames.query import {", ".join(modules)}
heavy = {{"numpy", "pyarrow", "pandas", "polars", "re2", "lark", "httpx"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_attribute_is_checked_again_when_it_is_written() -> None:
    attribute = Attribute("a")
    attribute.type = "nonsense"  # type: ignore[assignment]
    with pytest.raises(ValueError, match="type must be one of"):
        str(attribute)

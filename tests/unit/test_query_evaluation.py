"""What evaluation guarantees beyond the reference's table."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import reduce
from operator import and_, or_

import numpy as np
import pyarrow as pa
import pytest

from memory_columns import MemoryColumns
from neptune_frames.errors import QuerySyntaxError
from neptune_frames.query.evaluation import evaluate
from neptune_frames.query.expressions import And, Or
from neptune_frames.query.filters import Attribute, Filter
from neptune_frames.query.nql import parse

NOW = datetime(2024, 6, 30, 12, tzinfo=timezone.utc)


def holds(query: str, *values: object, type: str, name: str = "x") -> list[bool]:
    runs = [{} if value is ... else {(name, type): value} for value in values]
    mask = evaluate(parse(query), MemoryColumns(runs), NOW)
    assert mask.dtype == bool
    return [bool(each) for each in mask]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("x:int = 9007199254740993", [False, True, False, False]),
        ("x:int = 9007199254740992", [True, False, False, False]),
        ("x:int > 9007199254740992", [False, True, True, False]),
        ("x:int >= 9007199254740992.5", [False, True, True, False]),
        ("x:int < 9007199254740992.5", [True, False, False, True]),
        ("x:int <= 9223372036854775807", [True] * 4),
        ("x:int >= 9223372036854775807", [False, False, True, False]),
        ("x:int > 9223372036854775807", [False] * 4),
        ("x:int < 9223372036854775808", [True] * 4),
        ("x:int = 9223372036854775808", [False] * 4),
        ("x:int < -9223372036854775808", [False] * 4),
        ("x:int <= -9223372036854775808", [False, False, False, True]),
        ("x:int > -9223372036854775808.5", [True] * 4),
        ("x:int < 1e300", [True] * 4),
        ("x:int = 1e300", [False] * 4),
        ("x:int != 1e300", [True] * 4),
        ("x:int != 0.5", [True] * 4),
    ],
)
def test_integers_are_compared_exactly(query: str, expected: list[bool]) -> None:
    assert holds(query, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), type="int") == expected


def test_tiny_bounds_do_not_become_zero() -> None:
    assert holds("x:int >= 1e-320", 0, 1, type="int") == [False, True]


def test_negative_zero_and_non_finite_values() -> None:
    inf, nan = float("inf"), float("nan")
    assert holds("x:float = 0", 0.0, -0.0, nan, type="float") == [True, True, False]
    assert holds("x:float > 0", inf, -inf, nan, type="float") == [True, False, False]
    assert holds("x:float <= 0", inf, -inf, nan, type="float") == [False, True, False]
    assert holds("x:float != 0", 0.0, nan, ..., type="float") == [False, True, True]
    assert holds("NOT x:float > 0", inf, nan, ..., type="float") == [False, True, True]


def test_attributes_without_a_value_exist_but_equal_nothing() -> None:
    for type_name, query in (
        ("string", 'x:string MATCHES ""'),
        ("string", 'x:string CONTAINS ""'),
        ("string", "x:string < zzz"),
        ("int", "x:int < 5"),
        ("float", "x:float < 5"),
        ("bool", "x:bool = true"),
        ("datetime", "x:datetime < 2030-01-01"),
        ("string_set", "x:stringSet CONTAINS a"),
        ("experiment_state", "x:experimentState = active"),
    ):
        assert holds(query, None, ..., type=type_name) == [False, False]
        assert holds("x EXISTS", None, ..., type=type_name) == [True, False]
        assert holds(f"NOT {query}", None, ..., type=type_name) == [True, True]


def test_strings_are_ordered_by_code_point() -> None:
    words = ["B", "a", "ä", "\uffff", "\U0001f600", ""]
    assert holds("x:string < a", *words, type="string") == [True, False, False, False, False, True]
    assert holds("x:string > \uffff".replace("\uffff", '"\uffff"'), *words, type="string") == [
        word > "\uffff" for word in words
    ]
    assert holds('x:string >= ""', *words, type="string") == [True] * 6


def test_regular_expressions_are_re2() -> None:
    assert holds('x:string MATCHES "a$"', "a", "a\n", type="string") == [True, False]
    assert holds('x:string MATCHES "(?m)a$"', "a", "a\nb", type="string") == [True, True]
    assert holds('x:string MATCHES "^.$"', "é", "\n", type="string") == [True, False]
    assert holds(r'x:string MATCHES "\\d"', "٣", "3", type="string") == [False, True]
    assert holds('x:string MATCHES "b(?i)c"', "bC", "BC", type="string") == [True, False]
    assert holds(r'x:string MATCHES "^\\Qa.b\\E\\z"', "a.b", "axb", type="string") == [True, False]
    assert holds(r'x:string MATCHES "\\pL"', "ż", "1", type="string") == [True, False]
    assert holds('x:string MATCHES "a\x00b"', "a\x00b", "ab", type="string") == [True, False]


def test_sets_with_missing_and_empty_ones() -> None:
    sets = [["a"], None, [], ["b", "a"], ["c", None]]
    assert holds("x:stringSet CONTAINS a", *sets, type="string_set") == [True, False, False, True, False]
    assert holds("x:stringSet NOT CONTAINS a", *sets, ..., type="string_set") == [False, True, True, False, True, True]
    assert holds('x:stringSet CONTAINS ""', *sets, type="string_set") == [False] * 5


def test_milliseconds() -> None:
    moment = datetime(2024, 1, 1, 0, 0, 0, 123_000, tzinfo=timezone.utc)
    assert holds("x:datetime = 2024-01-01T00:00:00.1239Z", moment, type="datetime") == [True]


def test_untyped_names_stand_for_every_type() -> None:
    runs = [{("x", "int"): 1}, {("x", "string"): "1"}, {("x", "float_series"): [5.0, 1.0]}, {}, {("x", "int"): 2}]
    columns = MemoryColumns(runs)
    assert evaluate(parse("x = 1"), columns, NOW).tolist() == [True, True, True, False, False]
    assert evaluate(parse("x != 1"), columns, NOW).tolist() == [False, False, False, True, True]
    assert evaluate(parse("x NOT EXISTS"), columns, NOW).tolist() == [False, False, False, True, False]


def test_many_equalities_ask_for_their_column_once() -> None:
    runs = [{("sys/name", "string"): f"run {number}"} for number in range(10)] + [{}]
    columns = MemoryColumns(runs)
    wanted = Filter.name([f"run {number}" for number in range(0, 2000, 2)])
    assert np.flatnonzero(evaluate(wanted.expression, columns, NOW)).tolist() == [0, 2, 4, 6, 8]
    unwanted = Filter.all(*(Filter.ne("sys/name", f"run {number}") for number in range(0, 2000, 2)))
    assert np.flatnonzero(evaluate(unwanted.expression, columns, NOW)).tolist() == [1, 3, 5, 7, 9, 10]
    assert columns.asked == [("sys/name", "string", None)] * 2


def test_deep_filters() -> None:
    columns = MemoryColumns([{("a", "int"): 1}, {("a", "int"): 2}])
    one = Filter.eq(Attribute("a", "int"), 1)
    deep, expected = one, [True, False]
    for number in range(1200):
        deep = ~(deep & one) if number % 2 else ~(deep | one)
        expected = [
            not (so_far and is_one if number % 2 else so_far or is_one)
            for so_far, is_one in zip(expected, [True, False], strict=True)
        ]
    assert evaluate(deep.expression, columns, NOW).tolist() == expected
    assert evaluate(reduce(or_, [one] * 1200).expression, columns, NOW).tolist() == [True, False]
    assert evaluate(reduce(and_, [~one] * 1200).expression, columns, NOW).tolist() == [False, True]


def test_masks_are_the_callers_own() -> None:
    columns = MemoryColumns([{("a", "int"): 1}, {}])
    expression = parse("NOT (a EXISTS OR NOT a EXISTS)")
    first = evaluate(expression, columns, NOW)
    first[:] = True
    assert evaluate(expression, columns, NOW).tolist() == [False, False]


def test_empty_groups() -> None:
    columns = MemoryColumns([{}, {}])
    assert evaluate(And(()), columns, NOW).tolist() == [True, True]
    assert evaluate(Or(()), columns, NOW).tolist() == [False, False]
    assert evaluate(None, columns, NOW).tolist() == [True, True]


def test_positions_in_any_order() -> None:
    class Shuffled(MemoryColumns):
        def column(self, name: str, type: str, aggregation: str | None) -> tuple[np.ndarray, pa.Array]:
            runs, values = super().column(name, type, aggregation)
            return runs[::-1].copy(), values[::-1] if len(values) else values

    runs = [{("t", "string_set"): ["a"]}, {}, {("t", "string_set"): ["b"]}, {("x", "int"): 1}, {("x", "int"): 2}]
    assert evaluate(parse("t:stringSet CONTAINS a"), Shuffled(runs), NOW).tolist() == [True, *[False] * 4]
    assert evaluate(parse("x:int > 1"), Shuffled(runs), NOW).tolist() == [*[False] * 4, True]


def test_errors_come_before_any_column() -> None:
    columns = MemoryColumns([{("a", "int"): 1}])
    with pytest.raises(QuerySyntaxError):
        evaluate(parse("a EXISTS OR b:bool = 2"), columns, NOW)
    assert columns.asked == []

"""Terms on columns as NQL: what is translated, and what is not."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from neptune_frames.query.expressions import Operand
from neptune_frames.query.rendering import render
from neptune_frames.query.terms import Term, expression_of, name_pattern_of, pattern_of, portable_pattern

NOON = datetime(2026, 1, 1, 14, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("kind", "operator", "values", "text"),
    [
        ("int", "Gt", (3,), '`x`:int > "3"'),
        ("int", "IsBetween", (1, 2.5), '(`x`:int >= "1") AND (`x`:int <= "2.5")'),
        ("int", "IsIn", (1, 2, 1), '(`x`:int == "1") OR (`x`:int == "2")'),
        ("float", "Lt", (0.5,), '`x`:float < "0.5"'),
        ("float", "GtEq", (0.5,), '(NOT (`x`:float < "0.5")) AND (`x`:float EXISTS)'),
        ("float", "Eq", (-0.0,), '`x`:float == "0.0"'),
        ("float_series", "Gt", (1,), '(NOT (`x`:floatSeries <= "1")) AND (`x`:floatSeries EXISTS)'),
        ("datetime", "LtEq", (NOON,), '`x`:datetime <= "2026-01-01T12:00:00+00:00"'),
        ("string", "NotEq", ("a",), '`x`:string != "a"'),
        ("string", "StartsWith", ("a.b",), r'`x`:string MATCHES "^a\\.b"'),
        ("string", "EndsWith", ("b",), '`x`:string MATCHES "b$"'),
        ("string", "ContainsText", ("b",), '`x`:string CONTAINS "b"'),
        ("bool", "IsTrue", (), '`x`:bool == "True"'),
        ("string_set", "ListContains", ("a",), '`x`:stringSet CONTAINS "a"'),
        ("histogram_series", "IsNotNull", (), "`x`:histogramSeries EXISTS"),
    ],
)
def test_terms_that_a_search_understands(kind: str, operator: str, values: tuple[object, ...], text: str) -> None:
    expression = expression_of(Term("column", operator, values), Operand("x", kind))
    assert expression is not None
    assert render(expression) == text


@pytest.mark.parametrize(
    ("kind", "operator", "values"),
    [
        ("int", "Gt", (float("nan"),)),
        ("float", "Lt", (float("inf"),)),
        ("float", "Eq", (True,)),
        ("int", "IsIn", ()),
        ("int", "IsIn", tuple(range(1001))),
        ("datetime", "Gt", (datetime(2026, 1, 1),)),
        ("datetime", "Gt", (NOON.replace(microsecond=1),)),
        ("string", "Lt", ("a",)),
        ("string", "Eq", ("",)),
        ("string", "Eq", ("line\n",)),
        ("string", "Contains", (r"\d",)),
        ("string_series", "Eq", ("a",)),
        ("string_set", "IsIn", ("a",)),
        ("file", "Eq", ("a",)),
    ],
)
def test_terms_that_a_search_does_not_understand(kind: str, operator: str, values: tuple[object, ...]) -> None:
    assert expression_of(Term("column", operator, values), Operand("x", kind)) is None


@pytest.mark.parametrize("operator", ["IsIn", "NotIsIn"])
def test_many_labels_are_not_looked_at_one_by_one(operator: str) -> None:
    class Label(str):
        def isprintable(self) -> bool:
            raise AssertionError("looked at")

    term = Term("column", operator, (Label("a"),) * 1_001)
    assert expression_of(term, Operand("x", "string")) is None
    assert name_pattern_of(term) is None


@pytest.mark.parametrize(
    "pattern", ["a", "^a.*b$", "(a|b)+", "[a-z0-9_]x", "[^/]/", r"\.\(", "a?b*?", "ä", "a b", "[a-]"]
)
def test_patterns_that_mean_the_same_everywhere(pattern: str) -> None:
    assert portable_pattern(pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    ["", r"\d", r"\w+", r"\bx", "(?i)a", "a{2}", "[a--b]", "[a&&b]", "[[:alpha:]]", "(", "a**", "*", r"\p{L}"],
)
def test_patterns_that_may_not(pattern: str) -> None:
    assert portable_pattern(pattern) is None


def test_patterns_of_names() -> None:
    assert pattern_of(Term("a", "ContainsText", ("a.b",))) == r"a\.b"
    assert pattern_of(Term("a", "Eq", ("a",))) is None
    assert pattern_of(Term("a", "StartsWith", ("a\0",))) is None

"""Masks against a plain evaluator that looks at one run after the other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

import numpy as np
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_columns import MemoryColumns, aggregate
from neptune_frames.errors import QuerySyntaxError
from neptune_frames.query.attributes import AGGREGATIONS
from neptune_frames.query.evaluation import evaluate
from neptune_frames.query.expressions import (
    And,
    Clause,
    Comparison,
    Contains,
    Exists,
    Expression,
    Matches,
    Not,
    Operand,
    Or,
)
from neptune_frames.query.traversal import flatten

NOW = datetime(2024, 6, 30, 12, tzinfo=timezone.utc)
WORDS = st.sampled_from(["", "a", "ab", "B", "é", "a\n", "\U0001f600"]) | st.text("ab\n", max_size=3)
MOMENTS = st.integers(0, 5).map(lambda days: datetime(2024, 6, 25, tzinfo=timezone.utc) + timedelta(days=days))
FLOATS = st.sampled_from([0.0, -0.0, 0.5, 1.0, -1.5, math.inf, -math.inf, math.nan]) | st.floats(width=16)
INTEGERS = st.integers(-3, 3) | st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, -(2**63)])

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int": INTEGERS,
    "float": FLOATS,
    "string": WORDS,
    "bool": st.booleans(),
    "datetime": MOMENTS,
    "string_set": st.lists(WORDS, max_size=3),
    "float_series": st.lists(FLOATS, min_size=1, max_size=3).filter(lambda points: not any(map(math.isinf, points))),
    "string_series": st.lists(WORDS, min_size=1, max_size=2),
}
NAMES = ("x", "y")
RUNS = st.lists(
    st.fixed_dictionaries({}, optional={(name, kind): values for name in NAMES for kind, values in VALUES.items()}),
    max_size=5,
)

NUMBERS = INTEGERS.map(str) | st.floats(allow_nan=False, allow_infinity=False, width=16).map(repr)
LITERALS: dict[str, st.SearchStrategy[str]] = {
    "int": NUMBERS,
    "float": NUMBERS,
    "float_series": NUMBERS,
    "string": WORDS,
    "string_series": WORDS,
    "bool": st.sampled_from(["true", "False"]),
    "datetime": MOMENTS.map(datetime.isoformat),
}
ORDERED = ["==", "!=", "<", "<=", ">", ">="]
PATTERNS = st.sampled_from(["", "a", "^a$", "b|é", "(?i)B", r"\w", "[^a]", ".", r"\z"])


@st.composite
def typed_clauses(draw: st.DrawFn) -> Clause:
    kind = draw(st.sampled_from(sorted(VALUES)))
    aggregation = draw(st.none() | st.sampled_from(AGGREGATIONS)) if kind == "float_series" else None
    operand = Operand(draw(st.sampled_from(NAMES)), kind, aggregation)
    negated = draw(st.booleans())
    options: list[st.SearchStrategy[Clause]] = [st.just(Exists(operand, negated))]
    if kind in LITERALS:
        operators = ["==", "!="] if kind == "bool" else ORDERED
        options.append(st.builds(Comparison, st.just(operand), st.sampled_from(operators), LITERALS[kind]))
    if kind in ("string", "string_series"):
        options.append(PATTERNS.map(lambda pattern: Matches(operand, pattern, negated)))
    if kind in ("string", "string_series", "string_set"):
        options.append(WORDS.map(lambda word: Contains(operand, word, negated)))
    return draw(st.one_of(options))


def groups(members: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    several = st.lists(members, min_size=1, max_size=4).map(tuple)
    return st.builds(Not, members) | st.builds(And, several) | st.builds(Or, several)


EXPRESSIONS = st.recursive(typed_clauses(), groups, max_leaves=8)


@settings(max_examples=150, deadline=None)
@given(RUNS, EXPRESSIONS, st.booleans())
def test_masks(runs: list[dict[tuple[str, str], Any]], expression: Expression, dictionaries: bool) -> None:
    expected = [holds(expression, run) for run in runs]
    mask = evaluate(expression, MemoryColumns(runs, dictionaries=dictionaries), NOW)
    assert mask.tolist() == expected
    assert evaluate(flatten(expression), MemoryColumns(runs), NOW).tolist() == expected


@settings(max_examples=50, deadline=None)
@given(
    RUNS,
    st.lists(st.builds(Comparison, st.just(Operand("x", "string")), st.sampled_from(["==", "!="]), WORDS), min_size=1),
)
def test_merged_equalities(runs: list[dict[tuple[str, str], Any]], terms: list[Expression]) -> None:
    for group in (And(tuple(terms)), Or(tuple(terms))):
        expected = [holds(group, run) for run in runs]
        assert evaluate(group, MemoryColumns(runs), NOW).tolist() == expected


STRANGE_NUMBERS = st.from_regex(
    r"\A[+-]?[0-9]{1,3}(\.[0-9]{1,3})?[eE][+-]?[0-9]{1,25}( ?[KMGT]?B)?\Z"
) | st.sampled_from(
    ["1e-99999999999999999999", "0e99999999999999999999", "-0e-99999999999999999999 TB", "1e-999999999999999999"]
)


@settings(max_examples=150, deadline=None)
@given(STRANGE_NUMBERS, st.sampled_from(["int", "float", "float_series", None]), st.sampled_from(ORDERED))
def test_numbers_are_compared_or_refused_as_a_query(literal: str, kind: str | None, operator: Any) -> None:
    clause = Comparison(Operand("x", kind), operator, literal)
    with suppress(QuerySyntaxError):
        assert len(evaluate(clause, MemoryColumns([{("x", "int"): 1}, {("x", "float"): 1.0}]), NOW)) == 2


def holds(expression: Expression, run: Mapping[tuple[str, str], Any]) -> bool:
    if isinstance(expression, Not):
        return not holds(expression.operand, run)
    if isinstance(expression, And):
        return all(holds(each, run) for each in expression.operands)
    if isinstance(expression, Or):
        return any(holds(each, run) for each in expression.operands)
    return clause_holds(expression, run)


def clause_holds(clause: Clause, run: Mapping[tuple[str, str], Any]) -> bool:
    kind = clause.operand.type
    assert kind is not None
    key = (clause.operand.name, kind)
    present = key in run
    if isinstance(clause, Exists):
        return present != clause.negated
    value = aggregate(run[key], kind, clause.operand.aggregation) if present else None
    if isinstance(clause, Contains):
        return (present and clause.text in value) != clause.negated
    if isinstance(clause, Matches):
        return (present and re2.search(clause.pattern, value) is not None) != clause.negated
    if clause.operator == "!=":
        return not (present and compared(value, "==", clause.literal, kind))
    return present and compared(value, clause.operator, clause.literal, kind)


def compared(value: Any, operator: str, literal: str, kind: str) -> bool:
    other: Any = literal
    if kind == "int":
        other = Fraction(literal)
    elif kind in ("float", "float_series"):
        other = float(literal)
        if value is None or np.isnan(value):
            return False
    elif kind == "bool":
        other = literal.lower() == "true"
    elif kind == "datetime":
        other = datetime.fromisoformat(literal)
    return {
        "==": lambda: value == other,
        "<": lambda: value < other,
        "<=": lambda: value <= other,
        ">": lambda: value > other,
        ">=": lambda: value >= other,
    }[operator]()  # type: ignore[no-any-return]

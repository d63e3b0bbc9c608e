r"""Conditions on columns as conditions on attributes.

A term is a simple condition on one column of a table, in the semantics of data frames: a null satisfies
none, NaN is above every number, regular expressions are those of Rust. A search compares as NQL does: NaN
satisfies no comparison, a run without the attribute every negation, regular expressions are RE2.
`expression_of` bridges the two: every row that satisfies the term is a run that satisfies the expression.
The other direction may fail, so the term has to be tested again on what was found.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from neptune_frames.errors import QuerySyntaxError
from neptune_frames.query.expressions import (
    And,
    Comparison,
    ComparisonOperator,
    Contains,
    Exists,
    Expression,
    Matches,
    Not,
    Operand,
)
from neptune_frames.query.extended_regex import check_regex
from neptune_frames.query.filters import literal_text, one_of
from neptune_frames.query.literals import EPOCH
from neptune_frames.query.selection import NamePattern

#: More alternatives than this make a query that servers may refuse.
MOST_ALTERNATIVES = 1000


@dataclass(frozen=True)
class Term:
    """``column operator values``. No row whose column is null satisfies a term.

    Operators: ``Eq``, ``NotEq``, ``Lt``, ``LtEq``, ``Gt``, ``GtEq``, ``IsIn`` (any number of values, none of them
    null), ``IsBetween`` (low and high, taken as included), ``Contains`` (regular expression), ``ContainsText``,
    ``StartsWith``, ``EndsWith``, ``ListContains``, the same with ``Not`` before it for the last six, ``IsTrue``,
    ``IsFalse``, ``IsNotNull``, ``IsSomeNumber`` (a number that is or is not NaN or infinite, which no search can say).
    """

    column: str
    operator: str
    values: tuple[Any, ...] = ()


#: Terms of which the opposite is a term too, and its operator.
_NEGATIONS = {
    operator: f"Not{operator}"
    for operator in ("IsIn", "Contains", "ContainsText", "StartsWith", "EndsWith", "ListContains")
}
_NEGATED = {negation: operator for operator, negation in _NEGATIONS.items()}


def negated(term: Term | None) -> Term | None:
    """The term that rows satisfy whose column is neither null nor satisfies a term; None where there is none.

    Example:
        >>> negated(Term("attribute", "StartsWith", ("sys/",)))
        Term(column='attribute', operator='NotStartsWith', values=('sys/',))
    """
    operator = None if term is None else _NEGATIONS.get(term.operator)
    return None if term is None or operator is None else replace(term, operator=operator)


def expression_of(term: Term, operand: Operand) -> Expression | None:
    """What a search is asked so that it finds all runs that satisfy a term; None where it cannot be.

    Args:
        term: The condition.
        operand: The attribute in the term's column, with its type.

    Example:
        >>> from neptune_frames.query.rendering import render
        >>> rate = Operand("config/lr", "float")
        >>> print(render(expression_of(Term("lr", "Lt", (0.01,)), rate)))
        `config/lr`:float < "0.01"
        >>> print(render(expression_of(Term("lr", "Gt", (0.01,)), rate)))
        (NOT (`config/lr`:float <= "0.01")) AND (`config/lr`:float EXISTS)
    """
    if term.operator in ("IsNotNull", "IsSomeNumber"):
        return Exists(operand)
    if len(term.values) > MOST_ALTERNATIVES:
        return None
    if term.operator in _NEGATED:
        return _negation(term, operand)
    translate = _BY_TYPE.get(operand.type or "")
    return None if translate is None else translate(term, operand)


def _negation(term: Term, operand: Operand) -> Expression | None:
    """What a search is asked so that it leaves out no run that fails a term: the term must say no less than it does."""
    positive = replace(term, operator=_NEGATED[term.operator])
    if operand.type == "string" and positive.operator != "IsIn":
        # As a pattern in any case: whether CONTAINS heeds case is up to the server.
        pattern = pattern_of(positive) if all(positive.values) else None
        return None if pattern is None else Matches(operand, pattern, negated=True)
    expression = expression_of(positive, operand)
    return None if expression is None else Not(expression)


_COMPARISONS: dict[str, ComparisonOperator] = {
    "Eq": "==", "NotEq": "!=", "Lt": "<", "LtEq": "<=", "Gt": ">", "GtEq": ">=",
}  # fmt: skip
_COMPLEMENTS: dict[str, ComparisonOperator] = {"Gt": "<=", "GtEq": "<"}


def _compare(term: Term, operand: Operand, texts: list[str]) -> Expression | None:
    """A comparison of values that have an order."""
    if term.operator in _COMPARISONS:
        return Comparison(operand, _COMPARISONS[term.operator], texts[0])
    if term.operator == "IsBetween":
        low, high = texts
        return And((Comparison(operand, ">=", low), Comparison(operand, "<=", high)))
    return _one_of(term, operand, texts)


def _one_of(term: Term, operand: Operand, texts: list[str]) -> Expression | None:
    is_query = term.operator == "IsIn" and texts
    return one_of(operand, dict.fromkeys(texts)) if is_query else None


def _integers(term: Term, operand: Operand) -> Expression | None:
    texts = _number_texts(term)
    return None if texts is None else _compare(term, operand, texts)


def _floats(term: Term, operand: Operand) -> Expression | None:
    texts = _number_texts(term)
    if texts is None:
        return None
    if term.operator in _COMPLEMENTS:
        # A frame has NaN above every number.
        return And((Not(Comparison(operand, _COMPLEMENTS[term.operator], texts[0])), Exists(operand)))
    return _compare(term, operand, texts)


def _number_texts(term: Term) -> list[str] | None:
    """The literals, if they are numbers that attributes can be compared with."""
    if not all(is_finite_number(value) for value in term.values):
        return None
    return [literal_text(value + 0) for value in term.values]  # -0.0 becomes 0.0


def is_finite_number(value: Any) -> bool:
    """Whether a literal is a number other than NaN and the infinities.

    Example:
        >>> is_finite_number(1), is_finite_number(float("inf")), is_finite_number(True)
        (True, False, False)
    """
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _instants(term: Term, operand: Operand) -> Expression | None:
    """Points in time; searches cut literals to milliseconds."""
    if not all(
        isinstance(value, datetime) and value.tzinfo is not None and value.microsecond % 1000 == 0
        for value in term.values
    ):
        return None
    return _compare(term, operand, [value.astimezone(timezone.utc).isoformat() for value in term.values])


def milliseconds_within(value: Any) -> tuple[int, int] | None:
    """The milliseconds since 1970 that a point in time lies between, both included; None for everything else.

    Example:
        >>> milliseconds_within(datetime(1970, 1, 1, 0, 0, 1, 500, tzinfo=timezone.utc))
        (1000, 1001)
    """
    if not isinstance(value, datetime) or value.tzinfo is None:
        return None
    whole, rest = divmod(value - EPOCH, timedelta(milliseconds=1))
    return whole, whole + bool(rest)


def _texts(term: Term, operand: Operand) -> Expression | None:
    if not all(isinstance(value, str) and value and value.isprintable() for value in term.values):
        return None
    texts = list(term.values)
    if term.operator in ("Eq", "NotEq"):
        return _compare(term, operand, texts)
    if term.operator == "ContainsText":
        return Contains(operand, texts[0])
    if term.operator == "IsIn":
        return _one_of(term, operand, texts)
    pattern = pattern_of(term)
    return None if pattern is None else Matches(operand, pattern)


def name_pattern_of(term: Term) -> NamePattern | None:
    """The pattern of names that satisfy a term; None where there is none."""
    is_negation = term.operator in _NEGATED
    pattern = pattern_of(replace(term, operator=_NEGATED[term.operator]) if is_negation else term)
    if pattern is None:
        return None
    return NamePattern(must_not_match=(pattern,)) if is_negation else NamePattern((pattern,))


def pattern_of(term: Term) -> str | None:
    """An RE2 search that finds what a term about text finds; None where there is none.

    Example:
        >>> pattern_of(Term("attribute", "StartsWith", ("a.b",)))
        '^a\\\\.b'
    """
    write = _PATTERNS.get(term.operator)
    if write is None or not all(isinstance(value, str) and value.isprintable() for value in term.values):
        return None
    return write(term.values[0])


def any_pattern(patterns: Sequence[str]) -> str:
    """A search that finds what any of several finds.

    Example:
        >>> any_pattern(["^val/", "loss$"])
        '(?:^val/)|(?:loss$)'
    """
    return "|".join(f"(?:{pattern})" for pattern in dict.fromkeys(patterns))


_PORTABLE = re.compile(
    r"""(?: (?: [^\\\[\](){}*+?|^$.] | \\[^\w\s] | \[\^?(?: [\w/.:] | -(?!-) )+\] | [()|^$.] ) (?:[*+?]\??)? )+""",
    re.ASCII | re.VERBOSE,
)


def portable_pattern(pattern: str) -> str | None:
    r"""The pattern, if it means the same to Rust's regular expressions and to RE2; None if it may not.

    Named classes (``\d`` is ASCII to one and Unicode to the other), flags and counted repetitions are left out.

    Example:
        >>> portable_pattern("^train/(loss|acc.*)$"), portable_pattern(r"\d+")
        ('^train/(loss|acc.*)$', None)
    """
    if _PORTABLE.fullmatch(pattern) is None or "(?" in pattern:
        return None
    try:
        check_regex(pattern)
    except QuerySyntaxError:
        return None
    return pattern


_PATTERNS: dict[str, Callable[[str], str | None]] = {
    "ContainsText": re.escape,
    "StartsWith": lambda text: f"^{re.escape(text)}",
    "EndsWith": lambda text: f"{re.escape(text)}$",
    "Contains": portable_pattern,
}


def _truths(term: Term, operand: Operand) -> Expression | None:
    wanted = term.values[0] if term.operator == "Eq" else {"IsTrue": True, "IsFalse": False}.get(term.operator)
    return Comparison(operand, "==", literal_text(wanted)) if isinstance(wanted, bool) else None


def _elements(term: Term, operand: Operand) -> Expression | None:
    if term.operator != "ListContains" or not isinstance(term.values[0], str) or not term.values[0].isprintable():
        return None
    return Contains(operand, term.values[0])


_BY_TYPE: dict[str, Callable[[Term, Operand], Expression | None]] = {
    "int": _integers,
    "float": _floats,
    "float_series": _floats,
    "datetime": _instants,
    "string": _texts,
    "bool": _truths,
    "string_set": _elements,
}

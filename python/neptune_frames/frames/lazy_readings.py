"""How conditions are read for the things that a source can be asked by: runs, names, types, steps, times.

A `Reading` says what one simple condition tells, and what is known where all or any of several conditions hold. `read`
folds the trees of conjuncts with it. What comes out is true of every row that satisfies the conjuncts, and may be true
of others: of alternatives (OR) counts what they have in common, the hull of their steps, the union of their names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any, Generic, TypeVar

import polars as pl

from neptune_frames.frames.lazy_terms import Condition
from neptune_frames.query.expressions import And, Expression, Operand, Or
from neptune_frames.query.selection import ANY_NAME, NamePattern
from neptune_frames.query.terms import Term, any_pattern, expression_of, name_pattern_of

Known = TypeVar("Known")
Bounds = tuple[float, float]
_ANYTHING: Bounds = (-math.inf, math.inf)


@dataclass(frozen=True)
class Reading(Generic[Known]):
    """How conditions on some columns are read for one thing that a source can be asked by.

    Attributes:
        columns: Conditions on none of these say nothing.
        of: What a condition says of the rows that satisfy it, without a look into its parts; None is nothing.
        all_of: What is known where all of several things are.
        any_of: What is known where one of them is, and nobody knows which; None where that is nothing.
        is_exact: Whether a condition says no more than what was read from it.
        any_is_exact: Whether alternatives say no more than `any_of` them.
    """

    columns: frozenset[str]
    of: Callable[[Condition], Known | None]
    all_of: Callable[[Sequence[Known]], Known]
    any_of: Callable[[Sequence[Known]], Known | None]
    is_exact: Callable[[Condition], bool] = lambda condition: True
    any_is_exact: Callable[[Sequence[Known]], bool] = lambda alternatives: True


@dataclass(frozen=True)
class Found(Generic[Known]):
    """What was read, by the place of the conjunct, and the places of conjuncts that say no more than that."""

    by_place: Mapping[int, Known]
    exact: frozenset[int]

    @property
    def values(self) -> tuple[Known, ...]:
        return tuple(self.by_place.values())

    def beside(self, *others: Found[Any]) -> Iterator[Known]:
        """What was read from conjuncts of which the others have nothing."""
        return (known for place, known in self.by_place.items() if not any(place in each.by_place for each in others))


def read(conjuncts: Sequence[Condition], reading: Reading[Known]) -> Found[Known]:
    by_place: dict[int, Known] = {}
    exact: set[int] = set()
    for place, conjunct in enumerate(conjuncts):
        fact = _fact(conjunct, reading)
        if fact is not None:
            by_place[place], is_exact = fact
            exact.update([place] if is_exact else ())
    return Found(by_place, frozenset(exact))


def _fact(condition: Condition, reading: Reading[Known]) -> tuple[Known, bool] | None:
    """What is known of the rows that satisfy a condition, and whether it says no more; None is nothing."""
    if condition.columns.isdisjoint(reading.columns):
        return None
    known = reading.of(condition)
    if known is not None or condition.operator is None:
        return None if known is None else (known, reading.is_exact(condition))
    facts = [fact for part in condition.parts if (fact := _fact(part, reading)) is not None]
    is_complete = len(facts) == len(condition.parts)
    # One alternative that says nothing lets every row through.
    if not facts or (condition.operator == "Or" and not is_complete):
        return None
    values, is_exact = [value for value, _ in facts], is_complete and all(exact for _, exact in facts)
    if condition.operator == "And":
        return (reading.all_of(values) if len(values) > 1 else values[0]), is_exact
    known = reading.any_of(values)
    return None if known is None else (known, is_exact and reading.any_is_exact(values))


def _term(condition: Condition, columns: Collection[str]) -> Term | None:
    """The term, if the condition is one, and about one of the columns."""
    # The JSON of a condition on other columns, which may hold a long list, is not read.
    return condition.term if len(condition.columns) == 1 and condition.columns <= set(columns) else None


def searches(operands: Mapping[str, Operand]) -> Reading[Expression]:
    """Searches for runs."""

    def of(condition: Condition) -> Expression | None:
        term = _term(condition, operands)
        return None if term is None else expression_of(term, operands[term.column])

    def is_exact(condition: Condition) -> bool:
        return condition.term is not None and condition.term.operator != "IsSomeNumber"

    return Reading(frozenset(operands), of, lambda parts: And(tuple(parts)), lambda parts: Or(tuple(parts)), is_exact)


def equal_texts(column: str | None) -> Reading[frozenset[str]]:
    """Texts of which one is in the column."""
    columns = _names(column)

    def of(condition: Condition) -> frozenset[str] | None:
        term = _term(condition, columns)
        if term is None or term.operator not in ("Eq", "IsIn"):
            return None
        return frozenset(term.values) if all(isinstance(value, str) for value in term.values) else None

    return Reading(columns, of, intersection, _union)


def name_patterns(column: str | None) -> Reading[NamePattern]:
    """RE2 patterns that the text in the column matches, or does not."""
    columns = _names(column)

    def of(condition: Condition) -> NamePattern | None:
        term = _term(condition, columns)
        return None if term is None else name_pattern_of(term)

    def any_of(alternatives: Sequence[NamePattern]) -> NamePattern | None:
        if not all(each.must_match for each in alternatives):
            return None
        return NamePattern((any_pattern([each.must_match[0] for each in alternatives]),))

    def is_single(alternatives: Sequence[NamePattern]) -> bool:
        return all(len(each.must_match) == 1 and not each.must_not_match for each in alternatives)

    return Reading(columns, of, all_patterns, any_of, any_is_exact=is_single)


def all_patterns(patterns: Sequence[NamePattern]) -> NamePattern:
    return reduce(NamePattern.and_also, patterns, ANY_NAME)


def types_with(types: Mapping[str, frozenset[str]]) -> Reading[frozenset[str]]:
    """Types of which one is the row's: no row whose column is null satisfies a term."""

    def of(condition: Condition) -> frozenset[str] | None:
        term = _term(condition, types)
        return None if term is None else types[term.column]

    def is_exact(condition: Condition) -> bool:
        return condition.term is not None and condition.term.operator == "IsNotNull"

    return Reading(frozenset(types), of, intersection, _union, is_exact)


def bounds(column: str | None, within: Callable[[Any], Bounds | None]) -> Reading[Bounds]:
    """Bounds of the numbers in the column. What is no number itself is within two of them."""
    columns = _names(column)

    def of(condition: Condition) -> Bounds | None:
        term = _term(condition, columns)
        values = [within(value) for value in term.values] if term is not None else []
        known = [bounds for bounds in values if bounds is not None]
        if term is None or not known or len(known) < len(values):
            return None
        low, high = _hull(known)
        if term.operator in ("Gt", "GtEq"):
            return low, math.inf
        if term.operator in ("Lt", "LtEq"):
            return -math.inf, high
        if term.operator == "IsBetween":
            return known[0][0], known[1][1]
        return (low, high) if term.operator in ("Eq", "IsIn") else None

    def is_exact(condition: Condition) -> bool:
        return condition.term is not None and (condition.term.operator != "IsIn" or len(condition.term.values) == 1)

    def any_of(alternatives: Sequence[Bounds]) -> Bounds | None:
        hull = _hull(alternatives)
        return None if hull == _ANYTHING else hull

    return Reading(columns, of, overlap, any_of, is_exact, any_is_exact=lambda alternatives: False)


def overlap(bounds: Sequence[Bounds]) -> Bounds:
    lows, highs = zip(_ANYTHING, *bounds, strict=True)
    return max(lows), min(highs)


def _hull(bounds: Sequence[Bounds]) -> Bounds:
    lows, highs = zip(*bounds, strict=True)
    return min(lows), max(highs)


def conditions(*columns: str | None) -> Reading[pl.Expr]:
    """Conditions that depend on these columns alone, row by row."""
    names = _names(*columns)

    def of(condition: Condition) -> pl.Expr | None:
        return condition.expression if condition.columns <= names and condition.is_row_separable else None

    return Reading(names, of, lambda conditions: reduce(and_, conditions), lambda conditions: reduce(or_, conditions))


def _names(*columns: str | None) -> frozenset[str]:
    return frozenset(column for column in columns if column is not None)


def intersection(sets: Sequence[frozenset[str]]) -> frozenset[str]:
    return frozenset.intersection(*sets)


def _union(sets: Sequence[frozenset[str]]) -> frozenset[str]:
    return frozenset.union(*sets)

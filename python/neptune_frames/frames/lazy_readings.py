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
#: What is known of the rows that satisfy a condition, and whether the condition says no more than that.
Fact = tuple[Known, bool]
Bounds = tuple[float, float]
_ANYTHING: Bounds = (-math.inf, math.inf)


@dataclass(frozen=True)
class Reading(Generic[Known]):
    """How conditions are read for one thing that a source can be asked by.

    Attributes:
        columns: Conditions on none of these say nothing.
        of: What a condition says without a look into its parts; None is nothing.
        all_of: What is known where all of several things are.
        any_of: What is known where one of them is, and nobody knows which; None is nothing.
    """

    columns: frozenset[str]
    of: Callable[[Condition], Fact[Known] | None]
    all_of: Callable[[Sequence[Known]], Known]
    any_of: Callable[[Sequence[Known]], Fact[Known] | None]


@dataclass(frozen=True)
class Found(Generic[Known]):
    """What was read, by the place of the conjunct."""

    facts: Mapping[int, Fact[Known]]

    @property
    def values(self) -> tuple[Known, ...]:
        return tuple(value for value, _ in self.facts.values())

    @property
    def exact(self) -> frozenset[int]:
        """Places of the conjuncts that say no more."""
        return frozenset(place for place, (_, is_exact) in self.facts.items() if is_exact)

    def beside(self, *others: Found[Any]) -> Iterator[Known]:
        """What was read from conjuncts of which the others have nothing."""
        return (value for place, (value, _) in self.facts.items() if not any(place in each.facts for each in others))


def read(conjuncts: Sequence[Condition], reading: Reading[Known]) -> Found[Known]:
    """What the conjuncts say, each by itself."""
    facts = ((place, _fact(conjunct, reading)) for place, conjunct in enumerate(conjuncts))
    return Found({place: fact for place, fact in facts if fact is not None})


def _fact(condition: Condition, reading: Reading[Known]) -> Fact[Known] | None:
    if condition.columns.isdisjoint(reading.columns):
        return None
    fact = reading.of(condition)
    if fact is not None or condition.operator is None:
        return fact
    facts = [fact for part in condition.parts if (fact := _fact(part, reading)) is not None]
    is_complete = len(facts) == len(condition.parts)
    # One alternative that says nothing lets every row through.
    if not facts or (condition.operator == "Or" and not is_complete):
        return None
    values, is_exact = [value for value, _ in facts], is_complete and all(exact for _, exact in facts)
    if condition.operator == "And":
        return (reading.all_of(values) if len(values) > 1 else values[0]), is_exact
    fact = reading.any_of(values)
    return None if fact is None else (fact[0], fact[1] and is_exact)


def _terms(
    columns: Collection[str | None],
    of: Callable[[Term], Fact[Known] | None],
    all_of: Callable[[Sequence[Known]], Known],
    any_of: Callable[[Sequence[Known]], Fact[Known] | None],
) -> Reading[Known]:
    """Reads terms on one of the columns."""
    names = frozenset(column for column in columns if column is not None)

    def of_condition(condition: Condition) -> Fact[Known] | None:
        # The JSON of a condition on other columns, which may hold a long list, is not read.
        term = condition.term if len(condition.columns) == 1 and condition.columns <= names else None
        return None if term is None else of(term)

    return Reading(names, of_condition, all_of, any_of)


def searches(operands: Mapping[str, Operand]) -> Reading[Expression]:
    """Searches for runs."""

    def of(term: Term) -> Fact[Expression] | None:
        expression = expression_of(term, operands[term.column])
        return None if expression is None else (expression, term.operator != "IsSomeNumber")

    return _terms(operands, of, lambda parts: And(tuple(parts)), lambda parts: (Or(tuple(parts)), True))


def equal_texts(column: str | None) -> Reading[frozenset[str]]:
    """Texts of which one is in the column."""

    def of(term: Term) -> Fact[frozenset[str]] | None:
        is_known = term.operator in ("Eq", "IsIn") and all(isinstance(value, str) for value in term.values)
        return (frozenset(term.values), True) if is_known else None

    return _terms([column], of, intersection, _union)


def name_patterns(column: str | None) -> Reading[NamePattern]:
    """RE2 patterns that the text in the column matches, or does not."""

    def of(term: Term) -> Fact[NamePattern] | None:
        pattern = name_pattern_of(term)
        return None if pattern is None else (pattern, True)

    def any_of(alternatives: Sequence[NamePattern]) -> Fact[NamePattern] | None:
        if not all(each.must_match for each in alternatives):
            return None
        is_exact = all(len(each.must_match) == 1 and not each.must_not_match for each in alternatives)
        return NamePattern((any_pattern([each.must_match[0] for each in alternatives]),)), is_exact

    return _terms([column], of, all_patterns, any_of)


def all_patterns(patterns: Sequence[NamePattern]) -> NamePattern:
    return reduce(NamePattern.and_also, patterns, ANY_NAME)


def types_with(types: Mapping[str, frozenset[str]]) -> Reading[frozenset[str]]:
    """Types of which one is the row's: no row whose column is null satisfies a term."""
    return _terms(types, lambda term: (types[term.column], term.operator == "IsNotNull"), intersection, _union)


def bounds(
    column: str | None,
    within: Callable[[Any], Bounds | None],
    *,
    next_number: Callable[[float, float], float] | None = None,
    lower_only: bool = False,
) -> Reading[Bounds]:
    """Bounds (inclusive) of the numbers in the column. What is no number itself is within two of them.

    Args:
        column: The column.
        within: The bounds of a value; None if it has none.
        next_number: The number next to one in the direction of another: what is above a number is not below its next
            one. None where the column may hold what is between them.
        lower_only: Whether upper bounds cannot be used.
    """

    def of(term: Term) -> Fact[Bounds] | None:
        fact = of_both(term)
        if fact is None or not lower_only or math.isinf(fact[0][1]):
            return fact
        return None if math.isinf(fact[0][0]) else ((fact[0][0], math.inf), False)

    def of_both(term: Term) -> Fact[Bounds] | None:
        known = [bounds for value in term.values if (bounds := within(value)) is not None]
        if not known or len(known) < len(term.values):
            return None
        low, high = (known[0][0], known[1][1]) if term.operator == "IsBetween" else _hull(known)
        is_strict = term.operator in ("Gt", "Lt")
        if is_strict and next_number is not None:
            low, high, is_strict = next_number(low, math.inf), next_number(high, -math.inf), False
        if term.operator in ("Gt", "GtEq"):
            return (low, math.inf), not is_strict
        if term.operator in ("Lt", "LtEq"):
            return (-math.inf, high), not is_strict
        if term.operator in ("Eq", "IsBetween", "IsIn"):
            return (low, high), term.operator != "IsIn" or len(known) == 1
        return None

    def any_of(alternatives: Sequence[Bounds]) -> Fact[Bounds] | None:
        hull = _hull(alternatives)
        return None if hull == _ANYTHING else (hull, False)

    return _terms([column], of, overlap, any_of)


def overlap(bounds: Sequence[Bounds]) -> Bounds:
    lows, highs = zip(_ANYTHING, *bounds, strict=True)
    return max(lows), min(highs)


def _hull(bounds: Sequence[Bounds]) -> Bounds:
    lows, highs = zip(*bounds, strict=True)
    return min(lows), max(highs)


def conditions(*columns: str | None) -> Reading[pl.Expr]:
    """Conditions that depend on these columns alone, row by row."""
    names = frozenset(column for column in columns if column is not None)

    def of(condition: Condition) -> Fact[pl.Expr] | None:
        is_alone = condition.columns <= names and condition.is_row_separable
        return (condition.expression, True) if is_alone else None

    return Reading(names, of, lambda parts: reduce(and_, parts), lambda parts: (reduce(or_, parts), True))


def intersection(sets: Sequence[frozenset[str]]) -> frozenset[str]:
    return frozenset.intersection(*sets)


def _union(sets: Sequence[frozenset[str]]) -> Fact[frozenset[str]]:
    return frozenset.union(*sets), True

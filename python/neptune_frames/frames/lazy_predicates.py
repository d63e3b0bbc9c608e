"""What a Polars predicate says about names, steps and times, so that a source can be asked for less.

A part of the predicate that is not understood is ignored here: whoever uses this still applies the whole
predicate to the rows. So everything found may only narrow, and need not be complete. Of alternatives (OR) what is
common to all of them counts: the hull of their steps, the union of their names.

Conditions on names need not be parsed: Polars evaluates them on the table of candidates, whatever they say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any, TypeVar

import polars as pl

from neptune_frames.frames.lazy_terms import Condition, split
from neptune_frames.query.expressions import And, Expression, Operand, Or
from neptune_frames.query.terms import (
    Term,
    any_pattern,
    expression_of,
    is_finite_number,
    milliseconds_within,
    pattern_of,
)

#: Lower and upper bound of a step; None is open.
StepRange = tuple[float | None, float | None]
#: Earliest and latest time in milliseconds since 1970; None is open.
TimeRange = tuple[int | None, int | None]

Known = TypeVar("Known")
_Bounds = tuple[float, float]
_ANYTHING: _Bounds = (-math.inf, math.inf)


class Predicate:
    """The parts of a predicate that must all hold, and which of them narrowed a question.

    Example:
        >>> predicate = Predicate((pl.col("step") >= 10) & (pl.col("run") == "a") & pl.col("value").is_nan())
        >>> predicate.step_range(), sorted(predicate.equal_texts("run"))
        ((10.0, None), ['a'])
        >>> [str(part) for part in predicate.unused()]
        ['col("value").is_nan()']
    """

    def __init__(self, expression: pl.Expr | None) -> None:
        self._conditions = () if expression is None else tuple(map(Condition, split(expression, "And")))
        self.parts: tuple[pl.Expr, ...] = tuple(condition.expression for condition in self._conditions)
        self._used: set[int] = set()
        #: Columns that something was made of, by part: also of parts that say more.
        self._said: dict[int, set[str]] = {}

    def unused(self) -> tuple[pl.Expr, ...]:
        """The parts that say more than what was made of them."""
        return tuple(part for place, part in enumerate(self.parts) if place not in self._used)

    def columns(self) -> set[str]:
        """Names of the columns that some part depends on."""
        return {name for condition in self._conditions for name in condition.columns}

    def about(self, columns: Collection[str]) -> ColumnConditions:
        """What the predicate says about these columns alone, row by row: conditions to be tried on candidates."""
        names = frozenset(columns)
        said = {place for place, told in self._said.items() if told & names}
        found = self._known(names, lambda each: _about(each, names), _all, _any)
        return ColumnConditions(
            tuple(part for _, part in found), tuple(part for place, part in found if place not in said)
        )

    def step_range(self) -> StepRange:
        """Bounds (inclusive) that every step satisfying the predicate is within.

        Example:
            >>> Predicate((pl.col("step") >= 10) & (pl.lit(20) > pl.col("step"))).step_range()
            (10.0, 20.0)
            >>> Predicate((pl.col("step") == 3) | ((pl.col("step") > 5) & (pl.col("step") < 7))).step_range()
            (3.0, 7.0)
        """
        return self._bounds("step", lambda value: (float(value), float(value)) if is_finite_number(value) else None)

    def time_range(self, column: str) -> TimeRange:
        """Bounds (inclusive) that the time in the column is within in every row satisfying the predicate; where there
        is one, no such time is null. The parts do not count as used: not every source can be asked for times.

        Example:
            >>> from datetime import datetime, timezone
            >>> Predicate(pl.col("timestamp") > datetime(1970, 1, 2, tzinfo=timezone.utc)).time_range("timestamp")
            (86400000, None)
        """
        used = set(self._used)
        low, high = self._bounds(column, milliseconds_within)
        self._used = used
        return None if low is None else int(low), None if high is None else int(high)

    def equal_texts(self, column: str) -> frozenset[str] | None:
        """Texts of which every row satisfying the predicate has one in the column; None if any will do.

        Example:
            >>> sorted(Predicate(pl.col("run").is_in(["a", "b"]) & (pl.col("step") > 3)).equal_texts("run"))
            ['a', 'b']
        """
        found = self._known({column}, lambda each: _equal_texts(_term(each, (column,))), _intersection, _union)
        return _intersection([texts for _, texts in found]) if found else None

    def patterns(self, column: str) -> list[str]:
        """RE2 patterns that the text in the column matches in every row satisfying the predicate.

        Example:
            >>> Predicate(pl.col("attribute").str.starts_with("train/")).patterns("attribute")
            ['^train/']
        """
        found = self._known(
            {column},
            lambda each: _patterns(_term(each, (column,))),
            lambda lists: [pattern for each in lists for pattern in each],
            lambda lists: [any_pattern([patterns[0] for patterns in lists])],
        )
        return [pattern for _, patterns in found for pattern in patterns]

    def kinds(self, columns: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
        """Of which kinds a row satisfying the predicate is; None if any will do.

        Args:
            columns: By column, the kinds of rows in which it is not null.

        Example:
            >>> kinds = {"int": frozenset(["int"]), "float": frozenset(["float"])}
            >>> Predicate((pl.col("float") > 0) & pl.col("int").is_null()).kinds(kinds)
            frozenset({'float'})
        """

        def of_column(condition: Condition) -> frozenset[str] | None:
            # No row whose column is null satisfies a term.
            term = _term(condition, columns)
            return None if term is None else columns[term.column]

        found = self._known(columns.keys(), of_column, _intersection, _union)
        return _intersection([kinds for _, kinds in found]) if found else None

    def run_filter(self, operands: Mapping[str, Operand]) -> Expression | None:
        """What a search can be asked of the attributes in some columns: every row that satisfies the
        predicate is of a run that satisfies it. None where the predicate says nothing a search understands.

        Args:
            operands: By column, the attribute in it.

        Example:
            >>> from neptune_frames.query.rendering import render
            >>> predicate = Predicate((pl.col("lr") < 0.01) & (pl.col("lr") + 1 > 0))
            >>> print(render(predicate.run_filter({"lr": Operand("config/lr", "float")})))
            `config/lr`:float < "0.01"
        """

        def of_term(condition: Condition) -> Expression | None:
            term = _term(condition, operands)
            return None if term is None else expression_of(term, operands[term.column])

        found = self._known(operands.keys(), of_term, _conjunction, lambda alternatives: Or(tuple(alternatives)))
        return _conjunction([expression for _, expression in found]) if found else None

    def _bounds(self, column: str, number: Callable[[Any], _Bounds | None]) -> StepRange:
        found = self._known({column}, lambda each: _bounds(_term(each, (column,)), number), _overlap, _hull)
        low, high = _overlap([bounds for _, bounds in found])
        return (None if low == -math.inf else low), (None if high == math.inf else high)

    def _known(
        self,
        columns: Collection[str],
        of: Callable[[Condition], Known | None],
        all_of: Callable[[Sequence[Known]], Known],
        any_of: Callable[[Sequence[Known]], Known | None],
    ) -> list[tuple[int, Known]]:
        """What is known of each part, by its place (see `Condition.known`). A part about these columns alone is used
        by it, others say more."""
        found = []
        for place, condition in enumerate(self._conditions):
            if condition.columns.isdisjoint(columns):
                continue
            known = condition.known(of, all_of, any_of)
            if known is None:
                continue
            self._said.setdefault(place, set()).update(condition.columns.intersection(columns))
            if condition.columns <= set(columns):
                self._used.add(place)
            found.append((place, known))
        return found


def is_never_true(predicate: pl.Expr | None) -> bool:
    """Whether some conjunct is the constant false, or null: so Polars writes ``is_in([])``.

    Example:
        >>> is_never_true((pl.col("step") > 3) & pl.lit(False))
        True
    """
    conjuncts = () if predicate is None else split(predicate, "And")
    constants = [pl.select(each).to_series() for each in conjuncts if each.meta.is_literal()]
    # A column of truth values is no constant.
    return any(len(constant) == 1 and constant.item() is not True for constant in constants)


class ColumnConditions:
    """Conditions on some columns, which Polars evaluates on a table of candidates.

    Attributes:
        parts: The conditions, which all hold.
        unsaid: Those of them that nothing else was made of.
    """

    def __init__(self, parts: tuple[pl.Expr, ...] = (), unsaid: tuple[pl.Expr, ...] = ()) -> None:
        self.parts = parts
        self.unsaid = unsaid

    def keep(self, candidates: pl.DataFrame) -> pl.DataFrame:
        """The candidates that some row satisfying the predicate may have.

        Conditions on columns that the candidates do not have are passed over.
        """
        for part in self.parts:
            if set(part.meta.root_names()) <= set(candidates.columns):
                candidates = candidates.filter(part)
        return candidates


def _about(condition: Condition, columns: frozenset[str]) -> pl.Expr | None:
    """The condition, if it depends on these columns alone, row by row."""
    is_about = condition.columns and condition.columns <= columns and condition.is_row_separable
    return condition.expression if is_about else None


def _all(conditions: Sequence[pl.Expr]) -> pl.Expr:
    return reduce(and_, conditions)


def _any(conditions: Sequence[pl.Expr]) -> pl.Expr:
    return reduce(or_, conditions)


def _term(condition: Condition, columns: Collection[str]) -> Term | None:
    """The term, if the condition is one, and about one of the columns."""
    # The JSON of a condition on other columns, which may hold a long list, is not read.
    (column, *others) = condition.columns or ("",)
    return condition.term if not others and column in columns else None


def _bounds(term: Term | None, number: Callable[[Any], _Bounds | None]) -> _Bounds | None:
    """What is between the numbers that a value is between, where it is not one itself."""
    if term is None or not term.values:
        return None
    values = [found for value in term.values if (found := number(value)) is not None]
    if len(values) < len(term.values):
        return None
    low, high = min(low for low, _ in values), max(high for _, high in values)
    if term.operator in ("Gt", "GtEq"):
        return low, math.inf
    if term.operator in ("Lt", "LtEq"):
        return -math.inf, high
    if term.operator == "IsBetween":
        return values[0][0], values[1][1]
    return (low, high) if term.operator in ("Eq", "IsIn") else None


def _overlap(bounds: Sequence[_Bounds]) -> _Bounds:
    lows, highs = zip(_ANYTHING, *bounds, strict=True)
    return max(lows), min(highs)


def _hull(bounds: Sequence[_Bounds]) -> _Bounds | None:
    lows, highs = zip(*bounds, strict=True)
    hull = min(lows), max(highs)
    return None if hull == _ANYTHING else hull


def _equal_texts(term: Term | None) -> frozenset[str] | None:
    if term is None or term.operator not in ("Eq", "IsIn"):
        return None
    return frozenset(term.values) if all(isinstance(value, str) for value in term.values) else None


def _patterns(term: Term | None) -> list[str] | None:
    pattern = None if term is None else pattern_of(term)
    return None if pattern is None else [pattern]


def _intersection(sets: Sequence[frozenset[str]]) -> frozenset[str]:
    return frozenset.intersection(*sets)


def _union(sets: Sequence[frozenset[str]]) -> frozenset[str]:
    return frozenset.union(*sets)


def _conjunction(expressions: Sequence[Expression]) -> Expression:
    return expressions[0] if len(expressions) == 1 else And(tuple(expressions))

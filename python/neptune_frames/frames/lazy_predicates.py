"""What a Polars predicate says about names and steps, so that a source can be asked for less.

A part of the predicate that is not understood is ignored here: whoever uses this still applies the whole
predicate to the rows. So everything found may only narrow, and need not be complete.

Conditions on names are not parsed: Polars evaluates them on the table of candidates, whatever they say.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import polars as pl

from neptune_frames.frames.lazy_terms import split, term
from neptune_frames.query.expressions import And, Expression, Operand, Or
from neptune_frames.query.terms import expression_of, is_finite_number, pattern_of

#: Lower and upper bound of a step; None is open.
StepRange = tuple[float | None, float | None]


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
        self.parts: tuple[pl.Expr, ...] = () if expression is None else tuple(split(expression, "And"))
        self._used: set[int] = set()

    def unused(self) -> tuple[pl.Expr, ...]:
        """The parts that nothing was made of."""
        return tuple(part for place, part in enumerate(self.parts) if place not in self._used)

    def columns(self) -> set[str]:
        """Names of the columns that some part depends on."""
        return {name for part in self.parts for name in part.meta.root_names()}

    def about(self, columns: Collection[str]) -> list[tuple[int, pl.Expr]]:
        """The parts that depend on these columns alone, row by row, with their places."""
        return [
            (place, part)
            for place, part in enumerate(self.parts)
            if (names := part.meta.root_names()) and set(names) <= set(columns) and _is_row_separable(part)
        ]

    def use(self, place: int) -> None:
        """Note that a part narrowed the question."""
        self._used.add(place)

    def on_names(self, columns: Collection[str]) -> NameConditions:
        """The parts about names, to be tried on candidates."""
        found = self.about(columns)
        for place, _ in found:
            self.use(place)
        return NameConditions(tuple(part for _, part in found))

    def step_range(self) -> StepRange:
        """Bounds (inclusive) that every step satisfying the predicate is within.

        Example:
            >>> Predicate((pl.col("step") >= 10) & (pl.lit(20) > pl.col("step"))).step_range()
            (10.0, 20.0)
        """
        start, end = -math.inf, math.inf
        for place, part in self.about(("step",)):
            low, high = _bounds(part)
            if (low, high) != (-math.inf, math.inf):
                self.use(place)
            start, end = max(start, low), min(end, high)
        return (None if start == -math.inf else start), (None if end == math.inf else end)

    def equal_texts(self, column: str) -> frozenset[str] | None:
        """Texts of which every row satisfying the predicate has one in the column; None if any will do.

        Example:
            >>> sorted(Predicate(pl.col("run").is_in(["a", "b"]) & (pl.col("step") > 3)).equal_texts("run"))
            ['a', 'b']
        """
        found: frozenset[str] | None = None
        for place, part in self.about((column,)):
            known = term(part)
            if known is None or known.operator not in ("Eq", "IsIn"):
                continue
            if all(isinstance(value, str) for value in known.values):
                self.use(place)
                found = frozenset(known.values) if found is None else found & frozenset(known.values)
        return found

    def patterns(self, column: str) -> list[str]:
        """RE2 patterns that the text in the column matches in every row satisfying the predicate.

        Example:
            >>> Predicate(pl.col("attribute").str.starts_with("train/")).patterns("attribute")
            ['^train/']
        """
        found = []
        for place, part in self.about((column,)):
            known = term(part)
            pattern = None if known is None else pattern_of(known)
            if pattern is not None:
                self.use(place)
                found.append(pattern)
        return found

    def not_null(self, columns: Collection[str]) -> list[str]:
        """Those of the columns that are not null in any row satisfying the predicate.

        Example:
            >>> Predicate((pl.col("float") > 0) & pl.col("int").is_null()).not_null(["int", "float"])
            ['float']
        """
        found: dict[str, None] = {}
        for place, part in enumerate(self.parts):
            known = term(part)
            if known is not None and known.column in columns:
                self.use(place)
                found[known.column] = None
        return list(found)

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
        found = []
        for place, part in enumerate(self.parts):
            expression = _run_filter(part, operands)
            if expression is not None:
                self.use(place)
                found.append(expression)
        return _all_of(found)


class NameConditions:
    """Conditions on columns of names. Polars evaluates them on a table of candidates."""

    def __init__(self, parts: tuple[pl.Expr, ...]) -> None:
        self._parts = parts

    def keep(self, candidates: pl.DataFrame) -> pl.DataFrame:
        """The candidates that some row satisfying the predicate may have.

        Conditions on columns that the candidates do not have are passed over.
        """
        for part in self._parts:
            if set(part.meta.root_names()) <= set(candidates.columns):
                candidates = candidates.filter(part)
        return candidates


def _is_row_separable(part: pl.Expr) -> bool:
    try:
        return part.meta.is_row_separable()
    except pl.exceptions.PolarsError:  # a Python function, whose result only a frame can tell
        return False


def _bounds(part: pl.Expr) -> tuple[float, float]:
    anything = (-math.inf, math.inf)
    known = term(part)
    if known is None or not known.values or not all(map(is_finite_number, known.values)):
        return anything
    low, high = float(min(known.values)), float(max(known.values))
    if known.operator in ("Gt", "GtEq"):
        return low, math.inf
    if known.operator in ("Lt", "LtEq"):
        return -math.inf, high
    if known.operator == "IsBetween":
        return float(known.values[0]), float(known.values[1])
    return (low, high) if known.operator in ("Eq", "IsIn") else anything


def _run_filter(expression: pl.Expr, operands: Mapping[str, Operand]) -> Expression | None:
    alternatives = list(split(expression, "Or"))
    if len(alternatives) > 1:
        found = [_run_filter(each, operands) for each in alternatives]
        understood = [each for each in found if each is not None]
        # One alternative that says nothing lets every run through.
        return Or(tuple(understood)) if len(understood) == len(found) else None
    parts = list(split(expression, "And"))
    if len(parts) > 1:
        return _all_of([each for part in parts if (each := _run_filter(part, operands)) is not None])
    known = term(expression)
    operand = None if known is None else operands.get(known.column)
    return None if known is None or operand is None else expression_of(known, operand)


def _all_of(expressions: list[Expression]) -> Expression | None:
    return None if not expressions else expressions[0] if len(expressions) == 1 else And(tuple(expressions))

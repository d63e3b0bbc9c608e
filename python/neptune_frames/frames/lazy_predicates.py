"""What a Polars predicate says about names and steps, so that a source can be asked for less.

A part of the predicate that is not understood is ignored here: whoever uses this still applies the whole
predicate to the rows. So everything found may only narrow, and need not be complete.

Conditions on names are not parsed: Polars evaluates them on the table of candidates, whatever they say.
Conditions on steps are read from the expression's JSON form, whose layout Polars does not promise; a
layout that is not known counts as not understood.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator
from typing import Any

import polars as pl

#: Upper and lower bound of a step; None is open.
StepRange = tuple[float | None, float | None]

_MIRRORED = {"Gt": "Lt", "Lt": "Gt", "GtEq": "LtEq", "LtEq": "GtEq", "Eq": "Eq"}


def conjuncts(predicate: pl.Expr | None) -> list[pl.Expr]:
    """The parts of a predicate that must all hold.

    Example:
        >>> len(conjuncts((pl.col("step") > 1) & (pl.col("run") == "a") & pl.col("value").is_nan()))
        3
    """
    return [] if predicate is None else list(_split(predicate))


def keep_candidates(candidates: pl.DataFrame, predicate: pl.Expr | None) -> pl.DataFrame:
    """The candidates that some row satisfying the predicate may have.

    Args:
        candidates: A table of names; its columns have the names and types they have in the rows.
        predicate: A predicate on the rows. Parts about other columns are ignored.
    """
    for part in conjuncts(predicate):
        if _is_about(part, candidates.columns) and part.meta.is_row_separable():
            candidates = candidates.filter(part)
    return candidates


def step_range(predicate: pl.Expr | None) -> StepRange:
    """Bounds (inclusive) that every step satisfying the predicate is within.

    Example:
        >>> step_range((pl.col("step") >= 10) & (pl.lit(20) > pl.col("step")) & (pl.col("value") > 0))
        (10.0, 20.0)
    """
    start, end = -math.inf, math.inf
    for part in conjuncts(predicate):
        if _is_about(part, ("step",)):
            low, high = _bounds(part)
            start, end = max(start, low), min(end, high)
    return (None if start == -math.inf else start), (None if end == math.inf else end)


def equal_texts(predicate: pl.Expr | None, column: str) -> frozenset[str] | None:
    """Texts of which every row satisfying the predicate has one in the column; None if any will do.

    Example:
        >>> sorted(equal_texts(pl.col("run").is_in(["a", "b"]) & (pl.col("step") > 3), "run"))
        ['a', 'b']
    """
    found: frozenset[str] | None = None
    for part in conjuncts(predicate):
        term = _known_comparison(part) if _is_about(part, (column,)) else None
        if term is not None and term[0] in ("Eq", "IsIn") and all(isinstance(value, str) for value in term[1]):
            found = frozenset(term[1]) if found is None else found & frozenset(term[1])
    return found


def _bounds(part: pl.Expr) -> tuple[float, float]:
    anything = (-math.inf, math.inf)
    term = _known_comparison(part)
    if term is None:
        return anything
    operator, values = term
    if not values or not all(_is_number(value) for value in values):
        return anything
    if operator in ("Gt", "GtEq"):
        return float(values[0]), math.inf
    if operator in ("Lt", "LtEq"):
        return -math.inf, float(values[0])
    if operator == "IsBetween":
        return float(values[0]), float(values[1])
    return float(min(values)), float(max(values))


def _known_comparison(expression: pl.Expr) -> tuple[str, list[Any]] | None:
    try:
        return _comparison(expression)
    except (pl.exceptions.PolarsError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _comparison(expression: pl.Expr) -> tuple[str, list[Any]] | None:
    """(operator, literals) of ``column operator literal``, ``is_in(literals)`` and ``is_between(low, high)``."""
    kind, body = _node(expression)
    if kind == "BinaryExpr" and body["op"] in _MIRRORED:
        right, left = expression.meta.pop()  # inputs come last first
        if left.meta.is_column() and right.meta.is_literal():
            return body["op"], [pl.select(right).item()]
        if left.meta.is_literal() and right.meta.is_column():
            return _MIRRORED[body["op"]], [pl.select(left).item()]
    if kind != "Function":
        return None
    *literals, column = expression.meta.pop()
    if not column.meta.is_column() or not all(literal.meta.is_literal() for literal in literals):
        return None
    function = body["function"].get("Boolean", {})
    if "IsIn" in function and function["IsIn"] == {"nulls_equal": False}:
        return "IsIn", pl.select(literals[0]).item().to_list()
    if "IsBetween" in function:
        high, low = (pl.select(literal).item() for literal in literals)
        return "IsBetween", [low, high]
    return None


def _split(expression: pl.Expr) -> Iterator[pl.Expr]:
    try:
        kind, body = _node(expression)
    except (pl.exceptions.PolarsError, ValueError):
        kind, body = "", None
    if kind == "BinaryExpr" and body["op"] == "And":
        for side in expression.meta.pop():
            yield from _split(side)
    else:
        yield expression


def _node(expression: pl.Expr) -> tuple[str, Any]:
    ((kind, body),) = json.loads(expression.meta.serialize(format="json")).items()
    return kind, body


def _is_about(expression: pl.Expr, columns: Collection[str]) -> bool:
    names = expression.meta.root_names()
    return bool(names) and all(name in columns for name in names)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)

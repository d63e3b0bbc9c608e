"""Polars expressions as terms: a column, an operator, literal values.

They are read from the JSON form of an expression, whose layout Polars does not promise: a layout that is not known
gives no term. Whoever uses terms still applies the whole predicate to the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import polars as pl

from neptune_frames.query.terms import Term

_MIRRORED = {"Gt": "Lt", "Lt": "Gt", "GtEq": "LtEq", "LtEq": "GtEq", "Eq": "Eq", "NotEq": "NotEq"}
_NOT_UNDERSTOOD = (pl.exceptions.PolarsError, msgspec.MsgspecError, ValueError, TypeError, KeyError, AttributeError)

#: Integers up to here are floats too, so that comparing as floats changes nothing.
_EXACT_INTEGERS = 2**53


def term(expression: pl.Expr) -> Term | None:
    """The term an expression is; None for everything else.

    Example:
        >>> term(pl.lit(3.0) < pl.col("step"))
        Term(column='step', operator='Gt', values=(3.0,))
        >>> term(pl.col("a") + 1 > pl.col("b")) is None
        True
    """
    try:
        kind, body = _node(expression)
        if kind == "Column":
            return Term(expression.meta.output_name(), "IsTrue")
        if kind == "BinaryExpr" and body.op in _MIRRORED:
            return _comparison(body.op, expression)
        return _function(body.function, expression) if kind == "Function" else None
    except _NOT_UNDERSTOOD:
        return None


def split(expression: pl.Expr, operator: str) -> Iterator[pl.Expr]:
    """The operands of a tree of one binary operator (``And``, ``Or``), from left to right.

    Example:
        >>> len(list(split((pl.col("a") > 1) & (pl.col("b") > 1) & pl.col("c"), "And")))
        3
    """
    waiting = [expression]
    while waiting:
        current = waiting.pop()
        if _is_binary(current, operator):
            waiting.extend(current.meta.pop())  # inputs come last first
        else:
            yield current


def _is_binary(expression: pl.Expr, operator: str) -> bool:
    try:
        # Not worth its JSON, which may hold a long list: no operand of AND and OR is a literal.
        if any(each.meta.is_literal() for each in expression.meta.pop()):
            return False
        kind, body = _node(expression)
        return kind == "BinaryExpr" and body.op == operator
    except _NOT_UNDERSTOOD:
        return False


def _comparison(operator: str, expression: pl.Expr) -> Term | None:
    right, left = expression.meta.pop()
    if left.meta.is_literal():
        left, right, operator = right, left, _MIRRORED[operator]
    if not right.meta.is_literal():
        return None
    value = pl.select(right).item()
    column = left if left.meta.is_column() else _uncast(left, value)
    return None if column is None or value is None else Term(column.meta.output_name(), operator, (value,))


def _uncast(expression: pl.Expr, value: Any) -> pl.Expr | None:
    """The column under a cast to Float64, where comparing with the value means the same without it."""
    kind, body = _node(expression)
    if kind != "Cast" or body.dtype != {"Literal": "Float64"}:
        return None
    (column,) = expression.meta.pop()
    is_exact = isinstance(value, float) and abs(value) < _EXACT_INTEGERS
    return column if column.meta.is_column() and is_exact else None


def _function(function: dict[str, Any], expression: pl.Expr) -> Term | None:
    *literals, column = expression.meta.pop()
    if not column.meta.is_column() or not all(literal.meta.is_literal() for literal in literals):
        return None
    ((family, detail),) = function.items()
    operator = _operator(family, detail)
    if operator is None:
        return None
    values = tuple(pl.select(literal).item() for literal in reversed(literals))
    if operator == "IsIn":
        values = tuple(values[0].to_list())
    return None if None in values else Term(column.meta.output_name(), operator, values)


_PLAIN_FUNCTIONS = {
    ("Boolean", "Not"): "IsFalse",
    ("Boolean", "IsNotNull"): "IsNotNull",
    ("StringExpr", "StartsWith"): "StartsWith",
    ("StringExpr", "EndsWith"): "EndsWith",
}


def _operator(family: str, detail: Any) -> str | None:
    if isinstance(detail, str):
        return _PLAIN_FUNCTIONS.get((family, detail))
    if family == "Boolean" and detail == {"IsIn": {"nulls_equal": False}}:
        return "IsIn"
    if family == "Boolean" and "IsBetween" in detail:
        return "IsBetween"
    if family == "StringExpr" and "Contains" in detail:
        return "ContainsText" if detail["Contains"]["literal"] else "Contains"
    return "ListContains" if family == "ListExpr" and "Contains" in detail else None


class _Body(msgspec.Struct):
    """What is read of the body of an expression; its operands are not."""

    op: Any = None
    function: Any = None
    dtype: Any = None


def _node(expression: pl.Expr) -> tuple[str, _Body]:
    text = expression.meta.serialize(format="json")
    ((kind, body),) = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).items()
    is_object = bytes(memoryview(body)[:1]) == b"{"
    return kind, msgspec.json.decode(body, type=_Body) if is_object else _Body()

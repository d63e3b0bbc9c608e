"""Polars expressions as trees of AND and OR over terms: a column, an operator, constant values.

Terms are read from the JSON form of an expression, whose layout Polars does not promise: a layout that is not known
gives no term. Whoever uses terms still applies the whole predicate to the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from functools import cached_property
from typing import Any

import msgspec
import polars as pl

from neptune_frames.query.terms import Term, negated

_MIRRORED = {"Gt": "Lt", "Lt": "Gt", "GtEq": "LtEq", "LtEq": "GtEq", "Eq": "Eq", "NotEq": "NotEq"}
_LOGICAL = {"LogicalAnd": "And", "LogicalOr": "Or"}
_NOT_UNDERSTOOD = (
    pl.exceptions.PolarsError, msgspec.MsgspecError, ValueError, TypeError, KeyError, AttributeError, RecursionError,
)  # fmt: skip

#: Integers up to here are floats too, so that comparing as floats changes nothing.
_EXACT_INTEGERS = 2**53

_TIMES_OF_PYTHON = (datetime.min, datetime.max)

#: Trees that are deeper than this are not looked into: nobody writes them, and Python has its limit.
_MOST_LEVELS = 50

#: Kinds of nodes that constants are made of, and functions among them whose results Polars does not know either.
_CONSTANT_NODES = frozenset(("Literal", "Alias", "Cast", "BinaryExpr", "Ternary", "Function"))
_OPAQUE_FUNCTIONS = frozenset(("FfiPlugin", "Random"))


class Condition:
    """A predicate as a tree of AND and OR.

    Attributes:
        expression: The whole predicate.
        operator: ``And``, ``Or``, or None where it is neither.
        parts: The operands, from left to right.
    """

    def __init__(self, expression: pl.Expr, levels: int = _MOST_LEVELS) -> None:
        self.expression = expression
        self.operator: str | None = None
        self.parts: tuple[Condition, ...] = ()
        self._simple = _comparisons(_unfilled(expression))
        if levels and (operator := _operator_of(self._simple)) is not None:
            self.operator = operator
            self.parts = tuple(Condition(each, levels - 1) for each in split(self._simple, operator))

    @cached_property
    def columns(self) -> frozenset[str]:
        """Names of the columns it depends on."""
        return frozenset(self.expression.meta.root_names())

    @cached_property
    def term(self) -> Term | None:
        """See `term`; None where there are parts."""
        return term(self._simple) if self.operator is None else None

    @cached_property
    def is_row_separable(self) -> bool:
        """Whether it tells of each row by itself."""
        try:
            return self.expression.meta.is_row_separable()
        except pl.exceptions.PolarsError:  # a Python function, whose result only a frame can tell
            return False


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
        # Null is equal to no constant but null, which is not understood.
        operator = "Eq" if body.op == "EqValidity" else body.op
        if kind == "BinaryExpr" and operator in _MIRRORED:
            return _comparison(operator, expression)
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
        if _operator_of(current) == operator:
            waiting.extend(current.meta.pop())  # inputs come last first
        else:
            yield current


def _operator_of(expression: pl.Expr) -> str | None:
    """``And`` or ``Or``, if an expression is one."""
    operands = expression.meta.pop()
    if len(operands) != 2:
        return None
    right, left = operands
    try:
        # Put together again and compared: the JSON of every node of a long chain would hold all below it.
        if expression.meta.eq(left & right):
            return "And"
        if expression.meta.eq(left | right):
            return "Or"
        # What Polars makes of `any_horizontal` and `all_horizontal` cannot be put together.
        is_constant = not (left.meta.root_names() and right.meta.root_names())
        return None if is_constant else _LOGICAL.get(_node(expression)[1].op)
    except _NOT_UNDERSTOOD:
        return None


def _unfilled(condition: pl.Expr) -> pl.Expr:
    """The condition without a last ``fill_null(False)``, which changes nothing for a filter."""
    operands = condition.meta.pop()
    is_filled = len(operands) == 2 and condition.meta.eq(operands[1].fill_null(False))
    return operands[1] if is_filled else condition


def _comparisons(condition: pl.Expr) -> pl.Expr:
    """``is_between`` without one of its ends as two comparisons."""
    operands = condition.meta.pop()
    if len(operands) != 3:
        return condition
    high, low, value = operands
    # Compared before its JSON is looked at, which may hold a long list.
    for closed in ("left", "right", "none"):
        if condition.meta.eq(value.is_between(low, high, closed=closed)):
            above = value >= low if closed == "left" else value > low
            return above & (value <= high if closed == "right" else value < high)
    return condition


def _comparison(operator: str, expression: pl.Expr) -> Term | None:
    right, left = expression.meta.pop()
    if not left.meta.root_names():
        left, right, operator = right, left, _MIRRORED[operator]
    if not _is_constant(right):
        return None
    value = _value(right)
    if value is not None and (days := _under_date(left)) is not None:
        return _on_days(days.meta.output_name(), operator, value)
    column = left if left.meta.is_column() else _uncast(left, value)
    return None if column is None or value is None else Term(column.meta.output_name(), operator, (value,))


def _under_date(expression: pl.Expr) -> pl.Expr | None:
    """The column of times of which an expression is the date."""
    operands = expression.meta.pop()
    is_date = len(operands) == 1 and operands[0].meta.is_column() and expression.meta.eq(operands[0].dt.date())
    return operands[0] if is_date else None


def _on_days(column: str, operator: str, day: date) -> Term | None:
    """A comparison of dates as one of times, which our columns have in UTC and milliseconds."""
    start = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
    last = start + timedelta(days=1, milliseconds=-1)
    if operator == "Eq":
        return Term(column, "IsBetween", (start, last))
    bound = {"Lt": start, "GtEq": start, "LtEq": last, "Gt": last}.get(operator)
    return None if bound is None else Term(column, operator, (bound,))


def _is_constant(expression: pl.Expr) -> bool:
    """Whether an expression has one value, whatever the rows are. Polars does not fold all of them."""
    if expression.meta.is_literal():
        return True
    return not expression.meta.root_names() and expression.meta.is_row_separable() and _is_plain(expression)


def _is_plain(expression: pl.Expr) -> bool:
    """Whether an expression is made of what Polars itself computes."""
    kind, body = _node(expression)
    if kind not in _CONSTANT_NODES or (isinstance(body.function, dict) and _OPAQUE_FUNCTIONS & body.function.keys()):
        return False
    return all(map(_is_plain, expression.meta.pop()))


def _value(constant: pl.Expr) -> Any:
    """Its value, a list as a series; raises `ValueError` where there are several, or Python cannot hold it."""
    found = pl.select(constant).to_series()
    if isinstance(found.dtype, pl.List):
        return found.item()
    (value,) = _as_python(found)
    return value


def _as_python(found: pl.Series) -> list[Any]:
    """The values; raises `ValueError` where Python cannot hold one, at which Polars would panic."""
    if isinstance(found.dtype, pl.Datetime) and found.dtype.time_unit == "ns":
        coarse = found.dt.cast_time_unit("us")
        if not coarse.dt.cast_time_unit("ns").equals(found):
            raise ValueError("a time with nanoseconds")
        found = coarse
    if isinstance(found.dtype, (pl.Datetime, pl.Date)):
        least, most = (pl.Series([bound]).cast(found.dtype).to_physical()[0] for bound in _TIMES_OF_PYTHON)
        if not found.to_physical().is_between(least, most).all():
            raise ValueError("a time out of Python's range")
    return found.to_list()


def _uncast(expression: pl.Expr, value: Any) -> pl.Expr | None:
    """The column under a cast to Float64, where comparing with the value means the same without it."""
    kind, body = _node(expression)
    if kind != "Cast" or body.dtype != {"Literal": "Float64"}:
        return None
    (column,) = expression.meta.pop()
    is_exact = isinstance(value, float) and abs(value) < _EXACT_INTEGERS
    return column if column.meta.is_column() and is_exact else None


def _function(function: dict[str, Any], expression: pl.Expr) -> Term | None:
    *constants, column = expression.meta.pop()
    ((family, detail),) = function.items()
    if detail == "Not" and not column.meta.is_column():
        return negated(term(column))
    if not column.meta.is_column() or not all(map(_is_constant, constants)):
        return None
    operator = _operator(family, detail)
    if operator is None:
        return None
    values = tuple(map(_value, reversed(constants)))
    if operator == "IsIn":
        values = tuple(_as_python(values[0].drop_nulls()))  # null is in no list
    return None if None in values else Term(column.meta.output_name(), operator, values)


_PLAIN_FUNCTIONS = {
    ("Boolean", "Not"): "IsFalse",
    ("Boolean", "IsNotNull"): "IsNotNull",
    ("Boolean", "IsNotNan"): "IsSomeNumber",
    ("Boolean", "IsNan"): "IsSomeNumber",
    ("Boolean", "IsFinite"): "IsSomeNumber",
    ("Boolean", "IsInfinite"): "IsSomeNumber",
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

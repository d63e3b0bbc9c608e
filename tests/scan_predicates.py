"""Random predicates on the columns of scans: what sources understand, what they do not, and what almost looks alike."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from functools import cache, reduce
from operator import and_, or_
from typing import Any

import polars as pl
from hypothesis import strategies as st

#: Texts that appear in the archive, that almost do, and that mean something to a regular expression.
TEXTS = ["run-1", "run-4", "exp 0", "exp 3", "train/loss", "val/loss", "log", "Adam", "a.b|c", 'say "hi"', "sgd\\w"]
PARTS = ["", "run-", "exp", "train/", "loss", "a", "A", ".", "|", '"', "\\", "ss", "Ä", "1", " "]
PATTERNS = ["^run-[0-3]$", "loss$", "^(train|val)/", "a.b", "A|a", r"\d", "(?i)ADAM", "", r"\.", "x*", "[^a]", "e?x"]
NUMBERS = [-3, 0, 1, 3, 5, 8, 16, 0.001, 0.01, 0.1, 0.5, -0.0, 1.75, 2.5, 2**53, 2**53 + 1, float("nan"), float("inf")]
TIMES = [
    datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(minutes=minutes, seconds=seconds, microseconds=odd)
    for minutes in (0, 1, 4, 60, 300)
    for seconds in (0, 3)
    for odd in (0, 500)
] + [datetime(1969, 12, 31, 23, 59, 59, 999_500, tzinfo=timezone.utc)]
DAYS = [date(1969, 12, 31), date(1970, 1, 1), date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 2), date.max]
COMPARED = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


def constant(value: Any) -> st.SearchStrategy[pl.Expr]:
    """Expressions of which each is this value; Polars folds some of them before a source sees them."""
    spelled = [pl.lit(value), pl.lit([value]).list.first(), pl.when(pl.lit(True)).then(pl.lit(value))]
    if isinstance(value, str):
        spelled += [pl.lit(f"~{value}").str.strip_prefix("~"), pl.concat_str(pl.lit(value[:1]), pl.lit(value[1:]))]
    elif isinstance(value, datetime):
        parts = (value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond)
        spelled += [
            pl.datetime(*parts, time_zone="UTC"),
            pl.lit(value.isoformat()).str.to_datetime(time_zone="UTC", time_unit="us"),
            pl.lit(value) - pl.duration(days=1) + pl.duration(days=1),
            pl.lit(value).dt.cast_time_unit("ns") + pl.duration(nanoseconds=7),
        ]
    else:
        spelled += [pl.lit(float(value)) + 0.0, pl.lit(value).neg().neg(), pl.lit(float(value)).cast(pl.Float32)]
    return st.sampled_from(spelled)


def conditions(name: str, dtype: pl.DataType) -> st.SearchStrategy[pl.Expr]:
    """Simple conditions on a column, understood by a source or not."""
    column = pl.col(name)
    shared = st.sampled_from([column.is_null(), column.is_not_null()])
    if dtype.is_float():
        shared |= st.sampled_from([column.is_nan(), column.is_not_nan(), column.is_finite(), column.is_infinite()])
    if dtype == pl.String:
        return shared | st.one_of(
            st.sampled_from(TEXTS).map(lambda text: column == text),
            st.sampled_from(TEXTS).map(lambda text: column != text),
            st.sampled_from(TEXTS).map(lambda text: column > text),
            st.sampled_from(TEXTS).flatmap(constant).map(lambda text: column == text),
            st.sampled_from(PARTS).flatmap(constant).map(lambda text: column.str.starts_with(text)),
            st.tuples(st.lists(st.sampled_from([*TEXTS, None]), max_size=3), st.booleans()).map(
                lambda drawn: column.is_in(pl.Series(drawn[0], dtype=pl.String).implode(), nulls_equal=drawn[1])
            ),
            st.sampled_from([*TEXTS, None]).map(lambda text: column.eq_missing(pl.lit(text, dtype=pl.String))),
            st.sampled_from(TEXTS).map(lambda text: column.ne_missing(text)),
            st.sampled_from(PARTS).map(lambda text: column.str.starts_with(text)),
            st.sampled_from(PARTS).map(lambda text: column.str.ends_with(text)),
            st.sampled_from(PARTS).map(lambda text: column.str.contains(text, literal=True)),
            st.sampled_from(PATTERNS).map(lambda pattern: column.str.contains(pattern)),
            st.just(column.str.len_chars() > 5),
        )
    if dtype == pl.Boolean:
        return shared | st.sampled_from(
            [column, ~column, column == True, column != False, column.eq_missing(True), column.fill_null(True)]  # noqa: E712
        )
    if dtype == pl.List(pl.String):
        return shared | st.sampled_from(["red", "re", "re d"]).map(lambda text: column.list.contains(text))
    values = st.sampled_from(TIMES if isinstance(dtype, pl.Datetime) else NUMBERS)
    comparisons: list[Callable[[Any], pl.Expr]] = [
        lambda value: column < value,
        lambda value: column <= value,
        lambda value: (value if isinstance(value, pl.Expr) else pl.lit(value)) < column,
        lambda value: column >= value,
        lambda value: column == value,
        lambda value: column != value,
    ]
    return shared | st.one_of(
        st.tuples(st.sampled_from(comparisons), values).map(lambda drawn: drawn[0](drawn[1])),
        st.tuples(st.sampled_from(comparisons), values.flatmap(constant)).map(lambda drawn: drawn[0](drawn[1])),
        st.tuples(values, values, st.sampled_from(["both", "left", "none"])).map(
            lambda drawn: column.is_between(drawn[0], drawn[1], closed=drawn[2])
        ),
        st.lists(values | st.none()).map(lambda found: column.is_in(_of(dtype, found))),
        st.lists(values | st.none()).map(lambda found: column.is_in(_of(dtype, found), nulls_equal=True)),
        *(
            [
                st.just(column.dt.second() > 2),
                st.tuples(st.sampled_from(COMPARED), st.sampled_from(DAYS)).map(
                    lambda drawn: drawn[0](column.dt.date(), pl.lit(drawn[1]))
                ),
            ]
            if isinstance(dtype, pl.Datetime)
            else [values.map(lambda value: column * 2 - 1 > value)]
        ),
    )


def _of(dtype: pl.DataType, values: list[Any]) -> pl.Series:
    exact = pl.Datetime("us", "UTC") if isinstance(dtype, pl.Datetime) else pl.Float64
    return pl.Series(values, dtype=exact).cast(dtype, strict=False).implode()


@cache
def predicates(columns: tuple[tuple[str, pl.DataType], ...]) -> st.SearchStrategy[pl.Expr]:
    """Trees of conditions on the columns of a frame."""
    usable = {name: dtype for name, dtype in columns if not isinstance(dtype, pl.Struct)}
    leaves = st.one_of([conditions(name, dtype) for name, dtype in usable.items()])
    pushed = [name for name in PUSHED if name in usable]
    # What matters of alternatives is what they have in common, so let them speak of the same columns.
    alternatives = st.lists(st.sampled_from(pushed), min_size=1, max_size=3, unique=True).flatmap(
        lambda names: st.lists(
            st.tuples(*(conditions(name, usable[name]) for name in names), leaves | st.none()), min_size=2, max_size=3
        )
    )
    return st.one_of(_trees(leaves), alternatives.map(_any_of_conjunctions))


def _any_of_conjunctions(alternatives: list[tuple[pl.Expr | None, ...]]) -> pl.Expr:
    conjunctions = [reduce(and_, [part for part in parts if part is not None]) for parts in alternatives]
    return reduce(or_, conjunctions)


def _trees(leaves: st.SearchStrategy[pl.Expr]) -> st.SearchStrategy[pl.Expr]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda pair: pair[0] & pair[1]),
            st.tuples(inner, inner).map(lambda pair: pair[0] & pair[1]),
            st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1]),
            inner.map(lambda one: ~one),
            inner.map(lambda one: one.fill_null(False)),
            st.tuples(inner, inner).map(lambda pair: pl.any_horizontal(*pair)),
            st.tuples(inner, inner).map(lambda pair: pl.all_horizontal(*pair)),
        ),
        max_leaves=5,
    )


#: Columns of which sources are told.
PUSHED = ("project", "run", "experiment", "attribute", "step", "timestamp", "type", "float_value", "string")

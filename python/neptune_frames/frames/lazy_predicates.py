"""Predicate pushdown: what the source of a scan can be asked for, given the predicate of a query.

`analyse` takes a predicate apart into conjuncts, reads them for each thing that the rules of a scan allow
(`neptune_frames.frames.lazy_readings`), and gives all that it found at once. That may only narrow, and need not be
complete: whoever uses it still applies the whole predicate to the rows, so a conjunct that is not understood costs
time, not truth. Conditions on names need not be understood: Polars evaluates them on the names that were found.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from neptune_frames.frames.lazy_readings import (
    all_patterns,
    bounds,
    conditions,
    equal_texts,
    intersection,
    name_patterns,
    overlap,
    read,
    searches,
    types_with,
)
from neptune_frames.frames.lazy_terms import Condition, split
from neptune_frames.query.expressions import Expression, Operand, conjunction
from neptune_frames.query.selection import NamePattern, StepRange
from neptune_frames.query.terms import is_finite_number, milliseconds_within

_Exprs = tuple[pl.Expr, ...]
#: Earliest and latest time in milliseconds since 1970; None is open.
TimeRange = tuple[int | None, int | None]


@dataclass(frozen=True)
class PushdownRules:
    """The columns of a scan that its source can be asked by. Conditions on others are residual.

    Attributes:
        searched: By column, the attribute in it, on which a search for runs can have conditions.
        label: The column of labels, of which a source can be asked for a list.
        name: The column of names of attributes.
        step: The column of steps.
        last_steps_only: Whether upper bounds of steps say nothing, since the last points of each series are asked for.
        time: The column of times. Conditions on it are residual all the same: not every source can be asked for times.
        type: The column of types.
        types: The types that rows may have.
        types_with: By column, the types of the rows in which it is not null.
        found_with_runs: Columns that are known when runs were found: conditions are tried on them before going on.
        found_with_names: The same of names of attributes.
    """

    searched: Mapping[str, Operand] = field(default_factory=dict)
    label: str | None = None
    name: str | None = None
    step: str | None = None
    last_steps_only: bool = False
    time: str | None = None
    type: str | None = None
    types: tuple[str, ...] = ()
    types_with: Mapping[str, frozenset[str]] = field(default_factory=dict)
    found_with_runs: tuple[str, ...] = ()
    found_with_names: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Pushdown:
    """What a source can be asked for: true of every row that satisfies the predicate.

    Attributes:
        run_filter: A search that finds its run; None if any run will do.
        labels: Labels of which it has one; None if any will do.
        names: Names of attributes of which it has one; None if any will do.
        name_pattern: What the name of its attribute matches, and does not match.
        types: Those of the scan's types that it may have; None if any will do.
        step_range: Bounds (inclusive) of its step.
        time_range: Bounds (inclusive) of its time; where there is one, the time is not null.
        run_conditions: Conditions on the columns found with runs.
        name_conditions: Conditions on the columns found with names.
        only_tried: Those of both of which nothing else was made.
        residual: The conjuncts that say more than all this.
    """

    run_filter: Expression | None
    labels: frozenset[str] | None
    names: frozenset[str] | None
    name_pattern: NamePattern
    types: tuple[str, ...] | None
    step_range: StepRange
    time_range: TimeRange
    run_conditions: _Exprs
    name_conditions: _Exprs
    only_tried: _Exprs
    residual: _Exprs


def analyse(predicate: pl.Expr | None, rules: PushdownRules) -> Pushdown:
    """What a source can be asked for on behalf of a predicate, and what is left of the predicate.

    Example:
        >>> rules = PushdownRules(name="attribute", step="step")
        >>> found = analyse((pl.col("step") >= 10) & (pl.col("attribute") == "a") & pl.col("value").is_nan(), rules)
        >>> found.step_range, sorted(found.names)
        ((10.0, None), ['a'])
        >>> [str(conjunct) for conjunct in found.residual]
        ['col("value").is_nan()']
    """
    conjuncts = _conjuncts(predicate)
    runs, labels = read(conjuncts, searches(rules.searched)), read(conjuncts, equal_texts(rules.label))
    names, patterns = read(conjuncts, equal_texts(rules.name)), read(conjuncts, name_patterns(rules.name))
    types, values = read(conjuncts, conditions(rules.type)), read(conjuncts, types_with(rules.types_with))
    steps = read(conjuncts, bounds(rules.step, _number, next_number=math.nextafter, lower_only=rules.last_steps_only))
    times = read(conjuncts, bounds(rules.time, milliseconds_within))
    on_runs = read(conjuncts, conditions(*rules.found_with_runs))
    on_names = read(conjuncts, conditions(*rules.found_with_names))
    pushed = (runs, names, patterns, types, values, steps, on_runs, on_names)
    low, high = overlap(steps.values)
    early, late = overlap(times.values)
    return Pushdown(
        run_filter=conjunction(*runs.values),
        labels=intersection(labels.values) if labels.values else None,
        names=intersection(names.values) if names.values else None,
        name_pattern=all_patterns(patterns.values),
        types=_allowed_types(rules, types.values, values.values),
        step_range=(None if math.isinf(low) else low, None if math.isinf(high) else high),
        time_range=(None if math.isinf(early) else int(early), None if math.isinf(late) else int(late)),
        run_conditions=on_runs.values,
        name_conditions=on_names.values,
        only_tried=(*on_runs.beside(runs), *on_names.beside(names, patterns)),
        residual=_uncovered(conjuncts, frozenset[int]().union(*(found.exact for found in pushed))),
    )


def conditions_on(predicate: pl.Expr | None, columns: Collection[str]) -> tuple[_Exprs, _Exprs]:
    """What a predicate says of these columns alone, row by row, and the conjuncts that say more."""
    conjuncts = _conjuncts(predicate)
    found = read(conjuncts, conditions(*columns))
    return found.values, _uncovered(conjuncts, found.exact)


def needs_one_of(predicate: pl.Expr | None, columns: Collection[str]) -> bool:
    """Whether only rows satisfy a predicate in which one of these columns that it names is not null.

    Example:
        >>> columns = ("loss", "accuracy")
        >>> needs_one_of((pl.col("step") > 1) & (pl.col("loss") < 0.1), columns), needs_one_of(pl.lit(True), columns)
        (True, False)
    """
    not_null = types_with({name: frozenset((name,)) for name in columns})
    return bool(read(_conjuncts(predicate), not_null).values)


def is_never_true(predicate: pl.Expr | None) -> bool:
    """Whether some conjunct is the constant false, or null: so Polars writes ``is_in([])``.

    Example:
        >>> is_never_true((pl.col("step") > 3) & pl.lit(False))
        True
    """
    return predicate is not None and any(_constant(each) in (False, None) for each in split(predicate, "And"))


def _conjuncts(predicate: pl.Expr | None) -> tuple[Condition, ...]:
    """The conditions that must all hold, without those that always do."""
    found = () if predicate is None else split(predicate, "And")
    return tuple(Condition(each) for each in found if _constant(each) is not True)


_VARIES = object()


def _constant(condition: pl.Expr) -> object:
    """The value of a condition that has the same for every row."""
    if not condition.meta.is_literal():
        return _VARIES
    values = pl.select(condition).to_series()
    # A column of truth values is no constant.
    return values.item() if len(values) == 1 else _VARIES


def _uncovered(conjuncts: Sequence[Condition], covered: Collection[int]) -> _Exprs:
    return tuple(each.expression for place, each in enumerate(conjuncts) if place not in covered)


def _number(value: object) -> tuple[float, float] | None:
    return (float(value), float(value)) if is_finite_number(value) else None  # type: ignore[arg-type]


def _allowed_types(
    rules: PushdownRules, of_type: Sequence[pl.Expr], possible: Sequence[frozenset[str]]
) -> tuple[str, ...] | None:
    types = pl.Series(rules.type or "", rules.types, dtype=pl.String).to_frame()
    for condition in of_type:
        types = types.filter(condition)
    found = tuple(kind for kind in types.to_series() if all(kind in each for each in possible))
    return found if len(found) < len(rules.types) else None

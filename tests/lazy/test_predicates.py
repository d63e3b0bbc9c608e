"""What is read from a predicate excludes no row that satisfies it."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from functools import reduce
from itertools import permutations, product
from operator import and_

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptune_frames.frames.lazy_predicates import Pushdown, PushdownRules, analyse
from neptune_frames.query.selection import NamePattern
from scan_predicates import predicates

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
RULES = PushdownRules(
    label="run",
    name="attribute",
    step="step",
    time="timestamp",
    types=("both", "number", "text"),
    types_with={"string": frozenset(["text", "both"]), "float_value": frozenset(["number", "both"])},
    found_with_runs=("run",),
    found_with_names=("attribute",),
)


def _rows() -> pl.DataFrame:
    names = product(["run-1", "run-4", "Adam", 'say "hi"'], ["train/loss", "val/loss", "a.b|c", "log", "sgd\\w"])
    steps = [-3.0, 0.0, 1.0, 1.75, 3.0, 5.0, 8.0, 16.0, 2.0**53]
    times = [None, *(START + timedelta(milliseconds=add) for add in (-1, 0, 1, 3000, 60_000, 243_000, 3_600_000))]
    times.append(datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=timezone.utc))
    times.append(datetime(1970, 1, 1, tzinfo=timezone.utc))
    places = pl.DataFrame(list(names), schema={"run": pl.String, "attribute": pl.String}, orient="row")
    places = places.join(pl.DataFrame({"step": steps}), how="cross")
    stamps = pl.Series("timestamp", times, dtype=pl.Datetime("ms", "UTC")).to_frame()
    number = pl.int_range(pl.len()) % 8
    value = pl.when(number % 2 == 0).then(pl.col("step")).otherwise(float("nan"))
    return places.join(stamps, how="cross").with_columns(
        string=pl.when(number < 4).then(pl.col("attribute")), float_value=pl.when(number % 4 < 2).then(value)
    )


HAS_TEXT, HAS_NUMBER = pl.col("string").is_not_null(), pl.col("float_value").is_not_null()
KIND = pl.when(HAS_TEXT & HAS_NUMBER).then(pl.lit("both")).when(HAS_TEXT).then(pl.lit("text"))
KIND = KIND.when(HAS_NUMBER).then(pl.lit("number"))
ROWS = _rows()


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_no_row_is_excluded(data: st.DataObject) -> None:
    expression = data.draw(predicates(tuple(ROWS.schema.items())))
    found = ROWS.filter(expression)
    pushdown = analyse(expression, RULES)
    assert found.filter(*_as_conditions(pushdown)).height == found.height
    assert pushdown.labels is None or set(found["run"]) <= pushdown.labels
    stamps, (early, late) = found["timestamp"].dt.epoch("ms"), pushdown.time_range
    assert (early, late) == (None, None) or not stamps.null_count()
    assert early is None or (stamps >= early).all()
    assert late is None or (stamps <= late).all()


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_what_was_pushed_and_the_residual_are_the_predicate(data: st.DataObject) -> None:
    expression = data.draw(predicates(tuple(ROWS.schema.items())))
    pushdown = analyse(expression, RULES)
    left = ROWS.filter(*_as_conditions(pushdown), *pushdown.residual)
    assert left.equals(ROWS.filter(expression), null_equal=True)


def _as_conditions(pushdown: Pushdown) -> list[pl.Expr]:
    """What a source that does all that it is asked for does to rows."""
    (low, high), name, pattern = pushdown.step_range, pl.col("attribute"), pushdown.name_pattern
    return [
        *pushdown.run_conditions,
        *pushdown.name_conditions,
        *([] if low is None else [pl.col("step") >= low]),
        *([] if high is None else [pl.col("step") <= high]),
        *([] if pushdown.names is None else [name.is_in(sorted(pushdown.names))]),
        *(name.str.contains(each) for each in pattern.must_match),
        *(~name.str.contains(each) for each in pattern.must_not_match),
        *([] if pushdown.types is None else [KIND.is_in(pushdown.types)]),
        pl.lit(True),
    ]


def test_a_predicate_is_read_in_any_order() -> None:
    """What is found does not depend on what was asked before, nor on the order of the conjuncts."""
    conjuncts = [pl.col("step") >= 3, pl.col("run").is_in(["a", "b"]), pl.col("attribute").str.ends_with("loss")]
    found = [analyse(reduce(and_, order), RULES) for order in permutations(conjuncts)]
    assert all(each.step_range == (3.0, None) and each.labels == {"a", "b"} for each in found)
    assert all(each.name_pattern == NamePattern(("loss$",)) and each.residual == () for each in found)
    assert all([str(tried) for tried in each.only_tried] == [str(conjuncts[1])] for each in found)


@pytest.mark.parametrize("milliseconds", [10**15, 10**17, -(10**17)])
def test_times_that_python_cannot_hold_are_not_understood(milliseconds: int) -> None:
    """Making a datetime of one raises OverflowError, or panics in Polars."""
    far = pl.Series([milliseconds]).cast(pl.Datetime("ms", "UTC"))
    column = pl.col("timestamp")
    for condition in (
        column > pl.lit(milliseconds).cast(pl.Datetime("ms", "UTC")),
        column > pl.lit(far),
        column.is_in(far.implode()),
        column.is_between(START, pl.lit(far)),
        column.dt.date() < pl.lit(milliseconds // 10**9 * 4).cast(pl.Date),
    ):
        pushdown = analyse(condition, RULES)
        assert pushdown.time_range == (None, None)
        (residual,) = pushdown.residual
        assert residual.meta.eq(condition)


def test_dates_are_times() -> None:
    day, first, last = date(2026, 1, 2), 1_767_312_000_000, 1_767_398_399_999
    on = pl.col("timestamp").dt.date()
    for condition, expected in [
        (on == day, (first, last)),
        (on < day, (None, first)),
        (on <= day, (None, last)),
        (on > day, (last, None)),
        (on >= day, (first, None)),
        (on != day, (None, None)),
        (on == date.max, (253_402_214_400_000, 253_402_300_799_999)),
    ]:
        assert analyse(condition, RULES).time_range == expected

"""What is read from a predicate excludes no row that satisfies it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from itertools import product

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from neptune_frames.frames.lazy_predicates import Predicate
from scan_predicates import predicates

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
KINDS = {"string": frozenset(["text", "both"]), "float_value": frozenset(["number", "both"])}


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


def kinds_of(rows: pl.DataFrame) -> set[str | None]:
    has_text, has_number = pl.col("string").is_not_null(), pl.col("float_value").is_not_null()
    kind = pl.when(has_text & has_number).then(pl.lit("both")).when(has_text).then(pl.lit("text"))
    return set(rows.select(kind.when(has_number).then(pl.lit("number")).alias("kind"))["kind"])


ROWS = _rows()


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_no_row_is_excluded(data: st.DataObject) -> None:
    expression = data.draw(predicates(tuple(ROWS.schema.items())))
    found = ROWS.filter(expression)
    predicate = Predicate(expression)
    low, high = predicate.step_range()
    assert low is None or (found["step"] >= low).all()
    assert high is None or (found["step"] <= high).all()
    stamps, (early, late) = found["timestamp"].dt.epoch("ms"), predicate.time_range("timestamp")
    assert (early, late) == (None, None) or not stamps.null_count()
    assert early is None or (stamps >= early).all()
    assert late is None or (stamps <= late).all()
    for column in ("run", "attribute"):
        texts = set(found[column])
        equal = predicate.equal_texts(column)
        assert equal is None or texts <= equal
        for pattern in predicate.patterns(column):
            assert all(re.search(pattern, text) for text in texts), pattern
        names = ROWS.select(column).unique()
        assert texts <= set(predicate.about([column]).keep(names)[column])
    kinds = predicate.kinds(KINDS)
    assert kinds is None or kinds_of(found) <= kinds

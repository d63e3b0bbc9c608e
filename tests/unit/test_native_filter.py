"""`nf.Filter`: what it takes beside what the drop-in packages take."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest

import neptune_frames as nf
import neptune_query as nq
from neptune_frames.query.nql import parse

F = nf.Filter
MIDNIGHT = str(nq.Filter.ge("x", datetime(2025, 1, 1, tzinfo=timezone.utc)))


@pytest.mark.parametrize(
    ("built", "query"),
    [
        (lambda: F.ge("x", np.int64(1)), '`x` >= "1"'),
        (lambda: F.lt("x", np.uint8(200)), '`x` < "200"'),
        (lambda: F.eq("x", np.float32(0.5)), '`x` == "0.5"'),
        (lambda: F.ne("x", Fraction(1, 4)), '`x` != "0.25"'),
        (lambda: F.eq("x", np.bool_(True)), str(nq.Filter.eq("x", True))),
        (lambda: F.ge("x", date(2025, 1, 1)), MIDNIGHT),
        (lambda: F.is_in("x", [1, "a", np.int64(1)]), '(`x` == "1") OR (`x` == "a")'),
        (lambda: F.is_in(nf.Attribute("x", "int"), pl.Series([3])), '(`x`:int == "3")'),
        (lambda: F.all([F.exists("a"), F.exists("b")]), "(`a` EXISTS) AND (`b` EXISTS)"),
        (lambda: F.any(F.exists("a"), nq.Filter.exists("b")), "(`a` EXISTS) OR (`b` EXISTS)"),
        (lambda: F.any(F.exists(name) for name in "ab"), "(`a` EXISTS) OR (`b` EXISTS)"),
    ],
)
def test_text(built: Callable[[], nq.Filter], query: str) -> None:
    built_filter = built()
    assert str(built_filter) == query
    assert parse(query) is not None
    assert type(built_filter) is type(pickle.loads(pickle.dumps(built_filter))) is nf.Filter


@pytest.mark.parametrize(
    ("built", "error", "message"),
    [
        (lambda: F.is_in("x", []), ValueError, "Filter.is_in needs at least one value"),
        (lambda: F.is_in("x", "abc"), TypeError, "Filter.is_in takes a list of values, got 'abc'"),
        (lambda: F.is_in("x", 3), TypeError, "Filter.is_in takes a list of values, got 3"),
        (lambda: F.is_in("x", [None]), TypeError, "Invalid value None"),
        (lambda: F.ne("x", None), TypeError, r"Invalid value None: .* ~Filter.exists\(...\)"),
        (lambda: F.eq("x", [1, 2]), TypeError, r"Invalid value \[1, 2\] \(list\).*Filter.is_in takes a list"),
        (lambda: F.gt("x", np.array([1])), TypeError, "Filter.is_in takes a list"),
        (lambda: F.exists("a") and F.exists("b"), TypeError, r"neither true nor false, .* Use & \(and\), \| \(or\)"),
        (lambda: not F.exists("a"), TypeError, r"and ~ \(not\)"),
        (lambda: F.is_in(3, [1]), TypeError, "An attribute must be a name"),
        (lambda: F.eq("x", Decimal(1)), TypeError, "Invalid value Decimal"),
        (lambda: F.all([]), ValueError, "needs at least one filter"),
        (lambda: F.all(["a"]), TypeError, "Filter.all takes Filters, got 'a'"),
        (lambda: F.any("ab"), TypeError, "Filter.any takes Filters, got 'ab'"),
    ],
)
def test_refused(built: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        built()


def test_filters_of_both_packages_join() -> None:
    own, official = F.exists("a"), nq.Filter.exists("b")
    assert isinstance(own, nq.Filter)
    assert [type(joined) for joined in (own & official, official | own, ~own)] == [nf.Filter, nq.Filter, nf.Filter]


@pytest.mark.parametrize("value", [np.int64(1), date(2025, 1, 1)])
def test_the_drop_in_refuses_what_the_official_package_refuses(value: Any) -> None:
    with pytest.raises(TypeError):
        nq.Filter.eq("x", value)

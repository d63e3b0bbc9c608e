"""Literals by type (NQL reference, section 3)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest

from neptune_frames.query.literals import (
    is_non_finite,
    parse_bool,
    parse_datetime,
    parse_float,
    parse_number,
    parse_state,
)

NOW = datetime(2024, 3, 31, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-0.5", -0.5),
        (".5", 0.5),
        ("5.", 5),
        ("+2e-3", 0.002),
        ("1e+300", 1e300),
        ("50MB", 50 * 1024**2),
        ("35 kb", 35 * 1024),
        ("1.5GB", 1.5 * 1024**3),
        ("1 TB", 1024**4),
        ("7B", 7),
        ("1e-400", 0.0),
    ],
)
def test_numbers(text: str, value: float) -> None:
    assert parse_float(text) == value
    assert float(parse_number(text)) == value


def test_numbers_are_exact() -> None:
    assert parse_number("9007199254740993") == 2**53 + 1
    assert parse_number("0.1") == Decimal("0.1")
    assert Fraction(parse_number("123456789012345678901.5 TB")) == Fraction("123456789012345678901.5") * 1024**4
    assert 0 < parse_number("1e-5000000") < Decimal("1e-4000000")


@pytest.mark.parametrize(
    "text", ["", " ", "abc", "1_000", "0x10", "1 2", "1 XB", "1  2", "٣", "1e", "--1", "1,5", "true", " 5", "5\n"]
)
def test_not_numbers(text: str) -> None:
    for parse in (parse_number, parse_float):
        with pytest.raises(ValueError, match="is not a number"):
            parse(text)
    assert not is_non_finite(text)


@pytest.mark.parametrize(
    "text", ["nan", "NaN", "-nan", "inf", "+Inf", "-INFINITY", "1e309", "-1e309", "1e308 TB", "9" * 400]
)
def test_non_finite_numbers(text: str) -> None:
    for parse in (parse_number, parse_float):
        with pytest.raises(ValueError, match="not a finite number"):
            parse(text)
    assert is_non_finite(text)


@pytest.mark.parametrize("text", ["1e-99999999999999999999", "0e99999999999999999999", "0e-5000000000000000000 KB"])
def test_exponents_beyond_all_arithmetic(text: str) -> None:
    """Decimal refuses them with an ArithmeticError, which a server answered with status 500 and clients retried."""
    with pytest.raises(ValueError, match=f"the exponent of '{text}' is too long"):
        parse_number(text)
    assert parse_float(text) == 0


def test_truth_values() -> None:
    assert [parse_bool(text) for text in ("true", "True", "FALSE")] == [True, True, False]
    for text in ("1", "0", "yes", "", "t"):
        with pytest.raises(ValueError, match="write true or false"):
            parse_bool(text)


def test_states() -> None:
    states = [parse_state(text) for text in ("active", "Running", "inactive", "IDLE")]
    assert states == ["active", "active", "inactive", "inactive"]
    with pytest.raises(ValueError, match="write active or inactive"):
        parse_state("failed")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-06T05:00:00Z", "2024-02-06T05:00:00+00:00"),
        ("2024-02-06t05:00:00z", "2024-02-06T05:00:00+00:00"),
        ("2024-02-06T05:00:00", "2024-02-06T05:00:00+00:00"),
        ("2024-02-06 05:00", "2024-02-06T05:00:00+00:00"),
        ("2024-02-06", "2024-02-06T00:00:00+00:00"),
        ("2024-02-06T05:00:00+09", "2024-02-05T20:00:00+00:00"),
        ("2024-02-06T05:00:00+09:30", "2024-02-05T19:30:00+00:00"),
        ("2024-02-06T05:00:00-0930", "2024-02-06T14:30:00+00:00"),
        ("2024-02-06T05:00:00.1239Z", "2024-02-06T05:00:00.123+00:00"),
        ("2024-02-06T05:00:00.123999999Z", "2024-02-06T05:00:00.123+00:00"),
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999+00:00"),
        ("0001-01-01", "0001-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999+00:00"),
        ("-30s", "2024-03-31T11:59:30+00:00"),
        ("-90m", "2024-03-31T10:30:00+00:00"),
        ("-2h", "2024-03-31T10:00:00+00:00"),
        ("-5d", "2024-03-26T12:00:00+00:00"),
        ("-1w", "2024-03-24T12:00:00+00:00"),
        ("-0d", "2024-03-31T12:00:00+00:00"),
        ("-1M", "2024-02-29T12:00:00+00:00"),
        ("-13M", "2023-02-28T12:00:00+00:00"),
        ("-3M", "2023-12-31T12:00:00+00:00"),
        ("-1y", "2023-03-31T12:00:00+00:00"),
    ],
)
def test_datetimes(text: str, expected: str) -> None:
    milliseconds = parse_datetime(text, NOW)
    assert datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=milliseconds) == datetime.fromisoformat(
        expected
    )


def test_relative_times_count_in_utc() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=14)))
    assert parse_datetime("-1M", elsewhere) == parse_datetime("-1M", NOW)


@pytest.mark.parametrize(
    "text",
    [
        *("tomorrow", "", "2024", "2024-13-01", "2024-02-30", "2024-02-06T25:00", "24-02-06", "2024-02-06T05"),
        *("2h", "+2h", "-2x", "-2H", "-h", "-1.5h", "-999999999d", "-99999y", "2024-02-06Z", "٢٠٢٤-02-06"),
        *("2024-02-06T05:00:00+99", "9999-12-31T23:59:59-99:99", "0001-01-01T00:00:00+99:99"),
    ],
)
def test_not_datetimes(text: str) -> None:
    with pytest.raises(ValueError, match="is not a point in time"):
        parse_datetime(text, NOW)

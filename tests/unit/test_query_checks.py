"""Every error of NQL reference section 8 that is not one of syntax; what untyped clauses are tested as."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from neptune_frames.errors import QuerySyntaxError
from neptune_frames.query.attributes import KNOWN_TYPES, WIRE_NAMES
from neptune_frames.query.checks import OPERATORS, readings
from neptune_frames.query.evaluation import check
from neptune_frames.query.expressions import And, Clause, Comparison, Exists, Operand, Or
from neptune_frames.query.nql import parse

NOW = datetime(2024, 6, 30, 12, tzinfo=timezone.utc)
LITERALS = {
    "int": "1", "float": "0.5", "float_series": "0.5", "datetime": "-2h", "bool": "true",
    "experiment_state": "idle", "string": "a", "string_series": "a", "string_set": "a",
    "file": "a", "file_series": "a", "histogram_series": "a",
}  # fmt: skip
ALL_OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "CONTAINS", "MATCHES", "NOT CONTAINS", "NOT MATCHES")


def clause(text: str) -> Clause:
    expression = parse(text)
    assert expression is not None
    assert not isinstance(expression, (And, Or))
    return expression  # type: ignore[return-value]


def test_a_name_cannot_be_empty() -> None:
    with pytest.raises(QuerySyntaxError, match="empty"):
        readings(Exists(Operand("", "int")), NOW)


@pytest.mark.parametrize("operator", ALL_OPERATORS)
@pytest.mark.parametrize("attribute_type", OPERATORS)
def test_operators_per_type(attribute_type: str, operator: str) -> None:
    text = f'x:{WIRE_NAMES[attribute_type]} {operator} "{LITERALS[attribute_type]}"'
    if operator.removeprefix("NOT ") in OPERATORS[attribute_type]:
        (test,) = readings(clause(text), NOW)
        assert test.type == attribute_type
    else:
        with pytest.raises(QuerySyntaxError, match="is not defined for"):
            readings(clause(text), NOW)


def test_every_type_has_operators() -> None:
    assert set(OPERATORS) == set(WIRE_NAMES) == {*KNOWN_TYPES, "experiment_state"}
    assert OPERATORS["string_set"] == {"CONTAINS"}
    assert OPERATORS["bool"] == {"==", "!="}
    assert "MATCHES" not in OPERATORS["datetime"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x:float > abc", "'abc' is not a number"),
        ("x:int = 1e999", "not a finite number"),
        ("x:floatSeries < -inf", "not a finite number"),
        ("x > inf", "not a finite number"),
        ("x >= nan", "not a finite number"),
        ("average(x) = nan", "not a finite number"),
        ("x:bool = 1", "not a boolean"),
        ("x:datetime > tomorrow", "not a point in time"),
        ("x:datetime > 2h", "not a point in time"),
        ("x:experimentState = failed", "not a state"),
        ("sys/failed = 1", "not a boolean"),
        ("sys/creation_time > abc", "not a point in time"),
        ("sys/tags = a", "not defined for stringSet"),
        ("last(x:float) > 1", "last is not defined for float attributes; defined for floatSeries: last, min, "),
        ("min(x:stringSeries) = a", "min is not defined for stringSeries .* variance; for stringSeries: last$"),
        ("max(x:stringSet) CONTAINS a", "max is not defined for stringSet"),
        ("average(x:int) EXISTS", "average is not defined for int"),
        ('x:string MATCHES "("', "not valid RE2"),
        ('x MATCHES "(?<!a)b"', "not valid RE2"),
        ('x:int MATCHES "("', "not valid RE2"),
        ('x:string NOT MATCHES "a(?=b)"', "not valid RE2"),
    ],
)
def test_errors(text: str, reason: str) -> None:
    with pytest.raises(QuerySyntaxError, match=reason):
        readings(clause(text), NOW)
    whole = parse(f"a EXISTS OR NOT (b EXISTS AND {text})")
    assert whole is not None
    with pytest.raises(QuerySyntaxError, match=reason):
        check(whole, NOW)


def test_the_message_shows_the_clause() -> None:
    with pytest.raises(QuerySyntaxError, match=r'`x`:float > "abc": \'abc\' is not a number'):
        readings(clause("x:float > abc"), NOW)


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("x = 64", {"int", "float", "float_series", "string", "string_series"}),
        ("x = true", {"bool", "string", "string_series"}),
        ("x = idle", {"experiment_state", "string", "string_series"}),
        ("x != 2024-01-01", {"datetime", "string", "string_series"}),
        ("x = nan", {"string", "string_series"}),
        ("x < abc", {"string", "string_series"}),
        ("x CONTAINS a", {"string", "string_series", "string_set"}),
        ("x MATCHES a", {"string", "string_series"}),
        ("x EXISTS", set(OPERATORS)),
        ("last(x) > 1", {"float_series"}),
        ("last(x) EXISTS", {"float_series"}),
        ("sys/failed = true", {"bool"}),
        ("sys/state = idle", {"experiment_state"}),
        ("sys/name = 1", {"string"}),
    ],
)
def test_untyped_clauses(text: str, types: set[str]) -> None:
    assert {test.type for test in readings(clause(text), NOW)} == types


def test_aggregations_of_series() -> None:
    for aggregation in ("last", "min", "max", "average", "variance"):
        assert readings(clause(f"{aggregation}(x:floatSeries) > 1"), NOW)
    assert readings(clause("last(x:stringSeries) CONTAINS a"), NOW)


def test_literals_keep_their_kind() -> None:
    (test,) = readings(clause("x:string = 1"), NOW)
    assert test.value == "1"
    assert isinstance(clause("x = 1"), Comparison)
    assert isinstance(clause("x EXISTS"), Exists)

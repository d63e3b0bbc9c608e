"""Which operator means what for which type: all errors of a query, found before any run is tested."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from neptune_frames.errors import QuerySyntaxError
from neptune_frames.query.attributes import AGGREGATIONS, SYSTEM_ATTRIBUTE_TYPES, WIRE_NAMES
from neptune_frames.query.expressions import Clause, Comparison, Contains, Exists, Matches, Operand
from neptune_frames.query.extended_regex import check_regex
from neptune_frames.query.literals import (
    is_non_finite,
    parse_bool,
    parse_datetime,
    parse_float,
    parse_number,
    parse_state,
)
from neptune_frames.query.rendering import render_clause, shortened

_EQUALITY = frozenset({"==", "!="})
_ORDER = frozenset({"<", "<=", ">", ">="})
_TEXT = frozenset({"CONTAINS", "MATCHES"})

#: Operators by client type; EXISTS is there for every type.
OPERATORS: dict[str, frozenset[str]] = {
    "int": _EQUALITY | _ORDER,
    "float": _EQUALITY | _ORDER,
    "float_series": _EQUALITY | _ORDER,
    "datetime": _EQUALITY | _ORDER,
    "bool": _EQUALITY,
    "experiment_state": _EQUALITY,
    "string": _EQUALITY | _ORDER | _TEXT,
    "string_series": _EQUALITY | _ORDER | _TEXT,
    "string_set": frozenset({"CONTAINS"}),
    "file": frozenset(),
    "file_series": frozenset(),
    "histogram_series": frozenset(),
}

#: The aggregations of a type; None is the value itself, of a series its last one.
_AGGREGATIONS: dict[str, tuple[str, ...]] = {"float_series": AGGREGATIONS, "string_series": ("last",)}


@dataclass(frozen=True)
class Reading:
    """One way to read a clause: as a test of attributes of one type, with the literal as a value of it.

    ``value`` is a float, a Decimal (int attributes compare exactly), a bool, text, milliseconds since
    1970, or None for EXISTS.
    """

    type: str
    value: float | Decimal | bool | str | int | None


def readings(clause: Clause, now: datetime) -> tuple[Reading, ...]:
    """The ways to read a clause: as of the operand's own type, or without one as of every type that fits.

    Raises:
        QuerySyntaxError: there is none, since operator, literal, pattern or aggregation do not fit.
    """
    operator = operator_of(clause)
    operand = clause.operand
    try:
        if not operand.name:
            raise ValueError("the name of the attribute is empty")
        if isinstance(clause, Matches):
            check_regex(clause.pattern)
        attribute_type = operand_type(operand)
        if attribute_type is not None:
            return (_reading(clause, operator, attribute_type, now),)
        if operator in _ORDER and isinstance(clause, Comparison) and is_non_finite(clause.literal):
            raise ValueError(f"{clause.literal!r} is not a finite number; attributes cannot be compared with it")
        return tuple(_fitting_readings(clause, operator, now))
    except QuerySyntaxError:
        raise
    except ValueError as error:
        text = render_clause(clause)
        raise QuerySyntaxError(f"{shortened(text)}: {shortened(str(error))}", query=text) from None


def operand_type(operand: Operand) -> str | None:
    """The type of an operand: as given, as known of a system attribute, as implied by an aggregation."""
    if operand.type is not None:
        return operand.type
    if operand.aggregation is not None:
        return "float_series"
    return SYSTEM_ATTRIBUTE_TYPES.get(operand.name)


def operator_of(clause: Clause) -> str:
    if isinstance(clause, Comparison):
        return clause.operator
    if isinstance(clause, Contains):
        return "CONTAINS"
    return "MATCHES" if isinstance(clause, Matches) else "EXISTS"


def _fitting_readings(clause: Clause, operator: str, now: datetime) -> list[Reading]:
    found = []
    for attribute_type in OPERATORS:
        with suppress(ValueError):
            found.append(_reading(clause, operator, attribute_type, now))
    return found


def _reading(clause: Clause, operator: str, attribute_type: str, now: datetime) -> Reading:
    aggregation = clause.operand.aggregation
    if aggregation is not None and aggregation not in _AGGREGATIONS.get(attribute_type, ()):
        defined = "; ".join(f"for {WIRE_NAMES[kind]}: {', '.join(names)}" for kind, names in _AGGREGATIONS.items())
        raise ValueError(f"{aggregation} is not defined for {WIRE_NAMES[attribute_type]} attributes; defined {defined}")
    if isinstance(clause, Exists):
        return Reading(attribute_type, None)
    if operator not in OPERATORS[attribute_type]:
        defined = ", ".join((*sorted(OPERATORS[attribute_type]), "EXISTS"))
        raise ValueError(f"{operator} is not defined for {WIRE_NAMES[attribute_type]} attributes; defined: {defined}")
    if isinstance(clause, Comparison):
        return Reading(attribute_type, _parse(clause.literal, attribute_type, now))
    return Reading(attribute_type, clause.text if isinstance(clause, Contains) else clause.pattern)


_PARSERS: dict[str, Callable[[str], Any]] = {
    "int": parse_number,
    "float": parse_float,
    "float_series": parse_float,
    "bool": parse_bool,
    "experiment_state": parse_state,
    "string": str,
    "string_series": str,
}


def _parse(literal: str, attribute_type: str, now: datetime) -> Any:
    if attribute_type == "datetime":
        return parse_datetime(literal, now)
    return _PARSERS[attribute_type](literal)

"""`Filter`: which runs. With `Attribute` and `AttributeFilter`, all that users build questions from.

Importing this imports nothing heavy; a filter only holds an expression.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from neptune_frames.query.attribute_filters import AttributeFilter, BaseAttributeFilter
from neptune_frames.query.attributes import (
    KNOWN_TYPES,
    SYS_NAME,
    Attribute,
    AttributeType,
    type_name,
)
from neptune_frames.query.expressions import (
    And,
    Comparison,
    ComparisonOperator,
    Contains,
    Exists,
    Expression,
    Matches,
    Not,
    Operand,
    Or,
)
from neptune_frames.query.extended_regex import parse_extended_regex
from neptune_frames.query.rendering import render

__all__ = ["KNOWN_TYPES", "Attribute", "AttributeFilter", "AttributeType", "BaseAttributeFilter", "Filter"]

_NAME = Operand(SYS_NAME, "string")


class Filter:
    """A condition on runs, built with the static methods and joined with ``&``, ``|`` and ``~``.

    Filters are compared by identity and can be pickled. ``str()`` shows the query (NQL) they stand for.
    An attribute is given by name, or as `Attribute` with its type; without a type it is looked up.
    Values are bool, int, float, str or datetime (without a zone: local time); NaN and infinities can be
    written, but no source compares with them. Everything else is a TypeError at once.

    Example:
        >>> recent = Filter.name("^heron") & Filter.lt(Attribute("lr", type="float"), 0.01)
        >>> print(recent | Filter.exists("keep"))
        ((((`sys/name`:string MATCHES "^heron"))) AND (`lr`:float < "0.01")) OR (`keep` EXISTS)
    """

    __slots__ = ("_expression",)

    def __init__(self, expression: Expression) -> None:
        self._expression = expression

    @property
    def expression(self) -> Expression:
        """The abstract syntax of the condition; immutable."""
        return self._expression

    @staticmethod
    def name(name: str | list[str]) -> Filter:
        """Experiments by name: a regular expression, or a list of exact names.

        Raises:
            ValueError: the list is empty.
            QuerySyntaxError: the regular expression is not valid RE2.
        """
        if isinstance(name, str):
            return Filter(matching(_NAME, name))
        return Filter(one_of(_NAME, _elements(name, "Filter.name")))

    @staticmethod
    def eq(attribute: str | Attribute, value: int | float | str | datetime) -> Filter:
        """The attribute equals the value."""
        return _comparison(attribute, "==", value)

    @staticmethod
    def ne(attribute: str | Attribute, value: int | float | str | datetime) -> Filter:
        """The attribute differs from the value, or the run lacks it."""
        return _comparison(attribute, "!=", value)

    @staticmethod
    def gt(attribute: str | Attribute, value: int | float | str | datetime) -> Filter:
        """The attribute is greater than the value."""
        return _comparison(attribute, ">", value)

    @staticmethod
    def ge(attribute: str | Attribute, value: int | float | str | datetime) -> Filter:
        """The attribute is greater than or equal to the value."""
        return _comparison(attribute, ">=", value)

    @staticmethod
    def lt(attribute: str | Attribute, value: int | float | str | datetime) -> Filter:
        """The attribute is less than the value."""
        return _comparison(attribute, "<", value)

    @staticmethod
    def le(attribute: str | Attribute, value: int | float | str | datetime) -> Filter:
        """The attribute is less than or equal to the value."""
        return _comparison(attribute, "<=", value)

    @staticmethod
    def matches(attribute: str | Attribute, pattern: str) -> Filter:
        """A string attribute matches a regular expression (`neptune_frames.query.extended_regex`).

        Raises:
            TypeError: the pattern is not a string.
            QuerySyntaxError: the pattern is not valid RE2.
        """
        if not isinstance(pattern, str):
            raise TypeError(f"Filter.matches takes a pattern as a string, got {pattern!r} ({type_name(pattern)})")
        return Filter(matching(_operand(attribute), pattern))

    @staticmethod
    def contains_all(attribute: str | Attribute, values: str | list[str]) -> Filter:
        """A string set has all the values as elements, or a string has them all as parts.

        Raises:
            ValueError: no value is given.
        """
        return _containing(attribute, values, "Filter.contains_all", negated=False)

    @staticmethod
    def contains_none(attribute: str | Attribute, values: str | list[str]) -> Filter:
        """None of the values is an element (part); also true for runs without the attribute.

        Raises:
            ValueError: no value is given.
        """
        return _containing(attribute, values, "Filter.contains_none", negated=True)

    @staticmethod
    def exists(attribute: str | Attribute) -> Filter:
        """The run has the attribute, with that type if one is given."""
        return Filter(Exists(_operand(attribute)))

    @staticmethod
    def all(*filters: Filter) -> Filter:
        """All of the filters hold.

        Example:
            >>> print(Filter.all(Filter.exists("a"), Filter.exists("b"), Filter.exists("c")))
            (`a` EXISTS) AND (`b` EXISTS) AND (`c` EXISTS)
        """
        return Filter(And(_expressions(filters, "Filter.all")))

    @staticmethod
    def any(*filters: Filter) -> Filter:
        """At least one of the filters holds."""
        return Filter(Or(_expressions(filters, "Filter.any")))

    def negate(self) -> Filter:
        """The opposite: ``f.negate()``, ``Filter.negate(f)`` and ``~f`` are the same."""
        if not isinstance(self, Filter):
            raise TypeError(f"Filter.negate takes a Filter, got {self!r} ({type_name(self)})")
        return Filter(Not(self._expression))

    def __invert__(self) -> Filter:
        return self.negate()

    def __and__(self, other: Filter) -> Filter:
        if not isinstance(other, Filter):
            return NotImplemented
        return Filter(And((self._expression, other._expression)))

    def __or__(self, other: Filter) -> Filter:
        if not isinstance(other, Filter):
            return NotImplemented
        return Filter(Or((self._expression, other._expression)))

    def __str__(self) -> str:
        return render(self._expression)

    def __repr__(self) -> str:
        return f"<Filter {self}>"


def matching(operand: Operand, pattern: str) -> Expression:
    """What an extended regular expression asks of a string: an OR of ANDs of searches."""
    return Or(
        tuple(
            And(
                tuple(Matches(operand, each) for each in alternative.must_match)
                + tuple(Matches(operand, each, negated=True) for each in alternative.must_not_match)
            )
            for alternative in parse_extended_regex(pattern)
        )
    )


def one_of(operand: Operand, values: Iterable[Any]) -> Expression:
    """The operand equals one of the values."""
    terms = tuple(Comparison(operand, "==", literal_text(value)) for value in values)
    # An OR of one renders with parentheses, as the official client writes it.
    return Or(terms)


def literal_text(value: Any) -> str:
    """A Python value as NQL writes it, before quoting.

    Raises:
        TypeError: not a bool, int, float, str or datetime (or a subclass of one).
    """
    if isinstance(value, datetime):
        return _datetime_text(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float.__repr__(value)
    if isinstance(value, (bool, int)):
        return str(value)
    raise TypeError(
        f"Invalid value {value!r} ({type_name(value)}). Expected bool, int, float, str or datetime; "
        "convert numpy scalars with .item()."
    )


def _datetime_text(value: datetime) -> str:
    if value != value:  # pandas.NaT calls itself a datetime
        raise TypeError("Invalid value NaT: a filter needs a point in time")
    # Rebuilt, because subclasses (pandas.Timestamp) change the signatures of datetime's methods.
    plain = datetime(
        value.year,
        value.month,
        value.day,
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
        value.tzinfo,
        fold=value.fold,
    )
    return plain.astimezone().isoformat()


def _operand(attribute: str | Attribute) -> Operand:
    if isinstance(attribute, str):
        return Operand(attribute)
    if isinstance(attribute, Attribute):
        attribute.validate()
        return Operand(attribute.name, attribute.type)
    raise TypeError(f"An attribute must be a name or an Attribute, got {attribute!r} ({type_name(attribute)})")


def _comparison(attribute: str | Attribute, operator: ComparisonOperator, value: Any) -> Filter:
    return Filter(Comparison(_operand(attribute), operator, literal_text(value)))


def _containing(attribute: str | Attribute, values: Any, method: str, *, negated: bool) -> Filter:
    operand = _operand(attribute)
    texts = [values] if isinstance(values, str) else _elements(values, method)
    return Filter(And(tuple(Contains(operand, literal_text(each), negated) for each in texts)))


def _elements(values: Any, method: str) -> list[Any]:
    if not isinstance(values, Iterable) or isinstance(values, (bytes, Filter)):
        raise TypeError(f"{method} takes a string or a list of strings, got {values!r} ({type_name(values)})")
    elements = list(values)
    if not elements:
        raise ValueError(f"{method} needs at least one value, got an empty list")
    return elements


def _expressions(filters: tuple[Filter, ...], method: str) -> tuple[Expression, ...]:
    for each in filters:
        if not isinstance(each, Filter):
            raise TypeError(f"{method} takes Filters, got {each!r} ({type_name(each)})")
    if not filters:
        raise ValueError(f"{method} needs at least one filter")
    return tuple(each._expression for each in filters)

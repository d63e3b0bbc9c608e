"""`Filter`: which runs. With `Attribute` and `AttributeFilter`, all that users build questions from.

Importing this imports nothing heavy; a filter only holds an expression.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

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
from neptune_frames.query.plain_text import plain_text
from neptune_frames.query.rendering import render

if TYPE_CHECKING:
    from typing_extensions import Self

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

    @classmethod
    def name(cls, name: str | list[str]) -> Self:
        """Experiments by name: a regular expression, or a list of exact names.

        Raises:
            ValueError: the list is empty.
            QuerySyntaxError: the regular expression is not valid RE2.
        """
        if isinstance(name, str):
            return cls(matching(_NAME, name))
        return cls(one_of(_NAME, _elements(name, "Filter.name")))

    @classmethod
    def eq(cls, attribute: str | Attribute, value: int | float | str | datetime) -> Self:
        """The attribute equals the value."""
        return cls._compared(attribute, "==", value)

    @classmethod
    def ne(cls, attribute: str | Attribute, value: int | float | str | datetime) -> Self:
        """The attribute differs from the value, or the run lacks it."""
        return cls._compared(attribute, "!=", value)

    @classmethod
    def gt(cls, attribute: str | Attribute, value: int | float | str | datetime) -> Self:
        """The attribute is greater than the value."""
        return cls._compared(attribute, ">", value)

    @classmethod
    def ge(cls, attribute: str | Attribute, value: int | float | str | datetime) -> Self:
        """The attribute is greater than or equal to the value."""
        return cls._compared(attribute, ">=", value)

    @classmethod
    def lt(cls, attribute: str | Attribute, value: int | float | str | datetime) -> Self:
        """The attribute is less than the value."""
        return cls._compared(attribute, "<", value)

    @classmethod
    def le(cls, attribute: str | Attribute, value: int | float | str | datetime) -> Self:
        """The attribute is less than or equal to the value."""
        return cls._compared(attribute, "<=", value)

    @classmethod
    def matches(cls, attribute: str | Attribute, pattern: str) -> Self:
        """A string attribute matches a regular expression (`neptune_frames.query.extended_regex`).

        Raises:
            TypeError: the pattern is not a string.
            QuerySyntaxError: the pattern is not valid RE2.
        """
        if not isinstance(pattern, str):
            raise TypeError(f"Filter.matches takes a pattern as a string, got {pattern!r} ({type_name(pattern)})")
        return cls(matching(operand_of(attribute), pattern))

    @classmethod
    def contains_all(cls, attribute: str | Attribute, values: str | list[str]) -> Self:
        """A string set has all the values as elements, or a string has them all as parts.

        Raises:
            ValueError: no value is given.
        """
        return cls._containing(attribute, values, "Filter.contains_all", negated=False)

    @classmethod
    def contains_none(cls, attribute: str | Attribute, values: str | list[str]) -> Self:
        """None of the values is an element (part); also true for runs without the attribute.

        Raises:
            ValueError: no value is given.
        """
        return cls._containing(attribute, values, "Filter.contains_none", negated=True)

    @classmethod
    def exists(cls, attribute: str | Attribute) -> Self:
        """The run has the attribute, with that type if one is given."""
        return cls(Exists(operand_of(attribute)))

    @classmethod
    def all(cls, *filters: Filter) -> Self:
        """All of the filters hold.

        Example:
            >>> print(Filter.all(Filter.exists("a"), Filter.exists("b"), Filter.exists("c")))
            (`a` EXISTS) AND (`b` EXISTS) AND (`c` EXISTS)
        """
        return cls(And(_expressions(filters, "Filter.all")))

    @classmethod
    def any(cls, *filters: Filter) -> Self:
        """At least one of the filters holds."""
        return cls(Or(_expressions(filters, "Filter.any")))

    def negate(self) -> Self:
        """The opposite: ``f.negate()``, ``Filter.negate(f)`` and ``~f`` are the same."""
        if not isinstance(self, Filter):
            raise TypeError(f"Filter.negate takes a Filter, got {self!r} ({type_name(self)})")
        return type(self)(Not(self._expression))

    def __invert__(self) -> Self:
        return self.negate()

    def __and__(self, other: Filter) -> Self:
        if not isinstance(other, Filter):
            return NotImplemented
        return type(self)(And((self._expression, other._expression)))

    def __or__(self, other: Filter) -> Self:
        if not isinstance(other, Filter):
            return NotImplemented
        return type(self)(Or((self._expression, other._expression)))

    def __str__(self) -> str:
        return render(self._expression)

    def __repr__(self) -> str:
        return f"<Filter {self}>"

    @classmethod
    def _compared(cls, attribute: str | Attribute, operator: ComparisonOperator, value: Any) -> Self:
        return cls(Comparison(operand_of(attribute), operator, literal_text(value)))

    @classmethod
    def _containing(cls, attribute: str | Attribute, values: Any, method: str, *, negated: bool) -> Self:
        operand = operand_of(attribute)
        texts = [values] if isinstance(values, str) else _elements(values, method)
        return cls(And(tuple(Contains(operand, literal_text(each), negated) for each in texts)))


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
        TypeError: not a bool, int, float, str or datetime (or a subclass of one), or a datetime that is no point in
            time: NaT, or one without a zone that the local calendar does not reach.
    """
    if isinstance(value, datetime):
        return _datetime_text(value)
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, float):
        return float.__repr__(value)
    if isinstance(value, (bool, int)):
        return str(value)
    # What .item() makes of a datetime64 depends on its unit: of nanoseconds, an int.
    is_time = type_name(value) == "datetime64"
    hint = "make it a datetime with a time zone" if is_time else "convert numpy scalars with .item()"
    raise TypeError(
        f"Invalid value {value!r} ({type_name(value)}). Expected bool, int, float, str or datetime; {hint}."
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
    try:
        return plain.astimezone().isoformat()  # in the local zone, as the official client writes it
    except (OverflowError, ValueError, OSError):  # at an end of the calendar, where the local zone leads out of it
        if plain.utcoffset() is None:
            raise TypeError(
                f"Invalid value {plain!r}: in the local time zone, it is no point in time. Give it a time zone."
            ) from None
        return plain.isoformat()


def operand_of(attribute: str | Attribute) -> Operand:
    """What a clause says about the attribute.

    Raises:
        TypeError: it is neither a name nor an `Attribute`.
    """
    if isinstance(attribute, str):
        return Operand(plain_text(attribute))
    if isinstance(attribute, Attribute):
        attribute.validate()
        return Operand(plain_text(attribute.name), attribute.type)
    raise TypeError(f"An attribute must be a name or an Attribute, got {attribute!r} ({type_name(attribute)})")


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

"""Which runs and which attributes: `Filter`, `AttributeFilter`, `Attribute`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from neptune_frames.query.attributes import AGGREGATIONS, SYS_NAME
from neptune_frames.query.attributes import KNOWN_TYPES as _ALL_TYPES
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
from neptune_frames.query.plain_text import plain_text

__all__ = ["KNOWN_TYPES", "Attribute", "AttributeFilter", "Filter"]

#: Types that can be named here, in the order of columns of one name.
ORDERED_TYPES: tuple[str, ...] = tuple(name for name in _ALL_TYPES if name not in ("histogram_series", "file_series"))
#: The same as the official package has them.
KNOWN_TYPES = frozenset(ORDERED_TYPES)


@dataclass
class Attribute:
    """An attribute by its exact name; of a series, one of its aggregations.

    Raises:
        ValueError: If ``aggregation`` or ``type`` is unknown.
    """

    name: str
    aggregation: str | None = None
    type: str | None = None

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """Raise ValueError for an unknown type or aggregation: fields may have been assigned to."""
        _check_word("type", self.type, ORDERED_TYPES)
        _check_word("aggregation", self.aggregation, AGGREGATIONS)

    def operand(self) -> Operand:
        self.validate()
        return Operand(plain_text(self.name), self.type, self.aggregation)

    def __str__(self) -> str:
        from neptune_frames.query.rendering import render_operand

        return render_operand(self.operand())


class BaseAttributeFilter:
    """What single attribute filters and unions of them have in common."""

    def __or__(self, other: BaseAttributeFilter) -> BaseAttributeFilter:
        if not isinstance(other, BaseAttributeFilter):
            return NotImplemented
        return _Union((self, other))

    @staticmethod
    def any(*filters: BaseAttributeFilter) -> BaseAttributeFilter:
        """The union of filters."""
        return _Union(filters)

    def alternatives(self) -> Iterator[AttributeFilter]:
        raise NotImplementedError


@dataclass
class AttributeFilter(BaseAttributeFilter):
    """Selects attributes by name and type; in tables, says which aggregations of series are shown.

    Args:
        name_eq: An exact name, or a list of them.
        type_in: Types of `KNOWN_TYPES`.
        name_matches_all: Regular expressions that the name must all match.
        name_matches_none: Regular expressions of which the name must match none.
        aggregations: Of ``last``, ``min``, ``max``, ``average`` and ``variance``; only tables use them.

    Raises:
        ValueError: If a type or an aggregation is unknown.
    """

    name_eq: str | list[str] | None = None
    type_in: list[str] = field(default_factory=lambda: list(ORDERED_TYPES))
    name_matches_all: str | list[str] | None = None
    name_matches_none: str | list[str] | None = None
    aggregations: list[str] = field(default_factory=lambda: ["last"])

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """Raise ValueError for an unknown type or aggregation: fields may have been assigned to."""
        _check_words("type_in", self.type_in, ORDERED_TYPES)
        _check_words("aggregations", self.aggregations, AGGREGATIONS)

    def alternatives(self) -> Iterator[AttributeFilter]:
        yield self


@dataclass
class _Union(BaseAttributeFilter):
    filters: Sequence[BaseAttributeFilter]

    def alternatives(self) -> Iterator[AttributeFilter]:
        for each in self.filters:
            yield from each.alternatives()


class Filter:
    """A condition on runs, built with the static methods and joined with ``&``, ``|`` and ``~``.

    Example:
        >>> print(Filter.eq("lr", 0.1) & ~Filter.exists(Attribute("sys/failed", type="bool")))
        (`lr` == "0.1") AND (NOT (`sys/failed`:bool EXISTS))
    """

    def __init__(self, expression: Expression | None) -> None:
        self._expression = expression

    @property
    def expression(self) -> Expression | None:
        """The abstract syntax of the condition; None selects everything."""
        return self._expression

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
    def matches_all(attribute: str | Attribute, regex: str | list[str]) -> Filter:
        """A text matches all of the regular expressions."""
        return _all(Matches(_operand(attribute), each) for each in _texts(regex))

    @staticmethod
    def matches_none(attribute: str | Attribute, regex: str | list[str]) -> Filter:
        """A text matches none of the regular expressions, or the run lacks it."""
        return _all(Matches(_operand(attribute), each, negated=True) for each in _texts(regex))

    @staticmethod
    def contains_all(attribute: str | Attribute, value: str | list[str]) -> Filter:
        """A text or a string set contains all of the values."""
        return _all(Contains(_operand(attribute), each) for each in _texts(value))

    @staticmethod
    def contains_none(attribute: str | Attribute, value: str | list[str]) -> Filter:
        """A text or a string set contains none of the values, or the run lacks it."""
        return _all(Contains(_operand(attribute), each, negated=True) for each in _texts(value))

    @staticmethod
    def exists(attribute: str | Attribute) -> Filter:
        """The run has the attribute."""
        return Filter(Exists(_operand(attribute)))

    @staticmethod
    def name_eq(name: str) -> Filter:
        """The experiment has this name."""
        return Filter.eq(Attribute(SYS_NAME, type="string"), name)

    @staticmethod
    def name_in(*names: str) -> Filter:
        """The experiment has one of these names."""
        return Filter.any(*map(Filter.name_eq, names))

    @staticmethod
    def all(*filters: Filter) -> Filter:
        """All of the filters hold; without any, everything is selected."""
        return _joined(And, filters)

    @staticmethod
    def any(*filters: Filter) -> Filter:
        """At least one of the filters holds; without any, everything is selected."""
        return _joined(Or, filters)

    @staticmethod
    def negate(filter_: Filter) -> Filter:
        """The opposite."""
        return Filter(Not(_operand_of(filter_)))

    def __eq__(self, other: object) -> bool:
        return self._expression == other._expression if isinstance(other, Filter) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._expression)

    def __and__(self, other: Filter) -> Filter:
        return Filter.all(self, other) if isinstance(other, Filter) else NotImplemented

    def __or__(self, other: Filter) -> Filter:
        return Filter.any(self, other) if isinstance(other, Filter) else NotImplemented

    def __invert__(self) -> Filter:
        return Filter.negate(self)

    def to_query(self) -> str:
        """The condition as NQL; empty if it selects everything."""
        from neptune_frames.query.rendering import render

        return "" if self._expression is None else render(self._expression)

    def __str__(self) -> str:
        return self.to_query()

    def __repr__(self) -> str:
        return f"<Filter {self}>"


def _comparison(attribute: str | Attribute, operator: ComparisonOperator, value: Any) -> Filter:
    from neptune_frames.query.filters import literal_text

    if not isinstance(value, (bool, int, float, str, datetime)):
        raise TypeError(f"Invalid value type: {type(value).__name__}. Expected int, float, str, or datetime.")
    return Filter(Comparison(_operand(attribute), operator, literal_text(value)))


def _operand(attribute: str | Attribute) -> Operand:
    if not isinstance(attribute, (str, Attribute)):
        raise TypeError(f"An attribute must be a name or an Attribute, got {attribute!r} ({type(attribute).__name__})")
    return attribute.operand() if isinstance(attribute, Attribute) else Operand(plain_text(attribute))


def _texts(value: str | list[str]) -> list[str]:
    texts = [value] if isinstance(value, str) else list(value)
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"Expected a string or a list of strings; one of them is {text!r} ({type(text).__name__})")
    return list(map(plain_text, texts))


def _all(clauses: Iterator[Expression]) -> Filter:
    return _joined(And, [Filter(clause) for clause in clauses])


def _joined(kind: type[And] | type[Or], filters: Sequence[Filter]) -> Filter:
    if not filters:
        return Filter(None)
    operands = tuple(map(_operand_of, filters))
    return Filter(operands[0] if len(operands) == 1 else kind(operands))


def _operand_of(filter_: Filter) -> Expression:
    from neptune_frames.errors import QuerySyntaxError

    if not isinstance(filter_, Filter):
        raise TypeError(f"Only filters can be joined or negated, got {filter_!r} ({type(filter_).__name__})")
    if filter_.expression is None:
        raise QuerySyntaxError(
            "A filter without conditions selects everything and cannot be joined or negated; leave it out."
        )
    return filter_.expression


def _check_word(parameter: str, word: str | None, known: Sequence[str]) -> None:
    if word is not None and word not in known:
        raise ValueError(f"{parameter} must be one of: {sorted(known)}, got {word!r}")


def _check_words(parameter: str, words: Any, known: Sequence[str]) -> None:
    if not isinstance(words, (list, tuple, set, frozenset)) or not all(word in known for word in words):
        raise ValueError(f"{parameter} must be a list of valid values: {sorted(known)} (got {words!r})")

"""`Filter` and `AttributeFilter` of the native API: those of the drop-in packages, with what those leave out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from neptune_frames.query import filters
from neptune_frames.query.arguments import as_list
from neptune_frames.query.attributes import type_name
from neptune_frames.query.plain_values import plain_value

if TYPE_CHECKING:
    from typing_extensions import Self

    from neptune_frames.query.attributes import Attribute, AttributeType
    from neptune_frames.query.expressions import ComparisonOperator
    from neptune_frames.query.plain_values import Value


class Filter(filters.Filter):
    """A condition on runs, built with the class methods and joined with ``&``, ``|`` and ``~``.

    An attribute is given by name, or as `Attribute` with its type; without a type it is looked up. Values are strings,
    booleans, numbers (also of numpy), datetimes (without a zone: local time) and dates (midnight in UTC); NaN and
    infinities can be written, but no source compares with them. Everything else is a TypeError at once. ``str()`` shows
    the query (NQL) that the filter stands for. Filters are compared by identity and can be pickled, and those of
    `neptune_query` may be used in their place. A filter is neither true nor false: ``and``, ``or`` and ``not`` are a
    TypeError.

    Example:
        >>> small = Filter.name("^heron") & Filter.lt("width", 16)
        >>> print(small | Filter.exists("keep"))
        ((((`sys/name`:string MATCHES "^heron"))) AND (`width` < "16")) OR (`keep` EXISTS)
    """

    __slots__ = ()

    @classmethod
    def eq(cls, attribute: str | Attribute, value: Value) -> Self:
        """The attribute equals the value."""
        return cls._compared(attribute, "==", value)

    @classmethod
    def ne(cls, attribute: str | Attribute, value: Value) -> Self:
        """The attribute differs from the value, or the run lacks it."""
        return cls._compared(attribute, "!=", value)

    @classmethod
    def gt(cls, attribute: str | Attribute, value: Value) -> Self:
        """The attribute is greater than the value."""
        return cls._compared(attribute, ">", value)

    @classmethod
    def ge(cls, attribute: str | Attribute, value: Value) -> Self:
        """The attribute is greater than or equal to the value."""
        return cls._compared(attribute, ">=", value)

    @classmethod
    def lt(cls, attribute: str | Attribute, value: Value) -> Self:
        """The attribute is less than the value."""
        return cls._compared(attribute, "<", value)

    @classmethod
    def le(cls, attribute: str | Attribute, value: Value) -> Self:
        """The attribute is less than or equal to the value."""
        return cls._compared(attribute, "<=", value)

    @classmethod
    def is_in(cls, attribute: str | Attribute, values: Iterable[Value]) -> Self:
        """The attribute equals one of the values.

        Args:
            attribute: The name of the attribute, or an `Attribute`.
            values: The values: a list or any other iterable.

        Returns:
            A filter.

        Raises:
            ValueError: There is no value.
            TypeError: ``values`` is a string or no iterable, or a value is of a type that cannot be compared.

        Example:
            >>> print(Filter.is_in("width", [8, 32]))
            (`width` == "8") OR (`width` == "32")
        """
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            raise TypeError(f"Filter.is_in takes a list of values, got {values!r} ({type_name(values)})")
        operand = filters.operand_of(attribute)
        texts = dict.fromkeys(filters.literal_text(_plain(each)) for each in values)
        if not texts:
            raise ValueError("Filter.is_in needs at least one value")
        return cls(filters.one_of(operand, texts))

    @classmethod
    def all(cls, *filters: filters.Filter | Iterable[filters.Filter]) -> Self:
        """All of the filters hold, which are given one by one or as a list.

        Example:
            >>> print(Filter.all([Filter.exists("a"), Filter.exists("b")]))
            (`a` EXISTS) AND (`b` EXISTS)
        """
        return super().all(*_one_by_one(filters))

    @classmethod
    def any(cls, *filters: filters.Filter | Iterable[filters.Filter]) -> Self:
        """At least one of the filters holds, which are given one by one or as a list."""
        return super().any(*_one_by_one(filters))

    @classmethod
    def _compared(cls, attribute: str | Attribute, operator: ComparisonOperator, value: Any) -> Self:
        return super()._compared(attribute, operator, _plain(value))

    def __bool__(self) -> bool:
        raise TypeError(
            "A Filter is neither true nor false, so `and`, `or` and `not` cannot join filters. Use & (and), | (or) and "
            "~ (not)."
        )


class AttributeFilter(filters.AttributeFilter):
    """Selects attributes by name and type; ``|`` joins selections.

    Args:
        name: A regular expression (`neptune_frames.query.extended_regex` has the dialect), or exact names in a list or
            any other iterable. None selects every name.
        type: A type of `neptune_frames.query.attributes.KNOWN_TYPES`, or several. None selects every type.

    Raises:
        ValueError: ``name`` or ``type`` is none of the above.

    Example:
        >>> losses = AttributeFilter(name=("train/loss", "val/loss")) | AttributeFilter(name="^test/", type="float")
        >>> [each.name for each in losses.alternatives()]
        [['train/loss', 'val/loss'], '^test/']
    """

    def __init__(
        self,
        name: str | Iterable[str] | None = None,
        type: AttributeType | Iterable[AttributeType] | None = None,
    ) -> None:
        super().__init__(as_list(name), as_list(type))


def _plain(value: Any) -> Any:
    """A value that a filter can compare with, as Python's own; what is not refused here is by `literal_text`."""
    if value is None:
        raise TypeError("Invalid value None: the runs that lack an attribute are ~Filter.exists(...).")
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        raise TypeError(
            f"Invalid value {value!r} ({type_name(value)}): a filter compares with one value. Filter.is_in takes a "
            "list of them; for string sets, there are Filter.contains_all and Filter.contains_none."
        )
    return plain_value(value)


def _one_by_one(given: tuple[Any, ...]) -> Iterable[filters.Filter]:
    is_list = len(given) == 1 and isinstance(given[0], Iterable) and not isinstance(given[0], (str, bytes))
    found: Iterable[filters.Filter] = given[0] if is_list else given
    return found

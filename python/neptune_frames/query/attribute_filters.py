"""`AttributeFilter`: attributes by name pattern or exact names, and by type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

from neptune_frames.query.attributes import KNOWN_TYPES, AttributeType, type_name


class BaseAttributeFilter:
    """What attribute selections have in common: ``|`` joins them, `alternatives` takes them apart."""

    def __or__(self, other: BaseAttributeFilter) -> BaseAttributeFilter:
        if not isinstance(other, BaseAttributeFilter):
            return NotImplemented
        return AttributeFilterAlternatives((self, other))

    # Of a class or of a filter, which then is one of those that are joined: no `self`, as in the official package.
    def any(*filters: BaseAttributeFilter) -> BaseAttributeFilter:
        """The union of filters; without any, nothing is selected. ``a.any(b)`` is the union of both.

        Example:
            >>> union = AttributeFilter.any(AttributeFilter("loss"), AttributeFilter("accuracy"))
            >>> len(list(union.alternatives()))
            2
        """
        for each in filters:
            if not isinstance(each, BaseAttributeFilter):
                raise TypeError(f"AttributeFilter.any takes AttributeFilters, got {each!r} ({type_name(each)})")
        return AttributeFilterAlternatives(filters)

    def alternatives(self) -> Iterator[AttributeFilter]:
        """The single filters this one is the union of."""
        raise NotImplementedError


@dataclass
class AttributeFilter(BaseAttributeFilter):
    """Selects attributes by name and type.

    Args:
        name: A regular expression (`neptune_frames.query.extended_regex` has the dialect), or a list of
            exact names. None selects every name.
        type: A type of `KNOWN_TYPES` or a list of them. None selects every type.

    Raises:
        ValueError: ``name`` or ``type`` is none of the above.

    Example:
        >>> loss = AttributeFilter(name=r"^metrics/.*loss$", type="float_series")
        >>> either = loss | AttributeFilter(name=["config/lr"])
        >>> [each.type for each in either.alternatives()][0]
        ['float_series']
    """

    name: str | list[str] | None = None
    type: AttributeType | list[AttributeType] | None = None

    def __post_init__(self) -> None:
        if self.type is None:
            self.type = list(KNOWN_TYPES)
        elif isinstance(self.type, str):
            self.type = [self.type]
        self.validate()

    def validate(self) -> None:
        """Check the fields, which stay assignable after construction."""
        name, types = self.name, self.type
        if not (name is None or isinstance(name, str) or is_list_of_text(name)):
            raise ValueError(f"name must be a string or list of strings, got {name!r} ({type_name(name)})")
        if isinstance(types, str):
            types = [types]
        if types is not None and not (
            isinstance(types, (list, tuple)) and all(isinstance(each, str) and each in KNOWN_TYPES for each in types)
        ):
            raise ValueError(f"type must be a list of valid values: {sorted(KNOWN_TYPES)}, got {types!r}")

    @property
    def types(self) -> tuple[str, ...]:
        """The selected types, whichever way they were given."""
        if self.type is None:
            return KNOWN_TYPES
        return (self.type,) if isinstance(self.type, str) else tuple(self.type)

    def alternatives(self) -> Iterator[AttributeFilter]:
        self.validate()
        yield self


@dataclass
class AttributeFilterAlternatives(BaseAttributeFilter):
    """The union of attribute filters."""

    filters: tuple[BaseAttributeFilter, ...]

    def alternatives(self) -> Iterator[AttributeFilter]:
        # An explicit stack: `|` in a loop nests one level per turn.
        waiting: list[BaseAttributeFilter] = [self]
        while waiting:
            current = waiting.pop()
            if isinstance(current, AttributeFilterAlternatives):
                waiting.extend(reversed(current.filters))
            else:
                yield from current.alternatives()


def is_list_of_text(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)

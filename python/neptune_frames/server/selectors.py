"""The name and type filters of D and V as an `AttributeSelector`."""

from __future__ import annotations

from collections.abc import Sequence

from neptune_frames.query.attributes import CLIENT_NAMES
from neptune_frames.query.extended_regex import check_regex
from neptune_frames.query.selection import AttributeAlternative, AttributeSelector, NamePattern
from neptune_frames.server.errors import bad_request
from neptune_frames.wire.requests import AttributeTypeFilter, NameFilter

ALL_TYPES = tuple(CLIENT_NAMES.values())


def make_selector(
    *,
    types: Sequence[AttributeTypeFilter] | None = None,
    name_filter: NameFilter | None = None,
    name_regex: str | None = None,
    names: Sequence[str] | None = None,
) -> AttributeSelector:
    """The attributes that satisfy all filters given; each that is None admits everything.

    ``name_regex`` is the deprecated form of ``name_filter`` and does not count beside it.
    """
    if name_filter is None and name_regex is not None:
        name_filter = NameFilter(must_match_regexes=[name_regex])
    alternative = AttributeAlternative(
        types=ALL_TYPES if types is None else client_types([item.attribute_type for item in types]),
        names=None if names is None else tuple(dict.fromkeys(names)),
        patterns=None if name_filter is None else _patterns(name_filter),
    )
    return AttributeSelector((alternative,))


def client_types(wire_types: Sequence[str]) -> tuple[str, ...]:
    """Client names of wire types. A type this server does not know selects nothing."""
    return tuple(CLIENT_NAMES[name] for name in dict.fromkeys(wire_types) if name in CLIENT_NAMES)


def _patterns(name_filter: NameFilter) -> tuple[NamePattern, ...] | None:
    """A disjunction of conjunctions; None for a filter without keys, which admits every name."""
    conjunction = _conjunction(name_filter)
    if name_filter.must_match_any is None:
        return None if conjunction == NamePattern() else (conjunction,)
    if conjunction != NamePattern():
        raise bad_request("attributeNameFilter holds mustMatchAny beside other keys; give one or the other.")
    if any(alternative.must_match_any is not None for alternative in name_filter.must_match_any):
        raise bad_request("attributeNameFilter nests mustMatchAny; it can be one level deep.")
    return tuple(_conjunction(alternative) for alternative in name_filter.must_match_any)


def _conjunction(name_filter: NameFilter) -> NamePattern:
    pattern = NamePattern(
        must_match=tuple(name_filter.must_match_regexes or ()),
        must_not_match=tuple(name_filter.must_not_match_regexes or ()),
    )
    for regex in (*pattern.must_match, *pattern.must_not_match):
        check_regex(regex)
    return pattern

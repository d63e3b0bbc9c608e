"""An attribute selector as the filters of definitions and values requests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from neptune_frames.query.attributes import WIRE_NAMES
from neptune_frames.query.selection import AttributeAlternative, AttributeSelector, NamePattern
from neptune_frames.sources.remote.splitting import name_filters
from neptune_frames.wire.requests import AttributeTypeFilter, NameFilter

Filters = tuple[list[AttributeTypeFilter], NameFilter]


def attribute_filters(selector: AttributeSelector) -> Iterator[Filters]:
    """Type and name filters whose answers, together, are what the selector selects."""
    for alternative in selector.alternatives:
        types = [AttributeTypeFilter(attribute_type=WIRE_NAMES[name]) for name in alternative.types]
        if not types:
            continue
        for name_filter in _name_filters(alternative):
            yield types, name_filter


def exact_names(selector: AttributeSelector) -> list[str] | None:
    """All names, duplicates removed, of a selector made of exact names alone; None for any other."""
    names: dict[str, None] = {}
    for alternative in selector.alternatives:
        if alternative.names is None or alternative.patterns is not None:
            return None
        names.update(dict.fromkeys(alternative.names))
    return list(names)


def _name_filters(alternative: AttributeAlternative) -> Iterator[NameFilter]:
    if alternative.names is None:
        if alternative.patterns is None:
            yield NameFilter()
        elif alternative.patterns:
            yield NameFilter(must_match_any=[_conjunction(pattern) for pattern in alternative.patterns])
        return
    for names in name_filters(list(dict.fromkeys(alternative.names))):
        patterns = (NamePattern(),) if alternative.patterns is None else alternative.patterns
        if patterns:
            yield NameFilter(must_match_any=[_conjunction(pattern, _any_of(names)) for pattern in patterns])


def _conjunction(pattern: NamePattern, *also: str) -> NameFilter:
    return NameFilter(
        must_match_regexes=[*also, *pattern.must_match] or None,
        must_not_match_regexes=list(pattern.must_not_match) or None,
    )


def _any_of(names: Sequence[str]) -> str:
    """A regular expression for exact names, written as official clients write it."""
    escaped = [re.escape(name) for name in names]
    return f"^{escaped[0]}$" if len(escaped) == 1 else f"^({'|'.join(escaped)})$"

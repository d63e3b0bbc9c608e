"""Checks of what users pass, shared by all public modules.

Each function returns the checked value in the form the core works with, or raises the documented class
with a message that says what is wrong, with which parameter, and what is accepted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from neptune_frames import config
from neptune_frames.errors import NeptuneProjectNotProvided
from neptune_frames.query.attribute_filters import AttributeFilter, BaseAttributeFilter, is_list_of_text
from neptune_frames.query.attributes import KNOWN_TYPES, Attribute, type_name
from neptune_frames.query.expressions import Expression, Operand
from neptune_frames.query.extended_regex import parse_extended_regex
from neptune_frames.query.filters import Filter, literal_text, matching, one_of
from neptune_frames.query.plain_text import plain_text
from neptune_frames.query.selection import AttributeAlternative, AttributeSelector, ContainerKind, StepRange
from neptune_frames.query.traversal import flatten

#: The largest number of buckets a server gives.
MAX_BUCKETS = 1000

_LONGEST_SHOWN = 120
#: Arrow and Polars count in 64 bits; nothing has as many points or rows.
_LARGEST_COUNT = 2**63 - 1


def resolve_project(project: str | None) -> str:
    """The project given, or the one in NEPTUNE_PROJECT. An empty string counts as not given.

    Raises:
        NeptuneProjectNotProvided: neither is there.
        ValueError: not a string.
    """
    if project is not None and not isinstance(project, str):
        raise ValueError(f"project must be a string (workspace/name) or None, got {shown(project)}")
    resolved = project or config.PROJECT.get()
    if not resolved:
        raise NeptuneProjectNotProvided
    return plain_text(resolved)


def choose_kind(experiments: object, runs: object) -> ContainerKind:
    """Whether rows are experiments or runs: exactly one of the two is given.

    Raises:
        ValueError: neither or both are.
    """
    if (experiments is None) == (runs is None):
        given = "neither was given" if runs is None else "both were given"
        raise ValueError(
            f'Give either experiments or runs, but {given}. experiments="" selects every experiment, runs="" every run.'
        )
    return ContainerKind.EXPERIMENT if runs is None else ContainerKind.RUN


def as_list(value: Any) -> Any:
    """Any iterable (a tuple, a set, a column, a generator) as a list of its items; strings become plain `str`.

    The native API takes these where it takes lists. Anything else is left as it is.

    Example:
        >>> as_list(("a", "b")), as_list({"a": 1}), as_list("a.*")
        (['a', 'b'], {'a': 1}, 'a.*')
    """
    # A frame gives the names of its columns, and a mapping its keys: nobody means these.
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes, Mapping)) or hasattr(value, "columns"):
        return value
    items = value.to_pylist() if hasattr(value, "to_pylist") else value  # items of Arrow are not strings
    return [plain_text(item) if isinstance(item, str) else item for item in items]


def resolve_run_filter(
    value: str | list[str] | Filter | None, kind: ContainerKind, parameter: str
) -> Expression | None:
    """Which runs (experiments): a regular expression on their label, a list of exact labels, or a filter.

    None selects everything and gives None.

    Raises:
        ValueError: an empty list, or a value of another type.
        TypeError: a list item that cannot be a label.
        QuerySyntaxError: the regular expression is not valid RE2.
    """
    label = Operand(kind.label_attribute, "string")
    if value is None:
        return None
    if isinstance(value, Filter):
        return flatten(value.expression)
    if isinstance(value, str):
        return matching(label, value)
    if isinstance(value, list):
        if not value:
            raise ValueError(
                f"{parameter}: expected a string, a non-empty list of strings or a Filter, but got an empty list. "
                "Leave it out (or pass None) to select everything."
            )
        return one_of(label, dict.fromkeys(map(literal_text, value)))
    raise ValueError(f"{parameter}: expected a string, a non-empty list of strings or a Filter, got {shown(value)}")


def resolve_attributes(
    value: str | list[str] | BaseAttributeFilter | None,
    allowed_types: Sequence[str] | None,
    parameter: str,
) -> AttributeSelector:
    """Which attributes: a regular expression, a list of exact names, an attribute filter, or None for all.

    Args:
        value: What the user gave.
        allowed_types: Types the calling function can return (None: all). Strings, lists and None select
            within these; every branch of an attribute filter must have one of them.
        parameter: The name of the parameter, for messages.

    Raises:
        ValueError: another type of value, or a filter none of whose types is allowed.
        QuerySyntaxError: the regular expression is not valid RE2.
    """
    types = KNOWN_TYPES if allowed_types is None else tuple(allowed_types)
    if value is None:
        return AttributeSelector((AttributeAlternative(types),))
    if isinstance(value, str):
        return AttributeSelector((AttributeAlternative(types, patterns=parse_extended_regex(value)),))
    if is_list_of_text(value):
        names = _distinct(value)
        return AttributeSelector((AttributeAlternative(types, names=names),), plain_names=names)
    if isinstance(value, BaseAttributeFilter):
        return AttributeSelector(tuple(_alternative(each, types, parameter) for each in value.alternatives()))
    raise ValueError(f"{parameter}: expected a string, a list of strings or an AttributeFilter, got {shown(value)}")


def _alternative(attribute_filter: AttributeFilter, allowed: tuple[str, ...], parameter: str) -> AttributeAlternative:
    wanted = attribute_filter.types
    types = tuple(each for each in allowed if each in wanted)
    if not types and set(allowed) != set(KNOWN_TYPES):
        raise ValueError(
            f"{parameter}: Only {_alternatives_text(allowed)} type is supported, got the types {list(wanted)}. "
            "Leave out the type, or name a supported one."
        )
    name = attribute_filter.name
    if name is None:
        return AttributeAlternative(types)
    if isinstance(name, str):
        return AttributeAlternative(types, patterns=parse_extended_regex(name))
    return AttributeAlternative(types, names=_distinct(name))


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(plain_text, names)))


def check_step_range(value: Any) -> StepRange:
    """A tuple of two finite numbers or None, inclusive at both ends.

    Raises:
        ValueError: anything else, or a start after the end.
    """
    if not isinstance(value, tuple) or len(value) != 2:
        raise ValueError(f"step_range must be a tuple of two values (start, end), got {shown(value)}")
    start, end = (_step(each, where) for each, where in zip(value, ("start", "end"), strict=True))
    if start is not None and end is not None and start > end:
        raise ValueError(f"step_range start must be less than or equal to its end, got {value!r}")
    return start, end


def _step(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if not isinstance(value, (int, float)):
        raise ValueError(f"step_range {where} must be None or a number (int or float), got {shown(value)}")
    try:
        step = float(value)
    except OverflowError:
        step = math.inf
    if not math.isfinite(step):
        raise ValueError(f"step_range {where} must be a finite number, or None for an open end; got {value!r}")
    return step


def check_tail_limit(value: Any) -> int | None:
    """None or a positive integer, else ValueError."""
    return _positive_or_none(value, "tail_limit")


def check_limit(value: Any) -> int | None:
    """The number of table rows: None or a positive integer, else ValueError."""
    return _positive_or_none(value, "limit")


def _positive_or_none(value: Any, parameter: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int):
        raise ValueError(f"{parameter} must be None or an integer, got {shown(value)}")
    if value <= 0:
        raise ValueError(f"{parameter} must be greater than 0, got {value!r}")
    return min(int(value), _LARGEST_COUNT)


def check_bucket_limit(value: Any) -> int:
    """The number of buckets, 1 to `MAX_BUCKETS`, else ValueError."""
    if not isinstance(value, int):
        raise ValueError(f"limit must be an integer, got {shown(value)}")
    if value <= 0:
        raise ValueError(f"limit must be greater than 0, got {value!r}")
    if value > MAX_BUCKETS:
        raise ValueError(f"limit must not be greater than {MAX_BUCKETS}, got {value!r}")
    return int(value)


def check_include_time(value: Any) -> bool:
    """Whether timestamps are wanted: "absolute" or None, else ValueError."""
    if value is None:
        return False
    if value != "absolute":
        raise ValueError(f"include_time must be 'absolute' or None, got {shown(value)}")
    return True


def check_sort_direction(value: Any) -> bool:
    """Whether to sort downwards: "desc" or "asc", else ValueError."""
    if value not in ("asc", "desc"):
        raise ValueError(f"sort_direction must be 'asc' or 'desc', got {shown(value)}")
    return bool(value == "desc")


def resolve_sort(value: str | Attribute) -> Attribute:
    """The attribute to sort by, as a copy; its type may be unknown yet (`inference.infer_sort`).

    Raises:
        ValueError: neither a string nor an Attribute.
    """
    if isinstance(value, str):
        return Attribute(plain_text(value))
    if isinstance(value, Attribute):
        value.validate()
        return Attribute(plain_text(value.name), value.type)
    raise ValueError(f"sort_by: expected a string or an Attribute, got {shown(value)}")


def check_x(value: Any) -> None:
    """The x axis of buckets: only "step" exists, else ValueError."""
    if value != "step":
        raise ValueError(f"x must be 'step', got {shown(value)}")


def shown(value: Any) -> str:
    """What messages say of a value that the user gave: how it is written, and its type."""
    text = repr(value)
    kind = type_name(value)
    if kind in ("Filter", "Attribute", "AttributeFilter"):  # which neptune_fetcher.alpha has too
        kind = f"{type(value).__module__}.{kind}"
    if kind in ("DataFrame", "Series"):  # which pandas and Polars have
        kind = f"{type(value).__module__.partition('.')[0]} {kind}"
    # A frame or a column shows many lines of content, which say less than its type.
    return kind if "\n" in text or len(text) > _LONGEST_SHOWN else f"{text} ({kind})"


def _alternatives_text(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last

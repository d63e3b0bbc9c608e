"""What is asked, in words: for plans (`neptune_frames.explain`, ``LazyFrame.explain``) and logs. No secrets."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from neptune_frames.query.expressions import Expression, Matches
from neptune_frames.query.rendering import render, shortened
from neptune_frames.query.selection import ANY_NAME, NamePattern
from neptune_frames.query.traversal import flatten

if TYPE_CHECKING:
    from neptune_frames.frames.questions import Containers, MetricsQuestion
    from neptune_frames.query.selection import (
        AttributeAlternative,
        AttributeSelector,
        ContainerKind,
        SeriesOptions,
        StepRange,
    )
    from neptune_frames.sources.base import Source

#: More names than this are never shown, so that a long list costs nothing.
_MOST_NAMES = 100

#: Integers up to here are exact as floats.
_EXACT_INTEGERS = 2**53


def place_words(project: str, source: Source) -> str:
    """Where a scan reads."""
    return f"project {project}, {source}"


def names_words(kind: str, names: Collection[str]) -> str:
    """Exact names.

    Example:
        >>> names_words("attributes", ["val/loss", "val/acc"]), names_words("runs", [])
        ("attributes 'val/loss', 'val/acc'", 'no runs')
    """
    if not names:
        return f"no {kind}"
    text = ", ".join(map(repr, islice(names, _MOST_NAMES)))
    shown = shortened(text)
    is_whole = shown == text and len(names) <= _MOST_NAMES
    return f"{kind} {shown}" if is_whole else f"{kind} {shown} ({len(names):,} in all)"


def containers_words(containers: Containers) -> str:
    """Which runs or experiments the arguments select."""
    kind = containers.kind
    if containers.lazy_labels is not None:
        return f"{kind.plural} of the lazy frame given"
    if containers.names is not None:
        return names_words(kind.plural, containers.names)
    return f"all {kind.plural}" if containers.filter is None else _filter_words(containers.filter, kind)


def _filter_words(expression: Expression, kind: ContainerKind) -> str:
    simple = flatten(expression)
    if isinstance(simple, Matches) and simple.operand.name == kind.label_attribute and not simple.negated:
        return f"{kind.plural} matching {shortened(simple.pattern)!r}" if simple.pattern else f"all {kind.plural}"
    return search_words(simple, kind)


def search_words(expression: Expression, kind: ContainerKind) -> str:
    """A filter that travels with a search, as NQL."""
    return f"{kind.plural} where {shortened(render(expression))}"


def attributes_words(selector: AttributeSelector, types: Sequence[str], every: str = "all attributes") -> str:
    """Which attributes the arguments select.

    Args:
        selector: What was made of the argument.
        types: The types that the scan can show; narrower ones are named.
        every: What they are called where all are selected.
    """
    if selector.plain_names is not None:
        return names_words("attributes", selector.plain_names)
    return shortened(" or ".join(_alternative_words(each, types, every) for each in selector.alternatives)) or _NONE


_NONE = "no attributes"
#: Patterns that every name matches.
_ANYTHING = (ANY_NAME, NamePattern(("",)))


def _alternative_words(alternative: AttributeAlternative, types: Sequence[str], every: str) -> str:
    names, patterns = alternative.names, alternative.patterns
    is_every = patterns is None or any(pattern in _ANYTHING for pattern in patterns)
    if names is not None:
        words = names_words("attributes", names)
    elif is_every:
        words = every
    else:
        words = f"attributes {' or '.join(' and '.join(pattern_words(each)) for each in patterns or ())}"
    if patterns == () or names == ():
        return _NONE
    if set(alternative.types) == set(types):
        return words
    return f"{'attributes' if words == every else words} of type {' or '.join(alternative.types) or 'none'}"


def pattern_words(pattern: NamePattern) -> list[str]:
    """What names match and do not match."""
    must = [f"matching {shortened(each)!r}" for each in pattern.must_match]
    return must + [f"not matching {shortened(each)!r}" for each in pattern.must_not_match]


def series_words(question: MetricsQuestion, types: Sequence[str], every: str) -> list[str]:
    """What the arguments of a scan of series select."""
    return [
        containers_words(question.containers),
        attributes_words(question.attributes, types, every),
        *options_words(question.options),
    ]


def options_words(options: SeriesOptions) -> list[str]:
    """Which part of series the arguments select."""
    words = [] if options.step_range == (None, None) else [steps_words(options.step_range)]
    if options.tail_limit is not None:
        words.append(f"the last {options.tail_limit:,} points of each series")
    if not options.lineage:
        words.append("without inherited points")
    if options.include_time:
        words.append("with timestamps")
    if options.include_previews:
        words.append("with previews")
    return words


def unread_values(options: SeriesOptions) -> list[str]:
    """What a plan says of values that the query does not need: servers send them all the same."""
    return [] if options.include_values else ["no values (in archives)"]


def steps_words(step_range: StepRange) -> str:
    """A range of steps. An end is said as the number next to it where that is the shorter one.

    Example:
        >>> steps_words((400, None)), steps_words((0.5, 10.0)), steps_words((3, 3)), steps_words((5, 3))
        ('steps from 400', 'steps 0.5 to 10', 'step 3', 'no steps, so no points are requested')
        >>> steps_words((math.nextafter(3, 4), None)), steps_words((3, math.nextafter(10, 9)))
        ('steps after 3', 'steps from 3, before 10')
    """
    start, end = step_range
    if start is not None and end is not None and start > end:
        return "no steps, so no points are requested"
    low, is_after = _end(start, -math.inf)
    high, is_before = _end(end, math.inf)
    if not is_after and not is_before:
        return f"step {low}" if low == high else range_words("steps", low, high)
    lower = [] if low is None else [f"after {low}" if is_after else f"from {low}"]
    upper = [] if high is None else [f"before {high}" if is_before else f"up to {high}"]
    return f"steps {', '.join(lower + upper)}"


def _end(step: float | None, outside: float) -> tuple[str | None, bool]:
    """An end of a range of steps, and whether the number does not belong to the range any more."""
    if step is None:
        return None, False
    inner, outer = _number(step), _number(math.nextafter(step, outside))
    return (outer, True) if len(outer) < len(inner) else (inner, False)


def range_words(what: str, low: str | None, high: str | None) -> str:
    """A range, one end of which may be open."""
    if low is None:
        return f"{what} up to {high}"
    return f"{what} from {low}" if high is None else f"{what} {low} to {high}"


def _number(step: float) -> str:
    value = float(step)
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT_INTEGERS else repr(value)

"""Checks of single arguments: wrong ones are refused before anything is asked, on servers and archives alike."""

from __future__ import annotations

import math
import operator
from typing import Any

from neptune_frames.query.plain_text import plain_text
from neptune_frames.query.selection import StepRange

MAX_ROWS = 5000


def as_list(value: Any, parameter: str) -> list[str]:
    """A parameter that takes a list of strings, as a list; a single text stands for a list of one."""
    if value is None:
        return []
    if isinstance(value, str):
        return [plain_text(value)]
    try:
        items = list(value)
    except TypeError:
        raise TypeError(f"{parameter} takes a list of strings, got {value!r} ({type(value).__name__})") from None
    for item in items:
        if not isinstance(item, str):
            raise TypeError(f"{parameter} takes a list of strings; one of them is {item!r} ({type(item).__name__})")
    return [plain_text(item) for item in items]


def required_list(value: Any, parameter: str) -> list[str]:
    """As `as_list`, for a parameter that must be given."""
    if value is None:
        raise TypeError(f"{parameter} takes a list of strings, got None")
    return as_list(value, parameter)


def as_nonempty_list(value: Any, parameter: str) -> list[str]:
    """As `as_list`, for parameters that must not be empty if they are given."""
    items = as_list(value, parameter)
    if isinstance(value, str) and not value:
        raise ValueError(f"{parameter} cannot be an empty string; leave it out to select every name")
    if value is not None and not items:
        raise ValueError(f"{parameter}: the list of patterns cannot be empty; leave it out to select every name")
    if "" in items:
        raise ValueError(f"{parameter}: the list contains empty strings; leave them out")
    return items


def check_limit(limit: Any) -> int | None:
    """The number of rows, 1 to `MAX_ROWS`, or None for all."""
    if limit is None:
        return None
    if limit == math.inf:
        raise ValueError(f"limit can't be higher than {MAX_ROWS}, got {limit!r}; leave it out to fetch all rows")
    try:
        rows = int(limit) if isinstance(limit, float) and limit.is_integer() else operator.index(limit)
    except TypeError:
        raise TypeError(f"limit must be an integer or None, got {limit!r} ({type(limit).__name__})") from None
    if rows <= 0:
        raise ValueError(f"limit must be greater than 0, got {limit!r}")
    if rows > MAX_ROWS:
        raise ValueError(f"limit can't be higher than {MAX_ROWS}, got {limit!r}; without a limit all rows are fetched")
    return rows


def check_trashed(value: Any) -> bool | None:
    """Whether runs are in the trash, or None for both. Words count, as they do for the official package on a server."""
    if value is None:
        return None
    known = {"true": True, "false": False, True: True, False: False}
    try:
        return known[value.lower() if isinstance(value, str) else value]
    except (KeyError, TypeError):
        raise TypeError(f"trashed must be True, False or None, got {value!r} ({type(value).__name__})") from None


def check_text(value: Any, parameter: str) -> str | None:
    """A text that may be missing."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{parameter} must be a string or None, got {value!r} ({type(value).__name__})")
    return plain_text(value)


def required_text(value: Any, parameter: str) -> str:
    """A text that must be given."""
    if not isinstance(value, str):
        raise TypeError(f"{parameter} must be a string, got {value!r} ({type(value).__name__})")
    return plain_text(value)


def check_token(value: Any) -> str | None:
    """An API token or None. The message does not show what was given: it may be a token in another form."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"api_token must be a string or None, got {type(value).__name__}")
    return value


def check_step_range(step_range: Any) -> StepRange:
    """First and last step. Numbers written as text count, as they do for the official package on a server.

    Raises:
        TypeError: It is not a pair of numbers or None.
        IndexError: It is shorter than a pair.
        NeptuneUserError: A step is NaN.
    """
    from neptune_frames.errors import NeptuneUserError

    try:
        first, last = (None if step is None else float(step) for step in (step_range[0], step_range[1]))
    except (TypeError, ValueError, LookupError, OverflowError) as error:
        # A pair that is too short is an IndexError in the official package, and scripts may catch it as one.
        kind = IndexError if isinstance(error, IndexError) else TypeError
        raise kind(
            f"step_range must be a pair of numbers (first step, last step), None for an open side, got {step_range!r}"
        ) from None
    if any(step is not None and math.isnan(step) for step in (first, last)):
        raise NeptuneUserError(f"step_range={step_range!r} holds NaN, which is no step. Use None for an open side.")
    return first, last

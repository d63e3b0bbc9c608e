"""Numbers, dates and truth values of other libraries as Python's own, for the native API.

The drop-in packages refuse most of them, as the official ones do.
"""

from __future__ import annotations

import operator
import sys
from datetime import date, datetime, timezone
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import SupportsFloat, SupportsIndex, TypeAlias

    #: What a filter compares with: text, a number or truth value of any library, or a point in time.
    Value: TypeAlias = str | datetime | date | SupportsIndex | SupportsFloat


def plain_value(value: Any) -> Any:
    """A number, truth value or date as Python's own; a date is its midnight in UTC. Anything else is left as it is.

    Example:
        >>> from fractions import Fraction
        >>> plain_value(Fraction(1, 2)), plain_value(date(2026, 3, 1)).isoformat()
        (0.5, '2026-03-01T00:00:00+00:00')
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=timezone.utc)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.bool_):
        return bool(value)
    return _as_python(value)


def plain_number(value: Any, parameter: str) -> Any:
    """A whole or real number of any library as `int` or `float`. Anything else is left as it is.

    Raises:
        ValueError: It is a boolean, which Python takes for a number: nobody means 1 by True.

    Example:
        >>> from fractions import Fraction
        >>> plain_number(Fraction(1, 2), "limit"), plain_number("1", "limit")
        (0.5, '1')
    """
    if isinstance(value, bool):
        raise ValueError(f"{parameter} must be a number, got {value!r} (bool)")
    return _as_python(value)


def _as_python(value: Any) -> Any:
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, Integral):
        return operator.index(value)
    return float(value) if isinstance(value, Real) else value


def plain_steps(step_range: Any) -> Any:
    """A range of steps, as a tuple or a list, as a tuple of Python's own numbers. Anything else is left as it is.

    Raises:
        ValueError: An end is a boolean.

    Example:
        >>> plain_steps([1, None])
        (1, None)
    """
    if not isinstance(step_range, (tuple, list)):
        return step_range
    return tuple(plain_number(each, "each end of step_range") for each in step_range)

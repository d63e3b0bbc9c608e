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
    return plain_number(value)


def plain_number(value: Any) -> Any:
    """A whole or real number of any library as `int` or `float`. Anything else is left as it is.

    Example:
        >>> from fractions import Fraction
        >>> plain_number(Fraction(1, 2)), plain_number(True), plain_number("1")
        (0.5, True, '1')
    """
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, Integral):
        return operator.index(value)
    return float(value) if isinstance(value, Real) else value


def plain_steps(step_range: Any) -> Any:
    """A range of steps, as a tuple or a list, as a tuple of Python's own numbers. Anything else is left as it is.

    Example:
        >>> plain_steps([1, None])
        (1, None)
    """
    return tuple(map(plain_number, step_range)) if isinstance(step_range, (tuple, list)) else step_range

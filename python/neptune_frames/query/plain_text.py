"""Text of other classes as `str`: numpy's ``str_``, members of a ``StrEnum``, and whatever else inherits from it."""

from __future__ import annotations


def plain_text(text: str) -> str:
    """The same characters as a `str` and nothing else.

    What encodes a request or a column takes no subclass for text, and a subclass may write itself differently in an
    f-string. So every name and pattern that a user gives passes through here.

    Example:
        >>> from enum import Enum
        >>> class Metric(str, Enum):
        ...     LOSS = "train/loss"
        >>> plain_text(Metric.LOSS)
        'train/loss'
    """
    return str.__str__(text)

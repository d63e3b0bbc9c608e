"""What tells a URL from a path."""

from __future__ import annotations

import re


def is_url(place: str) -> bool:
    """Whether a text is a URL rather than a path.

    >>> is_url("s3://bucket/archive"), is_url("archive")
    (True, False)
    """
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", place) is not None

"""Attribute types that this library does not know are left out, and said so once."""

from __future__ import annotations

import threading
from collections.abc import Set

from neptune_frames.errors import NeptuneWarning
from neptune_frames.warnings import warn

_warned: set[str] = set()
_lock = threading.Lock()


def warn_of_unknown_types(types: Set[str]) -> None:
    """One warning per type and process."""
    with _lock:
        new = sorted(types - _warned)
        _warned.update(new)
    for name in new:
        warn(f"Attributes of type {name!r} are left out: this version does not know the type.", NeptuneWarning)

"""The warnings of the library, and how often each is shown.

The classes and their pace are those that `neptune_query.warnings` documents.
"""

from __future__ import annotations

import sys
import threading
import time
import warnings
from types import FrameType


class AttributeWarning(UserWarning):
    """The type of an attribute could not be determined."""


class ExperimentalWarning(UserWarning):
    """A function may still change. Shown once per process and text."""


class Http429Warning(UserWarning):
    """The server asks for fewer requests. Shown once in `THROTTLE_SECONDS`."""


class Http503Warning(UserWarning):
    """The server is not available for the moment."""


class Http5xxWarning(UserWarning):
    """The server failed. Shown once in `THROTTLE_SECONDS`."""


class HttpOtherWarning(UserWarning):
    """A request failed otherwise. Shown once in `THROTTLE_SECONDS`."""


#: Seconds between two warnings of a throttled class, whatever their texts.
THROTTLE_SECONDS = 20.0

_THROTTLED = (Http429Warning, Http5xxWarning, HttpOtherWarning)
_OWN_PACKAGES = ("neptune_frames", "neptune_query", "neptune_fetcher")

_lock = threading.Lock()
_last_shown: dict[type[Warning], float] = {}
_texts_shown: set[str] = set()


def warn(message: str, category: type[Warning]) -> None:
    """Issue a warning at the line of the caller's code, unless its class says that it was shown enough."""
    if _is_due(message, category):
        warnings.warn(message, category, stacklevel=_depth_of_caller() + 1)


def _is_due(message: str, category: type[Warning]) -> bool:
    with _lock:
        if category is ExperimentalWarning:
            due = message not in _texts_shown
            _texts_shown.add(message)
            return due
        if category in _THROTTLED:
            now = time.monotonic()
            last = _last_shown.get(category)
            due = last is None or now - last >= THROTTLE_SECONDS
            if due:
                _last_shown[category] = now
            return due
    return True


def _depth_of_caller() -> int:
    """How many frames above `warn` the caller of the outermost frame of this library is.

    Frames of others lie between ours (`tenacity`), so the first that is not ours may be one of them; and around the
    outermost, where `contextlib` made a decorator of a context.
    """
    depth = position = 1
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        position += 1
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] in _OWN_PACKAGES or (module == "contextlib" and depth == position - 1):
            depth = position
        frame = frame.f_back
    return depth

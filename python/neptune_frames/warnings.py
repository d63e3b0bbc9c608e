"""The warnings of the library, and how often each is shown.

The classes and their pace are those that `neptune_query.warnings` documents.
"""

from __future__ import annotations

import sys
import threading
import time
import warnings
from contextvars import ContextVar
from types import FrameType
from typing import Any, NamedTuple


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
_OF_SERVERS = (*_THROTTLED, Http503Warning)
_OWN_PACKAGES = ("neptune_frames", "neptune_query", "neptune_fetcher")

_lock = threading.Lock()
_last_shown: dict[type[Warning], float] = {}
_texts_shown: set[str] = set()


def warn(message: str, category: type[Warning]) -> None:
    """Issue a warning at the line of the caller's code, unless its class says that it was shown enough.

    Those of a server in trouble come at that pace again and again, though Python shows a text once per line unless
    it is told otherwise: the second call in a cell would wait for the server without a word.
    """
    if _is_due(message, category):
        line = callers_line()
        registry = None if category in _OF_SERVERS else line.registry
        warnings.warn_explicit(message, category, line.filename, line.number, line.module, registry)


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


class CodeLine(NamedTuple):
    """A line of somebody's code, in the parts that `warnings.warn_explicit` takes."""

    filename: str
    number: int
    module: str
    registry: dict[Any, Any]


#: The line that warnings name in a thread of ours, where the caller's code is not on the stack.
_line_of_consumer: ContextVar[CodeLine | None] = ContextVar("neptune_frames_line_of_consumer", default=None)


def name_in_warnings(line: CodeLine) -> None:
    """Have the warnings of this context name a line that is not on its stack (`callers_line` of another thread)."""
    _line_of_consumer.set(line)


def callers_line() -> CodeLine:
    """The line that called the outermost function of this library.

    Frames of others lie between ours (`tenacity`), so the first that is not ours may be one of them; and around the
    outermost, where `contextlib` made a decorator of a context.
    """
    of_consumer = _line_of_consumer.get()
    if of_consumer is not None:
        return of_consumer
    frame: FrameType | None = sys._getframe()
    caller = sys._getframe()
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        is_ours = module.partition(".")[0] in _OWN_PACKAGES
        if is_ours or (module == "contextlib" and frame is caller):
            caller = frame.f_back or frame
        frame = frame.f_back
    variables = caller.f_globals
    registry = variables.setdefault("__warningregistry__", {})
    return CodeLine(caller.f_code.co_filename, caller.f_lineno, str(variables.get("__name__", "")), registry)

"""The error and the warning of `ReadOnlyProject` and `ReadOnlyRun`, and the border where errors become this one."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from neptune_frames.errors import (
    InvalidApiTokenError,
    InvalidSettingError,
    MissingDependencyError,
    NeptuneApiTokenNotProvided,
    NeptuneError,
)
from neptune_frames.sources.public_call import public_call

__all__ = ["NeptuneException", "NeptuneWarning"]


class NeptuneException(Exception):
    """A server (or an archive) did not answer as asked. The text names the error behind it, which is its cause."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and str(other) == str(self)

    def __hash__(self) -> int:
        return hash((type(self), str(self)))


class NeptuneWarning(Warning):
    """Something in an answer could not be used as asked."""


# As the official package does, but behind the filters that are there already: each text once in a process, and not
# once for every line that causes it.
warnings.simplefilter("once", NeptuneWarning, append=True)


#: Mistakes of the caller, known without a server: they keep their classes.
_LOCAL = (InvalidApiTokenError, InvalidSettingError, MissingDependencyError, NeptuneApiTokenNotProvided)


@contextmanager
def fetcher_call(name: str) -> Iterator[None]:
    """The inside of the interface, as a context or a decorator.

    Requests it causes carry this name, and what fails behind the interface is raised as `NeptuneException`.
    """
    try:
        with public_call(name):
            yield
    except _LOCAL:
        raise
    except NeptuneError as error:
        raise NeptuneException(f"\n{type(error).__name__}: {error}") from error


def warn(message: str) -> None:
    """A `NeptuneWarning` at the caller's line."""
    from neptune_frames.warnings import warn

    warn(message, NeptuneWarning)


def warn_of_unsupported_types(types: Any) -> None:
    """One warning per type (client names) and process."""
    from neptune_frames.query.attributes import WIRE_NAMES

    with _lock:
        new = [name for name in types if name not in _warned]
        _warned.update(new)
    for name in new:
        warn(
            f"A value of type `{WIRE_NAMES[name]}` was returned by your query. This type is not supported here: its "
            "values read as None (in tables too), and fetch_values() gives an empty frame. neptune_query and "
            "neptune_frames can read them."
        )


_warned: set[str] = set()
_lock = threading.Lock()

"""Which public function is being answered: sources tell servers, so that their operators can group requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


def _new_id() -> str:
    import secrets  # a tenth of the time that importing a drop-in package takes

    return secrets.token_urlsafe(6)


@dataclass(frozen=True)
class PublicCall:
    """One call of a public function; ``query_id`` groups the requests it causes."""

    function: str
    query_id: str = field(default_factory=_new_id)


_current: ContextVar[PublicCall | None] = ContextVar("neptune_frames_public_call", default=None)


@contextmanager
def public_call(function: str) -> Iterator[PublicCall]:
    """Name the public function whose requests follow. An inner call keeps the outer one's name and id.

    >>> with public_call("runs.fetch_metrics") as call:
    ...     current_call() is call
    True
    """
    outer = _current.get()
    if outer is not None:
        yield outer
        return
    call = PublicCall(function)
    token = _current.set(call)
    try:
        yield call
    finally:
        _current.reset(token)


def current_call() -> PublicCall | None:
    """The public call of this context, if a face named one."""
    return _current.get()

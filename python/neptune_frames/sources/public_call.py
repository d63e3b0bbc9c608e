"""Which public function is being answered: sources tell servers, so that their operators can group requests."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import ContextDecorator
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import Any, TypeVar

from neptune_frames.errors import NeptuneProjectNotProvided

Function = TypeVar("Function", bound=Callable[..., Any])


def _new_id() -> str:
    import secrets  # a tenth of the time that importing a drop-in package takes

    return secrets.token_urlsafe(6)


@dataclass(frozen=True)
class PublicCall:
    """One call of a public function; ``query_id`` groups the requests it causes."""

    function: str
    query_id: str = field(default_factory=_new_id)


_current: ContextVar[PublicCall | None] = ContextVar("neptune_frames_public_call", default=None)


class PublicCallBorder(ContextDecorator):
    """See `public_call`."""

    def __init__(self, function: str) -> None:
        self._function = function
        self._token: Token[PublicCall | None] | None = None

    def __enter__(self) -> PublicCall:
        outer = _current.get()
        if outer is not None:
            return outer
        call = PublicCall(self._function)
        self._token = _current.set(call)
        return call

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _current.reset(self._token)

    def __call__(self, function: Function) -> Function:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with public_call(self._function):
                try:
                    return function(*args, **kwargs)
                except NeptuneProjectNotProvided:
                    from neptune_frames.sources.choose import project_not_provided

                    raise project_not_provided(kwargs.get("source")) from None

        return call  # type: ignore[return-value]


def public_call(function: str) -> PublicCallBorder:
    """Name the public function whose requests follow. An inner call keeps the outer one's name and id.

    As a decorator, it also says which projects there are where none was given.

    >>> with public_call("runs.fetch_metrics") as call:
    ...     current_call() is call
    True
    """
    return PublicCallBorder(function)


def current_call() -> PublicCall | None:
    """The public call of this context, if a face named one."""
    return _current.get()

"""When a request is tried again, how long to wait before, and when to give up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

import httpx
import tenacity

from neptune_frames import config
from neptune_frames.counted import counted
from neptune_frames.errors import NeptuneRetryError, NeptuneUserError, network_failure_told, without_secrets
from neptune_frames.sources.remote.responses import RetryableAnswer
from neptune_frames.sources.remote.tls import lasting_tls_failure, tls_failure_told
from neptune_frames.warnings import Http5xxWarning, Http429Warning, Http503Warning, HttpOtherWarning, warn

T = TypeVar("T")

LONGEST_BACKOFF = 30.0
FIRST_BACKOFF = 0.5

#: Errors of ours rather than of the network: the same request would fail the same way.
_OUR_MISTAKES = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)


def is_transient(error: BaseException) -> bool:
    """Whether another try may succeed."""
    if isinstance(error, RetryableAnswer):
        return True
    if not isinstance(error, httpx.TransportError) or isinstance(error, _OUR_MISTAKES):
        return False
    return not (isinstance(error, httpx.ConnectError) and lasting_tls_failure(error))


@dataclass(frozen=True)
class RetryPolicy:
    """Waits and limits in seconds; None reads the limit from the environment at each request.

    ``sleep`` and ``clock`` stand for time: tests give ones that do not wait.
    """

    soft_timeout: float | None = None
    hard_timeout: float | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    random: Callable[[], float] = field(default=random.random)

    def run(
        self,
        attempt: Callable[[], T],
        *,
        url: str,
        sleep: Callable[[float], None] | None = None,
        tries: int | None = None,
    ) -> T:
        """Call ``attempt`` until it succeeds, fails for good, or time (or ``tries``, if given) is up.

        ``url`` names the request in messages; it must not hold a secret.

        Raises:
            NeptuneRetryError: The limits were reached; its cause is the last failure.
            NeptuneUserError: TLS cannot be spoken with the server, or its certificate is not accepted.
        """
        course = _Course(self, url, tries)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_transient),
            wait=course.wait,
            stop=lambda state: course.is_over() or state.attempt_number == tries,
            sleep=sleep or self.sleep,
            before_sleep=course.warn,
            retry_error_callback=course.give_up,
        )
        try:
            return retrying(attempt)
        except httpx.ConnectError as error:
            failure = lasting_tls_failure(error)
            if failure is None:
                raise
            raise NeptuneUserError(tls_failure_told(failure, url)) from error


class _Course:
    """The tries of one request. A wait the server asks for extends the soft limit and resets the backoff."""

    def __init__(self, policy: RetryPolicy, url: str, tries: int | None) -> None:
        self._policy = policy
        self._url = url
        self._tries = tries
        self._started = policy.clock()
        soft = config.RETRY_SOFT_TIMEOUT.get() if policy.soft_timeout is None else policy.soft_timeout
        hard = config.RETRY_HARD_TIMEOUT.get() if policy.hard_timeout is None else policy.hard_timeout
        self._soft_limit, self._hard_limit = soft, hard
        self._tries_since_reset = 0

    def is_over(self) -> bool:
        # tenacity asks `wait` first: by now the limit is extended by what this answer asked for.
        return self._time_left() <= 0

    def wait(self, state: tenacity.RetryCallState) -> float:
        error = _failure(state)
        asked = error.retry_after if isinstance(error, RetryableAnswer) else None
        # A server that asks for no wait, or for one until a time gone by, is not asked again without any.
        if asked:
            self._tries_since_reset = 0
            self._soft_limit += asked
            seconds = asked
        else:
            self._tries_since_reset += 1
            # The exponent is capped where the longest backoff is certain to be reached.
            factor = FIRST_BACKOFF * 2 ** min(self._tries_since_reset - 1, 60)
            seconds = min(LONGEST_BACKOFF, self._policy.random() * factor)
        # The last wait ends at the limit and is followed by one more try.
        return min(seconds, max(0.0, self._time_left()))

    def warn(self, state: tenacity.RetryCallState) -> None:
        error = _failure(state)
        reason = network_failure_told(error) if isinstance(error, httpx.TransportError) else str(error)
        told = f"A request to {self._url} failed ({reason}) and will be tried again, {self._limits_told()}."
        warn(without_secrets(told), _category(error))

    def give_up(self, state: tenacity.RetryCallState) -> NoReturn:
        error = _failure(state)
        answered = error if isinstance(error, RetryableAnswer) else None
        raise NeptuneRetryError(
            retries=state.attempt_number,
            time=self._policy.clock() - self._started,
            last_status_code=answered.status_code if answered else None,
            last_content=answered.content if answered else None,
            url=self._url,
            last_error=error,
        ) from error

    def _limits_told(self) -> str:
        """How long there will be tries, and what changes that."""
        if self._tries is not None:
            return f"{self._tries} times at most"
        hard_comes_first = self._hard_limit < self._soft_limit
        limit = self._hard_limit if hard_comes_first else self._soft_limit
        setting = config.RETRY_HARD_TIMEOUT if hard_comes_first else config.RETRY_SOFT_TIMEOUT
        lasting = "without a limit" if limit == config.UNLIMITED else f"for up to {_duration(limit)}"
        return f"{lasting} ({setting.name}, in seconds, changes that)"

    def _time_left(self) -> float:
        elapsed = self._policy.clock() - self._started
        return min(self._soft_limit, self._hard_limit) - elapsed


def _duration(seconds: float) -> str:
    """Seconds in words.

    >>> _duration(1800), _duration(90), _duration(0.5)
    ('30 minutes', '90 seconds', '0.5 seconds')
    """
    minutes, rest = divmod(seconds, 60)
    if minutes and not rest:
        return counted(int(minutes), "minute")
    return f"{seconds:g} seconds"


def _failure(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _category(error: BaseException | None) -> type[Warning]:
    status = error.status_code if isinstance(error, RetryableAnswer) else None
    if status == 429:
        return Http429Warning
    if status == 503:
        return Http503Warning
    return Http5xxWarning if status is not None and 500 <= status < 600 else HttpOtherWarning

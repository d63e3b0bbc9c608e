"""What the status of an answer means: a success, an error for the caller, or worth another try."""

from __future__ import annotations

import datetime
import email.utils
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from neptune_frames.errors import NeptuneProjectInaccessible, NeptuneUnexpectedResponseError, WireDecodingError

_ACCESS_DENIED = "ACCESS_DENIED"

#: The longest wait that a server is granted, seconds: no sleep can be as long as some numbers.
_LONGEST_WAIT = 86_400.0


class RetryableAnswer(Exception):
    """An answer that may be different next time. ``retry_after`` is in seconds, None if the server did not say."""

    def __init__(self, status_code: int, content: bytes, retry_after: float | None) -> None:
        super().__init__(f"HTTP status {status_code}")
        self.status_code = status_code
        self.content = content
        self.retry_after = retry_after


def check(
    status_code: int,
    headers: Mapping[str, str],
    content: bytes,
    *,
    project: str | None = None,
    url: str | None = None,
) -> None:
    """Raise for everything but a 2xx status. ``content`` is needed for other statuses only, ``url`` for the message.

    Raises:
        RetryableAnswer: 408, 429, 5xx and other codes above them.
        NeptuneProjectInaccessible: The body's ``errorType`` is ACCESS_DENIED, whatever the 4xx status.
        NeptuneUnexpectedResponseError: Everything else: redirects (which are not followed) and the caller's mistakes.
    """
    if 200 <= status_code < 300:
        return
    if is_retryable(status_code):
        raise RetryableAnswer(status_code, content, retry_after(headers.get("Retry-After")))
    if _of_error(content, "errorType") == _ACCESS_DENIED:
        raise NeptuneProjectInaccessible(project)
    raise NeptuneUnexpectedResponseError(status_code, content, url=url)


@contextmanager
def answer_to(path: str, project: str | None = None) -> Iterator[None]:
    """Whatever of an answer cannot be decoded or does not fit: the error names the request."""
    try:
        yield
    except WireDecodingError as error:
        error.name_request(path if project is None else f"{path} (project {project!r})")
        raise


def is_retryable(status_code: int) -> bool:
    """Whether the same request may be answered well later."""
    return status_code >= 500 or status_code in (408, 429)


def may_refuse_accept(status_code: int, content: bytes) -> bool:
    """Whether an error may mean that the server cannot answer in any of the formats offered.

    Of a 400 that is not certain: it may repeat a query on ``metrics/acceptance_rate``.
    """
    return status_code in (406, 415) or (status_code == 400 and b"accept" in content.lower())


def may_refuse_content(status_code: int) -> bool:
    """Whether an error may mean that the server does not read the format of the request."""
    return status_code in (400, 415)


def retry_after(text: str | None, now: float | None = None) -> float | None:
    """Seconds a ``Retry-After`` header asks for: a number, or a date relative to ``now`` (epoch seconds).

    None for what is neither; what is longer than a day counts as one.

    >>> retry_after("1.5")
    1.5
    >>> retry_after("Thu, 01 Jan 1970 00:01:00 GMT", now=50.0)
    10.0
    >>> retry_after("soon") is None
    True
    """
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = _seconds_until(text, time.time() if now is None else now)
    return min(seconds, _LONGEST_WAIT) if 0 <= seconds < float("inf") else None


def _seconds_until(date: str, now: float) -> float:
    try:
        moment = email.utils.parsedate_to_datetime(date)
        # HTTP knows no other time zone (RFC 9110, section 5.6.7); one that is not told is not that of this machine.
        moment = moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)
        return max(0.0, moment.timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return float("nan")


def is_neptune_error(content: bytes) -> bool:
    """Whether a body is one in which Neptune servers say what is wrong."""
    return _of_error(content, "errorType") is not None


def error_message(content: bytes) -> str | None:
    """What a Neptune server says is wrong, in words."""
    message = _of_error(content, "message") if is_neptune_error(content) else None
    return message if isinstance(message, str) else None


def _of_error(content: bytes, field: str) -> object:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body.get(field) if isinstance(body, dict) else None

"""The three wire formats and how they are negotiated."""

from __future__ import annotations

from collections.abc import Sequence

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
ARROW_STREAM = "application/vnd.apache.arrow.stream"

#: What our client offers, best first.
ACCEPT_ANY_FORMAT = f"{ARROW_STREAM}, {PROTOBUF};q=0.9, {JSON};q=0.5"

#: What the official clients send; a server that refuses ours is asked again with this.
ACCEPT_LEGACY = "*/*"

#: A request header of ours: the columns of float points that are needed. A server may leave the others out of
#: an Arrow answer; the other formats have no way to.
POINT_COLUMNS_HEADER = "X-Neptune-Point-Columns"

#: A request header of ours: the parts of an answer that will not be used. A server may leave them out of an Arrow
#: answer: of a search names and ids of the entries, which are null then, and what float series have beside the last
#: value; of buckets what describes all of their points.
UNNEEDED_HEADER = "X-Neptune-Unneeded"
IDENTITY, STATISTICS = "identity", "statistics"

#: A response header of ours: the formats in which requests for float series may come, besides JSON.
REQUEST_FORMATS_HEADER = "X-Neptune-Request-Formats"


def essence(media_type: str) -> str:
    """A media type without its parameters, in lower case.

    >>> essence("Application/JSON; charset=utf-8")
    'application/json'
    """
    return media_type.partition(";")[0].strip().lower()


def negotiate(accept: str | None, offered: Sequence[str]) -> str | None:
    """The media type to answer with, by RFC 9110 section 12.5.1; None when nothing is acceptable (406).

    Args:
        accept: The ``Accept`` header, None or empty where there is none.
        offered: What the endpoint can answer, its default first. Among equal qualities the earlier one wins.

    Example:
        >>> negotiate("*/*", [PROTOBUF, JSON])
        'application/x-protobuf'
        >>> negotiate("application/json, */*;q=0.1", [PROTOBUF, JSON])
        'application/json'
    """
    if accept is None or not accept.strip():
        return offered[0]
    ranges = [_media_range(text) for text in accept.split(",") if text.strip()]
    best, best_quality = None, 0.0
    for media_type in offered:
        quality = _quality(media_type, ranges)
        if quality > best_quality:
            best, best_quality = media_type, quality
    return best


def _media_range(text: str) -> tuple[str, float]:
    name, *parameters = text.split(";")
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            return essence(name), _quality_value(value)
    return essence(name), 1.0


def _quality_value(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return min(value, 1.0) if value > 0 else 0.0


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The quality the most specific matching range gives."""
    main = media_type.partition("/")[0]
    for candidate in (media_type, f"{main}/*", "*/*"):
        qualities = [quality for name, quality in ranges if name == candidate]
        if qualities:
            return max(qualities)
    return 0.0

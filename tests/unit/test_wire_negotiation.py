"""Which format is answered, and which codec reads it."""

from __future__ import annotations

import pytest

from neptune_frames import wire
from neptune_frames.errors import WireDecodingError
from neptune_frames.wire.media_types import ACCEPT_ANY_FORMAT, ACCEPT_LEGACY, ARROW_STREAM, JSON, PROTOBUF, negotiate

OFFERED = [PROTOBUF, JSON, ARROW_STREAM]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, PROTOBUF),
        ("", PROTOBUF),
        (ACCEPT_LEGACY, PROTOBUF),
        (ACCEPT_ANY_FORMAT, ARROW_STREAM),
        (JSON, JSON),
        ("Application/JSON ; charset=utf-8", JSON),
        ("application/json;q=0.4, application/x-protobuf;q=0.3", JSON),
        ("application/*", PROTOBUF),
        ("application/x-protobuf;q=0, */*", JSON),
        ("application/json, */*;q=0.1", JSON),
        ("*/*, application/x-protobuf;q=0.2", JSON),
        ("text/html", None),
        ("*/*;q=0", None),
        ("application/json;q=nonsense", None),
        ("application/json;q=nan", None),
        ("image/*, application/json;q=0.001", JSON),
        (",,application/json,", JSON),
    ],
)
def test_negotiate(accept: str | None, expected: str | None) -> None:
    assert negotiate(accept, OFFERED) == expected


def test_negotiate_prefers_what_is_offered_first_among_equals() -> None:
    assert negotiate("application/json, application/x-protobuf", [JSON, PROTOBUF]) == JSON
    assert negotiate("application/json, application/x-protobuf", [PROTOBUF, JSON]) == PROTOBUF


@pytest.mark.parametrize("media_type", ["text/html", "", "application/octet-stream; charset=utf-8"])
def test_unknown_media_types_are_refused(media_type: str) -> None:
    with pytest.raises(WireDecodingError, match="media type"):
        wire.decode_search(b"", media_type)


@pytest.mark.parametrize("media_type", OFFERED)
def test_every_codec_offers_every_message(media_type: str) -> None:
    codec = wire.codec(media_type + "; charset=utf-8")
    operations = [name for name in wire.__all__ if name.startswith(("decode_", "encode_"))]
    assert len(operations) == 14
    assert all(callable(getattr(codec, name)) for name in operations)

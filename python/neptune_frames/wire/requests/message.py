"""Encoding and decoding of messages that are written as msgspec structs."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from neptune_frames.errors import WireDecodingError

#: The longest body a decoder reads unless told otherwise, bytes.
MAX_BYTES = 64 * 1024 * 1024

T = TypeVar("T")


class Message(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A JSON object with camelCase keys. None means absent; unknown keys are ignored."""


class SnakeMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A JSON object with the keys of its fields. None means absent; unknown keys are ignored."""


def encode_message(message: msgspec.Struct) -> bytes:
    """The message as JSON, fields in the order they are declared, absent ones left out.

    >>> from neptune_frames.wire.requests import Pagination
    >>> encode_message(Pagination(limit=10, offset=0))
    b'{"limit":10,"offset":0}'
    """
    return msgspec.json.encode(message)


def decode_message(body: bytes, message: type[T], *, max_bytes: int = MAX_BYTES) -> T:
    """The message in a JSON body; null counts as absent, and so does everything in an empty body.

    Raises:
        WireDecodingError: The body is longer than ``max_bytes``, is not JSON, is nested too deeply, or has a value of
            another type than the message wants; the text names the JSON path.
    """
    check_size(body, max_bytes)
    try:
        return msgspec.json.decode(body or b"{}", type=message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireDecodingError(str(error)) from None
    except RecursionError:
        raise WireDecodingError("it is nested too deeply") from None


def check_size(body: bytes, max_bytes: int) -> None:
    if len(body) > max_bytes:
        raise WireDecodingError(f"it has {len(body)} bytes; at most {max_bytes} are read")

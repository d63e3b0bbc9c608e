"""Long JSON texts that would take far more time or memory than their length are refused, and no others."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from neptune_frames.errors import WireDecodingError
from neptune_frames.wire import json as codec
from neptune_frames.wire.json import shape
from neptune_frames.wire.json.shape import check_shape
from neptune_frames.wire.requests import decode_object_series_request

LONG = 300_000


def repeated(item: bytes, size: int = LONG) -> bytes:
    return b",".join([item] * (size // len(item)))


@pytest.mark.parametrize(
    "body",
    [
        b"{" + repeated(b'"":1') + b"}",
        b'{"entries":[{' + repeated(b'"name":"a"') + b"}]}",
        b'{"more":[{' + repeated(b'"k":{"a":"}"}') + b"}]}",
        b'{"more":[{' + repeated(rb'"\\":"\n"') + b"}]}",
    ],
    ids=["alone", "known", "with objects", "with escapes"],
)
def test_keys_that_come_again_and_again_are_refused(body: bytes) -> None:
    """Reading them takes a time that grows with the square of their number."""
    with pytest.raises(WireDecodingError, match="more than 1000 keys"):
        codec.decode_definitions(body)


def test_empty_objects_are_refused() -> None:
    for decode in (codec.decode_search, codec.decode_buckets, codec.decode_object_series, codec.decode_definitions):
        with pytest.raises(WireDecodingError, match="nearly all of them empty"):
            decode(b'{"entries":[' + repeated(b"{}") + b"]}")
    with pytest.raises(WireDecodingError, match="nearly all of them empty"):
        decode_object_series_request(b'{"requests":[' + repeated(b'{"requestId":""}') + b"]}")


def test_objects_within_objects_are_refused() -> None:
    chain = b'{"k":' * 80 + b'"some text or other"' + b"}" * 80
    with pytest.raises(WireDecodingError, match="nested"):
        check_shape(b'{"more":[' + repeated(chain) + b"]}", fewest_bytes=1)


@pytest.mark.parametrize("text", ["{" * 50, "}" * 50, ":" * 2000, '"' * 50, "\\" * 50, '\\"{', "\n", "é漢🙂", ""])
def test_what_texts_hold_does_not_matter(text: str) -> None:
    items = [{"name": text, "type": "some other text", text: [text, {"a": text}]}] * (LONG // (40 + len(text)))
    check_shape(json.dumps({"entries": items}).encode())
    check_shape(json.dumps({"entries": items}, ensure_ascii=False, indent=1).encode())


def test_keys_are_counted_as_a_plain_reader_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shape, "_LONG_TEXT", 0)
    source = random.Random(7)
    widest = 0

    def value(depth: int) -> Any:
        nonlocal widest
        kind = source.randrange(4 if depth < 5 else 2)
        if kind == 2:
            return [value(depth + 1) for _ in range(source.randrange(4))]
        if kind == 3:
            keys = ["".join(source.choices('{}[]:,"\\n é', k=3)) + str(number) for number in range(source.randrange(9))]
            widest = max(widest, len(keys))
            return {key: value(depth + 1) for key in keys}
        return "".join(source.choices('{}[]:,"\\n é', k=source.randrange(6)))

    for most in (3, 5, 8):
        monkeypatch.setattr(shape, "_MOST_KEYS", most)
        for _ in range(200):
            widest = 1
            body = json.dumps({"k": value(0)}, ensure_ascii=source.random() < 0.5).encode()
            if widest > most:
                with pytest.raises(WireDecodingError, match="keys"):
                    check_shape(body, fewest_bytes=0)
            else:
                check_shape(body, fewest_bytes=0)

"""A JSON list of many objects that have the same keys in the same order, and texts for values, read by their quotes.

What is no value is the same in every such object, so that the places of the quotes are those of the values, and a few
comparisons by NumPy tell whether the objects are alike. All other JSON is left to `neptune_frames.wire.json.decoding`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from neptune_frames.errors import WireDecodingError
from neptune_frames.wire.buffer import Buffer, Positions, text
from neptune_frames.wire.json.decoding import decode_object

#: Fewer objects are not worth the search, which is for the first one in so many bytes.
_FEWEST_OBJECTS = 64
_BYTES_OF_SAMPLE = 4096
_FIRST_PRINTABLE = 0x20
_QUOTE, _BACKSLASH = b'"\\'

#: Stands for objects that were cut out: a text that none can be in a body without escapes.
_PLACEHOLDER = "\0"
_ESCAPED_PLACEHOLDER = b'"\\u0000"'


def decode_text_list(
    body: bytes | bytearray | memoryview, message: pa.StructType, key: str
) -> tuple[pa.StructArray, pa.StructArray]:
    """The JSON object in ``body``, as `decode_object` reads it, and the items of its list ``key``, which hold texts.

    The object may come with another list under the key.

    Raises:
        WireDecodingError: The body is not such an object.

    Example:
        >>> item = pa.struct([pa.field("k", pa.string(), nullable=False)])
        >>> message = pa.struct([pa.field("list", pa.large_list(pa.field("item", item, nullable=False)))])
        >>> _, items = decode_text_list(b'{"list": [' + b'{"k":"x"},' * 99 + b'{"k":"y"}]}', message, "list")
        >>> len(items), items[-1].as_py()
        (100, {'k': 'y'})
    """
    item = message.field(key).type.value_type
    names = [field.name for field in item]
    with suppress(WireDecodingError):  # whose words, and positions, are those of `decode_object`
        cut = _cut(Buffer(body))
        if cut is not None and cut.columns.keys() >= set(names):
            answer = decode_object(cut.rest, message)
            # The objects are of this list if what stands for them is all that is in it.
            if answer.field(key).flatten().to_pylist() == [dict.fromkeys(names, _PLACEHOLDER)]:
                return answer, pa.StructArray.from_arrays([cut.columns[name] for name in names], fields=list(item))
    answer = decode_object(body, message)
    return answer, answer.field(key).flatten()


class _Cut(NamedTuple):
    """A column for each key of neighbouring objects, and the body with a placeholder in the place of them all."""

    columns: dict[str, pa.StringArray]
    rest: bytes


def _cut(buffer: Buffer) -> _Cut | None:
    """The first objects of the first list of objects, as many as are alike; None if they are few."""
    content = buffer.bytes
    if not buffer.size or content.min() < _FIRST_PRINTABLE or (content == _BACKSLASH).any():
        return None
    sample = _read_sample(content[:_BYTES_OF_SAMPLE].tobytes())
    if sample is None:
        return None
    found = np.flatnonzero(content == _QUOTE)
    found = found[np.searchsorted(found, sample.start) :]
    count = len(found) // sample.quotes
    if count < _FEWEST_OBJECTS:
        return None
    # A row for each quote of an object, a column for each object.
    quotes = found[: count * sample.quotes].reshape(count, -1).T
    alike = _count_alike(buffer, sample, quotes)
    if alike < _FEWEST_OBJECTS:
        return None
    quotes = quotes[:, :alike]
    columns = {
        key: text(buffer.binary(opening + 1, closing), opening + 1)
        for key, opening, closing in zip(sample.keys, quotes[2::4], quotes[3::4], strict=True)
    }
    end = int(quotes[-1, -1]) + len(sample.end)
    return _Cut(columns, content[: sample.start].tobytes() + sample.placeholder() + content[end:].tobytes())


class _Sample(NamedTuple):
    """The first object of a list, from ``start`` on: its keys, and the text around its values.

    ``heads`` end with the opening quote of a value. The first one begins with the object, each of the others with the
    closing quote of the value before, and so does ``end``. ``separator`` is between this object and the next.
    """

    start: int
    keys: list[str]
    heads: list[bytes]
    end: bytes
    separator: bytes

    @property
    def quotes(self) -> int:
        """How many there are in an object: two for each key and each value."""
        return 4 * len(self.keys)

    def placeholder(self) -> bytes:
        """The object with placeholders for its values."""
        first, *others = self.heads
        return _ESCAPED_PLACEHOLDER.join([first[:-1], *(head[1:-1] for head in others), self.end[1:]])


def _read_sample(content: bytes) -> _Sample | None:
    start = content.find(b"[{") + 1
    stop = content.find(b"}", start) + 1
    following = content.find(b"{", stop)
    if 0 in (start, stop) or following < 0:
        return None
    quotes = [place for place in range(start, stop) if content[place] == _QUOTE]
    separator = content[stop:following]
    if not quotes or len(quotes) % 4 or separator.strip() != b",":
        return None
    keys = [content[opening + 1 : closing] for opening, closing in zip(quotes[::4], quotes[1::4], strict=True)]
    edges = [start, *quotes[3::4]]
    heads = [content[edge : opening + 1] for edge, opening in zip(edges, quotes[2::4], strict=False)]
    try:
        names = [key.decode() for key in keys]
    except UnicodeDecodeError:
        return None
    return _Sample(start, names, heads, content[edges[-1] : stop], separator) if len(set(names)) == len(names) else None


def _count_alike(buffer: Buffer, sample: _Sample, quotes: Positions) -> int:
    """How many objects, from the first on, have the text of the sample around their values and between them."""
    alike = np.ones(quotes.shape[1], np.bool_)
    for head, closing, opening in zip(sample.heads[1:], quotes[3::4], quotes[6::4], strict=False):
        alike &= _is_text(buffer, closing, opening, head)
    last = quotes[-1]
    alike[1:] &= _is_text(buffer, last[:-1], quotes[2, 1:], sample.end + sample.separator + sample.heads[0])
    count = int(np.argmin(alike)) if not alike.all() else len(alike)
    # What follows an object is known from the next one; the last one may end in another way.
    end = int(last[count - 1])
    return count if buffer.bytes[end : end + len(sample.end)].tobytes() == sample.end else count - 1


def _is_text(buffer: Buffer, first: Positions, last: Positions, expected: bytes) -> npt.NDArray[np.bool_]:
    """Where the bytes between two places, these included, are a certain text."""
    is_text: npt.NDArray[np.bool_] = last - first == len(expected) - 1
    # Only where it fits: what is read together is not longer than the body then.
    rows = buffer.rows(first[is_text], len(expected))
    is_text[is_text] = (rows == np.frombuffer(expected, np.uint8)).all(axis=1)
    return is_text

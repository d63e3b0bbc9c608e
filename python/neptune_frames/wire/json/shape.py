"""What a JSON text must look like before it is read: no text may take far more time or memory than its length.

Polars takes a time that grows with the square of the number of keys where one key is there again and again, and keeps
all columns for each object, also for an empty one. So objects have a limited number of keys, and a number of bytes on
average. Shorter texts are not looked at: they can do little harm.
"""

from __future__ import annotations

import re

from neptune_frames.errors import WireDecodingError

_LONG_TEXT = 256 * 1024

#: Keys of one object. Messages have 30 at most.
_MOST_KEYS = 1000

#: Objects within objects, of which two levels may count as one. Messages have 6 at most.
_MOST_LEVELS = 32

#: Bytes of an object on average, at least. A point of nothing but its step has 10, but does not come alone.
FEWEST_BYTES = 12

#: All bytes but those that tell where objects begin and end and how many keys they have.
_FILLING = bytes(set(range(256)) - set(b'"{}:'))

#: Texts with something in them that could be taken for a part of an object.
_TEXT = re.compile(rb'"[^"]*"')

#: Objects without objects in them.
_INNERMOST = re.compile(rb"\{:*\}")


def check_shape(content: bytes | bytearray | memoryview, fewest_bytes: int = FEWEST_BYTES) -> None:
    """Check the objects of a valid JSON text; each has ``fewest_bytes`` at least on average.

    Raises:
        WireDecodingError: There are too many objects for its length, too many keys in one of them, or too many levels.

    Example:
        >>> check_shape(b'{"entries": [' + b'{"name": "loss", "type": "float"},' * 10_000 + b'{"type": "int"}]}')
    """
    if len(content) < _LONG_TEXT:
        return
    objects = _objects(bytes(content))
    count = objects.count(b"{")
    if count * fewest_bytes > len(content):
        raise WireDecodingError(f"its {len(content)} bytes hold {count} objects, nearly all of them empty")
    for _ in range(_MOST_LEVELS):
        _check_keys(objects)
        innermost = _INNERMOST.search(objects)
        if innermost is None:
            return
        # Most of them have as many keys as the first one, and are replaced faster than they are matched.
        objects = objects.replace(innermost[0], b"")
        _check_keys(objects)
        objects = _INNERMOST.sub(b"", objects)
    raise WireDecodingError("it is nested too deeply")


def _check_keys(objects: bytes) -> None:
    if b":" * (_MOST_KEYS + 1) in objects:
        raise WireDecodingError(f"an object has more than {_MOST_KEYS} keys")


def _objects(content: bytes) -> bytes:
    """The braces of all objects, with a colon for each of their keys."""
    if b"\\" in content:
        content = content.replace(rb"\\", b"").replace(rb"\"", b"")
    marks = content.translate(None, _FILLING)
    # Quotes that follow one another do not change what is in a text and what is not.
    marks = marks.replace(b'""', b"")
    return _TEXT.sub(b"", marks)

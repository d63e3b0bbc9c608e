"""Reading the header of one field at each of many positions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neptune_frames.errors import WireDecodingError
from neptune_frames.wire.buffer import LONGEST_VARINT, Buffer, Positions, Words
from neptune_frames.wire.protobuf.fields import WireType

#: Larger than any body, small enough for sums of positions.
_TOO_LONG = 2**60

_TAG_LIMIT = np.uint64(2**32)

#: Payload size by wire type; types that do not exist (or are not read: groups) never fit.
_FIXED_SIZES = np.array([0, 8, 0, _TOO_LONG, _TOO_LONG, 4, _TOO_LONG, _TOO_LONG], np.int64)


class Headers(NamedTuple):
    """What stands at each position: the tag, and where the payload starts and stops."""

    tags: Words
    starts: Positions
    stops: Positions
    valid: npt.NDArray[np.bool_]


def read_headers(buffer: Buffer, positions: Positions, ends: Positions | int) -> Headers:
    """Headers of the fields at the positions; each must fit in front of its end to be valid."""
    words = buffer.words(positions)
    if (words & np.uint64(0x80)).any():
        tags, tag_sizes = buffer.varints(positions, words)
        valid = (tags >= 8) & (tags < _TAG_LIMIT) & (tag_sizes > 0)
        starts = positions + tag_sizes
        words = buffer.words(starts)
        complete = True
    else:
        tags = words & np.uint64(0x7F)
        valid = tags >= 8
        starts = positions + 1
        words = words >> np.uint64(8)
        complete = False
    wire_types = (tags & np.uint64(7)).view(np.int64)

    counted = (wire_types & 5) == 0  # a varint follows: as the value, or as the length
    if not counted.all():
        words = np.where(counted, words, np.uint64(0))
    values, sizes = buffer.varints(starts, words)
    if not complete and (sizes >= 8).any():
        # The seven bytes left of the first word do not hold the whole varint.
        values, sizes = buffer.varints(starts, np.where(counted, buffer.words(starts), np.uint64(0)))
    valid &= sizes > 0

    delimited = wire_types == WireType.LENGTH
    if delimited.all():
        starts = starts + sizes
        stops = starts + np.minimum(values, np.uint64(_TOO_LONG)).view(np.int64)
    else:
        starts = starts + np.where(delimited, sizes, 0)
        lengths = np.where(
            delimited,
            np.minimum(values, np.uint64(_TOO_LONG)).view(np.int64),
            np.where(counted, sizes, _FIXED_SIZES[wire_types]),
        )
        stops = starts + lengths
    valid &= stops <= ends
    return Headers(tags, starts, stops, valid)


def read_field(content: bytes | memoryview, position: int) -> tuple[int, int, int] | None:
    """Tag of the field at one position, and where its payload starts and stops; None if it is not valid."""
    tag, start = _read_varint(content, position)
    wire_type = tag & 7
    if start == 0 or not 8 <= tag < _TAG_LIMIT:
        return None
    stop = start + int(_FIXED_SIZES[wire_type])
    if wire_type in (WireType.VARINT, WireType.LENGTH):
        value, stop = _read_varint(content, start)
        if stop == 0:
            return None
        if wire_type == WireType.LENGTH:
            start, stop = stop, stop + value
    return (tag, start, stop) if stop <= len(content) else None


def read_delimited(content: bytes | memoryview, position: int, end: int) -> tuple[int, int, int] | None:
    """Tag, start and stop of a length-delimited field with a tag of one byte; None if there is none."""
    tag = content[position]
    start, length, shift = position + 1, 0, 0
    while start < end and content[start] >= 0x80 and shift < 28:
        length |= (content[start] & 0x7F) << shift
        start, shift = start + 1, shift + 7
    if tag & 0x87 != WireType.LENGTH or start >= end or content[start] >= 0x80:
        return None
    stop = start + 1 + (length | content[start] << shift)
    return (tag, start + 1, stop) if stop <= end else None


def _read_varint(content: bytes | memoryview, position: int) -> tuple[int, int]:
    """The varint at the position and where it stops; 0 marks one that is overlong or cut off."""
    value = 0
    for place, byte in enumerate(content[position : position + LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, position + place + 1
    return 0, 0


def explain(buffer: Buffer, position: int, end: int) -> WireDecodingError:
    """Why the field at the position, which `read_headers` found invalid, cannot be read."""
    where = np.array([position])
    (tag,), (size,) = (column.tolist() for column in buffer.varints(where))
    wire_type = tag & 7
    if size == 0 or tag >= _TAG_LIMIT:
        reason = "a tag is longer than a tag can be"
    elif position + size > end:
        reason = "the message ends within a tag"
    elif tag < 8:
        reason = "field number 0 does not exist"
    elif wire_type in (WireType.START_GROUP, WireType.END_GROUP):
        reason = f"field {tag >> 3} is a group, which proto3 messages do not have"
    elif wire_type not in WireType.__members__.values():
        reason = f"field {tag >> 3} has wire type {wire_type}, which does not exist"
    elif wire_type in (WireType.VARINT, WireType.LENGTH) and buffer.varints(where + size)[1][0] == 0:
        reason = f"field {tag >> 3} holds a varint of more than 10 bytes"
    else:
        reason = f"field {tag >> 3} reaches beyond the end of its message (byte {end})"
    return WireDecodingError(reason, position=position)

"""Reading the texts that many messages begin with: their name, their type.

Texts that have one length in all messages are found together. From the first one that has not, all messages
advance together, as in `scan`, for as long as they go on with the same short text.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from neptune_frames.wire.buffer import Buffer, Positions
from neptune_frames.wire.protobuf.fields import Message
from neptune_frames.wire.protobuf.found import Chunk, Found

_FEWEST_MESSAGES = 8
#: Bytes at the beginning of each message that are looked at together.
_LONGEST_HEAD = 256

_TAG_AND_LENGTH = np.uint64(0xFFFF)
#: The tag, and the bit that says that the length goes on in another byte.
_TAG_AND_CONTINUATION = np.uint64(0x80FF)


def take_leading(
    buffer: Buffer, owners: Positions, starts: Positions, stops: Positions, found: Found, message: Message
) -> Positions:
    """Find the texts that all messages begin with; return where each message goes on after them."""
    texts = message.text_tags
    if not texts or len(starts) < _FEWEST_MESSAGES:
        return starts
    positions = starts
    for tag, first, following in _in_one_place(buffer, starts, stops, texts):
        found.add_chunk(tag, Chunk(owners, starts, first, following))
        positions = starts + following
    while True:
        words = buffer.words(positions)
        tag = int(words[0]) & 0xFF
        if tag not in texts or bool(((words & _TAG_AND_CONTINUATION) != tag).any()):
            return positions
        firsts = positions + 2
        followings = firsts + ((words >> np.uint64(8)) & np.uint64(0x7F)).view(np.int64)
        if not bool((followings <= stops).all()):
            return positions
        found.add_chunk(tag, Chunk(owners, firsts, 0, followings))
        positions = followings


def _in_one_place(
    buffer: Buffer, starts: Positions, stops: Positions, texts: Collection[int]
) -> list[tuple[int, int, int]]:
    """Tag, start and stop of each text that is in the same place of all messages, counted from their start."""
    words = buffer.words(starts)
    if bool(((words ^ words[0]) & _TAG_AND_LENGTH).any()):
        return []
    shortest = min(int((stops - starts).min()), _LONGEST_HEAD)
    head = bytes(buffer.bytes[starts[0] : starts[0] + shortest])
    places = []
    end = 0
    while end + 2 <= shortest and head[end] in texts and head[end + 1] < 0x80 and end + 2 + head[end + 1] <= shortest:
        places.append((head[end], end + 2, end + 2 + head[end + 1]))
        end = places[-1][2]
    if not places:
        return []
    rows = buffer.rows(starts, end)
    for number, (tag, first, _) in enumerate(places):
        if not bool(((rows[:, first - 2] == tag) & (rows[:, first - 1] == head[first - 1])).all()):
            return places[:number]
    return places

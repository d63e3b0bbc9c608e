"""Reading the texts that many messages begin with: their name, their type.

All messages advance together, as in `scan`, for as long as they go on with the same short text.
"""

from __future__ import annotations

import numpy as np

from neptune_frames.wire.protobuf.buffer import Buffer, Positions
from neptune_frames.wire.protobuf.fields import Message
from neptune_frames.wire.protobuf.found import Chunk, Found

_FEWEST_MESSAGES = 8

_TAG_AND_LENGTH = np.uint64(0xFFFF)
#: The tag, and the bit that says that the length goes on in another byte.
_TAG_AND_CONTINUATION = np.uint64(0x80FF)


def take_leading(
    buffer: Buffer, owners: Positions, starts: Positions, stops: Positions, found: Found, message: Message
) -> Positions:
    """Find the texts that all messages begin with; return where each message goes on after them."""
    if len(starts) < _FEWEST_MESSAGES:
        return starts
    texts = message.text_tags
    positions = starts
    same_so_far: int | None = 0
    shortest = int((stops - starts).min())
    while True:
        words = buffer.words(positions)
        tag, length = int(words[0]) & 0xFF, int(words[0]) >> 8 & 0xFF
        if tag not in texts or bool(((words & _TAG_AND_CONTINUATION) != tag).any()):
            return positions
        # As long as all texts have one length, they are at one distance from the starts.
        if same_so_far is not None and not bool(((words ^ words[0]) & _TAG_AND_LENGTH).any()):
            first, following = same_so_far + 2, same_so_far + 2 + length
            if following > shortest:
                return positions
            found.add_chunk(tag, Chunk(owners, starts, first, following))
            positions, same_so_far = starts + following, following
            continue
        firsts = positions + 2
        followings = firsts + ((words >> np.uint64(8)) & np.uint64(0x7F)).view(np.int64)
        if not bool((followings <= stops).all()):
            return positions
        found.add_chunk(tag, Chunk(owners, firsts, 0, followings))
        positions, same_so_far = followings, None

"""Reading the texts that many messages begin with: their name, their type.

All messages advance together, as in `scan`, for as long as they go on with the same short text.
"""

from __future__ import annotations

import numpy as np

from neptune_frames.wire.protobuf.buffer import Buffer, Positions
from neptune_frames.wire.protobuf.fields import Message
from neptune_frames.wire.protobuf.scan import Chunk, Found

_FEWEST_MESSAGES = 8

#: The tag, and the bit that says that the length goes on in another byte.
_TAG_AND_CONTINUATION = np.uint64(0x80FF)


def take_leading(
    buffer: Buffer, owners: Positions, starts: Positions, stops: Positions, found: Found, message: Message
) -> Positions:
    """Find the texts that all messages begin with; return where each message goes on after them."""
    if len(starts) < _FEWEST_MESSAGES:
        return starts
    positions = starts
    texts = message.text_tags
    while True:
        words = buffer.words(positions)
        tag = int(words[0]) & 0xFF
        if tag not in texts or bool(((words & _TAG_AND_CONTINUATION) != tag).any()):
            return positions
        first = positions + 2
        following = first + ((words >> np.uint64(8)) & np.uint64(0x7F)).view(np.int64)
        if not bool((following <= stops).all()):
            return positions
        found.add_chunk(tag, Chunk(owners, first, 0, following))
        positions = following

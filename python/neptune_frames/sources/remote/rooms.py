"""Memory for bodies. It goes back to the system as soon as no body is in work any more.

What is freed by `malloc` need not: after large blocks it keeps tens of megabytes for each thread. So large bodies have
mappings of their own. As the system fills a new mapping with zeros, which takes as long as to read a body into it,
the room of one body is used again for the next ones.
"""

from __future__ import annotations

import mmap
import weakref
from collections import deque

import numpy as np

#: Smaller bodies are left to `malloc`.
_MAPPED_FROM = 1024 * 1024

#: The pages that Linux maps as one where a mapping asks for it and has whole ones.
_HUGE_PAGE = 2 * 1024 * 1024


class Rooms:
    """Rooms that are used again, as long as they are wanted. Thread-safe.

    Whoever has a room has a view of it, and so has what was made of it without a copy: the room is free again when
    the last of these is gone.
    """

    def __init__(self) -> None:
        # No lock: a view may go at any moment, also while this thread is in here.
        self._free: deque[mmap.mmap] = deque()
        self._are_wanted = False

    def take(self, size: int) -> bytearray | memoryview:
        """Writable memory of that size."""
        if size < _MAPPED_FROM or not hasattr(mmap, "MAP_PRIVATE"):
            return bytearray(size)
        self._are_wanted = True
        room = self._used_before(size) or _new_room(size)
        # Views of views keep the array, not one another.
        array = np.frombuffer(room, np.uint8, size)
        weakref.finalize(array, self._give_back, room).atexit = False
        return array.data

    def drop(self) -> None:
        """Give the memory of free rooms back to the system, and of others when they become free."""
        self._are_wanted = False
        self._free.clear()

    def _used_before(self, size: int) -> mmap.mmap | None:
        """A free room that is large enough, and not much larger."""
        for _ in range(len(self._free)):
            try:
                room = self._free.popleft()
            except IndexError:  # other threads take rooms too
                break
            if size <= len(room) <= 2 * size + _HUGE_PAGE:
                return room
            self._free.append(room)
        return None

    def _give_back(self, room: mmap.mmap) -> None:
        if self._are_wanted:
            self._free.append(room)


def _new_room(size: int) -> mmap.mmap:
    # Linux aligns a mapping to huge pages only where it consists of whole ones.
    whole = -(-size // _HUGE_PAGE) * _HUGE_PAGE
    room = mmap.mmap(-1, whole, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    # Faults of small pages cost more than the copy; a last page of which little is used is not worth a huge one.
    huge = (size + _HUGE_PAGE * 3 // 4) // _HUGE_PAGE * _HUGE_PAGE
    if hasattr(mmap, "MADV_HUGEPAGE") and huge:
        room.madvise(mmap.MADV_HUGEPAGE, 0, huge)
    return room

"""What was just read, kept for the next page of the same query, within a bound of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

#: What an entry takes beside its content: the key and the objects around the buffers. Empty ones cost it too.
ENTRY_BYTES = 2 << 10


class BytesBoundedCache:
    """Least-recently-used entries whose sizes add up to at most ``capacity`` bytes. Thread-safe.

    >>> cache = BytesBoundedCache(capacity=10_000)
    >>> cache.put("a", [1], size=6_000)
    >>> cache.put("b", [2], size=6_000)
    >>> cache.get("a"), cache.get("b")
    (None, [2])
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Any:
        """The entry of a key, or None."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Keep a value of ``size`` bytes; one that is larger than the whole cache is not kept."""
        size += ENTRY_BYTES
        with self._lock:
            _, old_size = self._entries.pop(key, (None, 0))
            self._size -= old_size
            if size > self.capacity:
                return
            self._entries[key] = (value, size)
            self._size += size
            while self._size > self.capacity:
                _, (_, evicted) = self._entries.popitem(last=False)
                self._size -= evicted

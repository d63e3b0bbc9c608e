"""Noticing at little cost that the files of a project directory changed."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from neptune_frames.errors import ArchiveError
from neptune_frames.sources.archive.layout import Listing, state_of

#: Files whose size and time are compared on one look (some milliseconds), in turn.
FILES_COMPARED = 1_000
#: Looks that follow at once compare none: of the time, comparing takes one part in so many.
_SHARE_OF_TIME = 20
#: A directory's time is no proof if it is this recent: two changes may carry the same time.
_CLOCK_TICK_NS = 100_000_000
#: What stands in a path for bytes that are no text.
_UNDECODED = re.compile("[\ud800-\udfff]")


class WatchedDirectory:
    """The files of one project directory, listed anew (by ``list_files``) when they changed. Thread-safe.

    Files that were added, removed, renamed or replaced by renaming, as exporters do, count at once: each
    of these changes the time of the directory. A file whose content is overwritten in place does not, so
    that files are compared too, up to `FILES_COMPARED` on a look. Such a change is seen a fraction of a second
    later at most, or in a directory of N files after N / `FILES_COMPARED` looks that far apart. ``listed_ns`` is
    the time of the last listing.
    """

    def __init__(self, path: Path, list_files: Callable[[Path], Listing]) -> None:
        self.path = path
        self._list_files = list_files
        self._listing: Listing | None = None
        self._names: list[str] = []
        self._next = 0
        self._next_comparison = 0.0
        self.listed_ns = self._changed_ns = 0
        self._lock = threading.Lock()

    def look(self) -> Listing:
        """The files as they are now; the same object as before where nothing changed."""
        with self._lock:
            return self._look()

    def _look(self) -> Listing:
        now_ns, changed_ns = time.time_ns(), self.path.stat().st_mtime_ns
        settled = changed_ns == self._changed_ns and self.listed_ns - changed_ns > _CLOCK_TICK_NS
        if self._listing is None or not (settled and self._some_are_unchanged(self._listing)):
            listing = self._list_files(self.path)
            self.listed_ns, self._changed_ns = now_ns, changed_ns
            if listing != self._listing:
                _check_names(listing.parts)
                self._listing, self._names, self._next = listing, list(listing.parts), 0
        assert self._listing is not None
        return self._listing

    def _some_are_unchanged(self, listing: Listing) -> bool:
        """Whether the next few files are as they were listed; True where it is too soon to compare any."""
        began = time.monotonic()
        if began < self._next_comparison:
            return True
        compared = self._names[self._next : self._next + FILES_COMPARED]
        self._next = 0 if self._next + FILES_COMPARED >= len(self._names) else self._next + FILES_COMPARED
        unchanged = all(state_of(name) == listing.parts[name] for name in compared)
        ended = time.monotonic()
        self._next_comparison = ended + (ended - began) * (_SHARE_OF_TIME - 1)
        return unchanged


def _check_names(paths: Iterable[str]) -> None:
    """Raises `ArchiveError` for a name that is no text, which the readers of Parquet files cannot open."""
    odd = next(filter(_UNDECODED.search, paths), None)
    if odd is not None:
        raise ArchiveError(
            f"{odd!a} cannot be read: its name, or that of a directory it is in, is not in UTF-8. Rename it."
        )

"""Local copies of payloads that lie in an object store, for whoever needs a file on disk."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from neptune_frames.config import FILE_COPIES_BYTES
from neptune_frames.sources.archive.payloads import copy_payload

if TYPE_CHECKING:
    from types import TracebackType

    from neptune_frames.sources.archive.object_path import ObjectPath


class PayloadFile:
    """A payload on disk, at ``path``, which stays there until this object is closed (or is no more)."""

    def __init__(self, path: Path, owner: LocalCopies | None = None) -> None:
        self.path = path
        self._owner = owner

    def close(self) -> None:
        """The file may go."""
        if self._owner is not None:
            self._owner.release(self)

    def __enter__(self) -> PayloadFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass
class _Copy:
    """One copy: its size once ``there`` is known, which says whether there is such a payload."""

    path: Path
    there: Future[bool] = field(default_factory=Future)
    size: int = 0
    #: Weak, so that a reader that was forgotten does not keep the file for ever.
    readers: weakref.WeakSet[PayloadFile] = field(default_factory=weakref.WeakSet)

    @property
    def is_lost(self) -> bool:
        """Whether something else removed the file, as cleaners of temporary directories do."""
        return self.there.done() and not self.path.exists()


class LocalCopies:
    """Copies of payloads, in a temporary directory that goes with this object. Thread-safe.

    Each payload is downloaded once, whoever asks for it meanwhile waits, and nobody else does. Beyond
    ``most_bytes`` in all (default: `FILE_COPIES_BYTES`), the copies that were used least recently go, except those
    that are being read.
    """

    def __init__(self, most_bytes: int | None = None) -> None:
        self._most_bytes = most_bytes
        self._copies: OrderedDict[str, _Copy] = OrderedDict()
        self._directory: Path | None = None
        self._lock = threading.Lock()

    def of(self, payload: ObjectPath) -> PayloadFile | None:
        """The copy of a payload, None where there is no such payload."""
        name = str(payload)
        if self._most_bytes is None:
            self._most_bytes = FILE_COPIES_BYTES.get()
        with self._lock:
            copy = self._copies.get(name)
            is_new = copy is None or copy.is_lost
            if copy is None or is_new:
                copy = self._copies[name] = _Copy(self._place(name))
            self._copies.move_to_end(name)
            reader = PayloadFile(copy.path, self)
            copy.readers.add(reader)
        if is_new:
            self._bring(payload, name, copy)
        return reader if copy.there.result() else None

    def release(self, reader: PayloadFile) -> None:
        """Take a file back from its reader."""
        with self._lock:
            for copy in self._copies.values():
                copy.readers.discard(reader)
            self._make_room()

    def _bring(self, payload: ObjectPath, name: str, copy: _Copy) -> None:
        """Download a payload. Whoever waits for it is told how that went, and later calls try again if need be."""
        try:
            there = copy_payload(payload, copy.path)
            copy.size = copy.path.stat().st_size if there else 0
        except BaseException as error:
            self._forget(name, copy)
            copy.there.set_exception(error)
            return
        if not there:
            self._forget(name, copy)
        copy.there.set_result(there)
        with self._lock:
            self._make_room()

    def _forget(self, name: str, copy: _Copy) -> None:
        with self._lock:
            if self._copies.get(name) is copy:
                del self._copies[name]

    def _make_room(self) -> None:
        """Remove what was used least recently, as far as nobody reads it. Needs the lock."""
        total = sum(copy.size for copy in self._copies.values())
        for name, copy in list(self._copies.items()):
            if self._most_bytes is None or total <= self._most_bytes:
                return
            if copy.there.done() and not copy.readers:
                with suppress(OSError):
                    copy.path.unlink()
                total -= copy.size
                del self._copies[name]

    def _place(self, name: str) -> Path:
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="neptune-frames-"))
            weakref.finalize(self, _remove, self._directory, os.getpid())
        return self._directory / hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


def _remove(directory: Path, process: int) -> None:
    """Remove the directory, unless this is a child that a fork gave a copy of everything."""
    if os.getpid() == process:
        shutil.rmtree(directory, ignore_errors=True)

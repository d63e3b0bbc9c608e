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
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from neptune_frames.config import FILE_COPIES_BYTES
from neptune_frames.sources.archive.payloads import copy_payload

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from neptune_frames.sources.archive.object_path import ObjectPath


class PayloadFile:
    """A payload on disk, at ``path``, which stays there until this object is closed (or is no more)."""

    def __init__(self, path: Path, release: Callable[[PayloadFile], None] | None = None) -> None:
        self.path = path
        self._release = release

    def close(self) -> None:
        """The file may go."""
        if self._release is not None:
            self._release(self)

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
        self._bytes = 0
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
                self._remove(name, copy)
                copy = self._copies[name] = _Copy(self._place(name))
            self._copies.move_to_end(name)
            reader = PayloadFile(copy.path, partial(self._release, copy))
            copy.readers.add(reader)
        if is_new:
            self._bring(payload, name, copy)
        return reader if copy.there.result() else None

    def _release(self, copy: _Copy, reader: PayloadFile) -> None:
        """Take a file back from its reader."""
        with self._lock:
            copy.readers.discard(reader)
            self._make_room()

    def _bring(self, payload: ObjectPath, name: str, copy: _Copy) -> None:
        """Download a payload. Whoever waits for it is told how that went, and later calls try again if need be."""
        try:
            there = copy_payload(payload, copy.path)
            size = copy.path.stat().st_size if there else 0
        except BaseException as error:
            with self._lock:
                self._remove(name, copy)
            copy.there.set_exception(error)
            return
        with self._lock:
            if not there:
                self._remove(name, copy)
            elif self._copies.get(name) is copy:
                copy.size = size
                self._bytes += size
        copy.there.set_result(there)
        with self._lock:
            self._make_room()

    def _remove(self, name: str, copy: _Copy | None) -> None:
        """Know no more of a copy, unless another one has taken its place. Needs the lock."""
        if copy is not None and self._copies.get(name) is copy:
            del self._copies[name]
            self._bytes -= copy.size

    def _make_room(self) -> None:
        """Remove what was used least recently, as far as nobody reads it. Needs the lock."""
        excess = 0 if self._most_bytes is None else self._bytes - self._most_bytes
        if excess <= 0:
            return
        unused = []
        for name, copy in self._copies.items():
            if copy.there.done() and not copy.readers:
                unused.append((name, copy))
                excess -= copy.size
                if excess <= 0:
                    break
        for name, copy in unused:
            with suppress(OSError):
                copy.path.unlink()
            self._remove(name, copy)

    def _place(self, name: str) -> Path:
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="neptune-frames-"))
            weakref.finalize(self, _remove_directory, self._directory, os.getpid())
        return self._directory / hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


def _remove_directory(directory: Path, process: int) -> None:
    """Remove the directory, unless this is a child that a fork gave a copy of everything."""
    if os.getpid() == process:
        shutil.rmtree(directory, ignore_errors=True)

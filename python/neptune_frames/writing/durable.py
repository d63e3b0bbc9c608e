"""Files that survive a crash: written aside, flushed to the disk, renamed; and one writer at a time."""

from __future__ import annotations

import errno
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from neptune_frames.errors import ArchiveError


class WriteFailed(Exception):
    """Something that belongs to the archive could not be written (or read again); ``__cause__`` is why."""


@contextmanager
def writing() -> Iterator[None]:
    """An OSError of what is done to the archive as `WriteFailed`, to tell it from one of the source."""
    try:
        yield
    except OSError as error:
        raise WriteFailed(str(error)) from error


def check_directory(place: Path) -> None:
    """Raise `ArchiveError` where no directory can be made, since there is a file of that name or of one above it."""
    nearest = next((one for one in (place, *place.parents) if one.exists()), None)
    if nearest is not None and not nearest.is_dir():
        raise ArchiveError(f"{place} cannot be written to: {nearest} is a file. Give a directory, new or existing.")


class HashingFile:
    """A file that is written from start to end, and its SHA-256."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("wb")
        self._digest = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes | memoryview) -> int:
        self._digest.update(data)
        self._file.write(data)
        self.bytes += len(data)
        return len(data)

    def tell(self) -> int:
        return self.bytes

    def flush(self) -> None:
        self._file.flush()

    @property
    def closed(self) -> bool:
        return self._file.closed

    def close(self) -> None:
        """Have the operating system bring everything to the disk; errors of the disk are raised here at last."""
        if not self._file.closed:
            try:
                self._file.flush()
                os.fsync(self._file.fileno())
            finally:
                self._file.close()

    def abandon(self) -> None:
        """Close without waiting for the disk."""
        self._file.close()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def sync_file(path: Path) -> None:
    """Bring a written file to the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Bring the names in a directory to the disk, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, content: bytes) -> None:
    """Make a small file appear at once and whole, though other threads or processes may be writing the same."""
    aside = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    sync_directory(path.parent)


@contextmanager
def only_writer(directory: Path) -> Iterator[None]:
    """Hold a directory for writing; it is free again when the process ends, however it ends.

    File systems that know no locks are written to without. Raises `ArchiveError` where another process holds it.
    """
    with (directory / ".writer.lock").open("ab") as lock:
        try:
            _lock(lock.fileno())
        except (BlockingIOError, PermissionError) as error:
            raise ArchiveError(
                f"Another export is writing into {directory}. Wait for it, or give another destination."
            ) from error
        yield


def _lock(descriptor: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        return
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise

"""Directories of archives: on disk (`pathlib.Path`), or in an object store (`ObjectPath`), read and written alike.

>>> open_location("/data/archive")
PosixPath('/data/archive')
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from neptune_frames.errors import ArchiveError, MissingDependencyError
from neptune_frames.sources.token_text import check_place
from neptune_frames.sources.urls import is_url

if TYPE_CHECKING:
    from obstore.store import ObjectStore

#: Schemes of URLs that name an object store.
SCHEMES = ("s3", "gs", "az")
#: Environment variables that credentials are taken from, for messages.
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
#: A request that fails for the moment is made again, at growing intervals.
_RETRIES = {"max_retries": 6, "retry_timeout": timedelta(seconds=60)}
#: The largest object that S3 copies in one request. Larger ones pass through this machine.
_COPIED_BYTES = 5 * 1024**3
#: A reader asks for this much at a time where it was not told what will be wanted.
_READ_BYTES = 1024 * 1024


class ObjectPath:
    """A place in an object store, with the part of the interface of `pathlib.Path` that archives need.

    There are no directories in an object store: one "is there" while an object's name starts with its name.
    Failures are `ArchiveError`, with the URL and without credentials; a missing object is `FileNotFoundError`.
    """

    def __init__(self, store: ObjectStore, root: str, key: str = "", *, listed: bool = False) -> None:
        self._store = store
        self._root = root
        self._listed = listed  # as a directory: known to be there
        self.key = key

    def __str__(self) -> str:
        return f"{self._root}/{self.key}" if self.key else self._root

    def __repr__(self) -> str:
        return f"ObjectPath({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectPath) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __truediv__(self, name: str) -> ObjectPath:
        return ObjectPath(self._store, self._root, f"{self.key}/{name}" if self.key else name)

    @property
    def name(self) -> str:
        return str(self).rpartition("/")[2]

    @property
    def identity(self) -> str:
        """What tells the place from all others: buckets of one name may be at several endpoints."""
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "") if self._root.lower().startswith("s3:") else ""
        # A digest, since an address may hold credentials.
        return f"{self}#{hashlib.blake2b(endpoint.encode(), digest_size=8).hexdigest()}" if endpoint else str(self)

    @property
    def parent(self) -> ObjectPath:
        """The place above; the root of the store is its own parent."""
        return ObjectPath(self._store, self._root, self.key.rpartition("/")[0])

    def iterdir(self) -> Iterator[ObjectPath]:
        """What lies directly below, in no promised order."""
        import obstore

        with self._explained():
            listed = obstore.list_with_delimiter(self._store, self.key or None)
        found = [ObjectPath(self._store, self._root, key, listed=True) for key in listed["common_prefixes"]]
        return iter([*found, *(ObjectPath(self._store, self._root, one["path"]) for one in listed["objects"])])

    def files_below(self) -> list[ObjectPath]:
        """All objects below this place, however deep."""
        import obstore

        with self._explained():
            found = [one["path"] for page in obstore.list(self._store, self.key or None) for one in page]
        return [ObjectPath(self._store, self._root, key) for key in found]

    def relative_to(self, place: ObjectPath) -> str:
        """The name of this place below another one, with ``/``."""
        return self.key.removeprefix(f"{place.key}/" if place.key else "")

    def is_dir(self) -> bool:
        import obstore

        if self._listed:
            return True
        with self._explained():
            return any(islice(obstore.list(self._store, self.key or None, chunk_size=1), 1))

    def is_file(self) -> bool:
        try:
            self.size()
        except FileNotFoundError:
            return False
        return True

    def exists(self) -> bool:
        return self.is_file() or self.is_dir()

    def size(self) -> int:
        """The bytes of the object."""
        import obstore

        with self._explained():
            return int(obstore.head(self._store, self.key)["size"])

    def modified_ns(self) -> int:
        """When the object was written, in nanoseconds since 1970."""
        import obstore

        with self._explained():
            written = obstore.head(self._store, self.key)["last_modified"]
        return int(written.timestamp() * 1000) * 1_000_000

    def read_bytes(self) -> bytes:
        import obstore

        with self._explained():
            return obstore.get(self._store, self.key).bytes().to_bytes()

    def read_ranges(self, starts: Sequence[int], ends: Sequence[int]) -> list[memoryview]:
        """Several parts of the object, fetched side by side; neighbouring ones together."""
        import obstore

        with self._explained():
            found = obstore.get_ranges(self._store, self.key, starts=list(starts), ends=list(ends))
        return [memoryview(one) for one in found]

    def write_bytes(self, content: bytes) -> int:
        """Write the object as a whole: it is there with all its content, or not at all."""
        import obstore

        with self._explained():
            obstore.put(self._store, self.key, content)
        return len(content)

    def create(self, content: bytes) -> bool:
        """Write the object unless there is one; False where there is."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        with self._explained():
            try:
                obstore.put(self._store, self.key, content, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
        return True

    def upload(self, file: Path) -> None:
        """Write the object from a local file, in several requests where it is large."""
        import obstore

        with self._explained():
            obstore.put(self._store, self.key, file)

    def copy_to(self, target: ObjectPath) -> None:
        """Copy the object to another place in its store, by the store itself unless it is too large for that."""
        import obstore

        if self.size() <= _COPIED_BYTES:
            with self._explained():
                obstore.copy(self._store, self.key, target.key)
            return
        with tempfile.TemporaryDirectory(prefix="neptune-frames-copy-") as directory:
            file = Path(directory) / "copy"
            self.download(file)
            target.upload(file)

    def stream(self) -> Iterator[bytes]:
        """The object's content, some megabytes at a time."""
        import obstore

        with self._explained():
            for piece in obstore.get(self._store, self.key):
                yield bytes(piece)

    def download(self, file: Path) -> None:
        """Write the object's content to a local file."""
        with file.open("wb") as target:
            for piece in self.stream():
                target.write(piece)

    def unlink(self, *, missing_ok: bool = False) -> None:
        import obstore

        with self._explained():
            try:
                obstore.delete(self._store, self.key)
            except FileNotFoundError:
                if not missing_ok:
                    raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Failures as `ArchiveError`. What the library says may hold parts of requests, so it is not passed on."""
        from obstore.exceptions import BaseError, NotFoundError

        try:
            yield
        except (NotFoundError, FileNotFoundError):
            raise FileNotFoundError(str(self)) from None
        except (BaseError, OSError) as error:
            scheme = self._root.partition(":")[0]
            raise ArchiveError(
                f"{self} cannot be reached ({type(error).__name__}). Check the URL, the network, and the "
                f"credentials in {_CREDENTIALS.get(scheme, 'the environment')}."
            ) from None


#: A directory or file of an archive.
Location: TypeAlias = Path | ObjectPath


def open_location(place: str | os.PathLike[str]) -> Location:
    """The directory that a path or URL names; nothing is looked up.

    Raises:
        ArchiveError: The URL is of a kind that is not supported, or holds credentials; or it is an API token, or empty.
        MissingDependencyError: It is a URL, and `obstore` is not installed.
    """
    text = os.fspath(place)
    check_place(text)
    if not is_url(text):
        _check_not_collapsed(text)
        return Path(text).expanduser()
    try:
        url = urlsplit(text)
    except ValueError:
        # Not shown, since it may hold credentials.
        raise ArchiveError(
            f"The URL of an archive that begins with {text.partition('://')[0]}:// is no URL: its host cannot be read "
            "(check brackets and special characters)."
        ) from None
    if url.scheme.lower() not in SCHEMES:
        kinds = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        server = (
            " A server is named by an API token, not by its address: `neptune-frames token URL` prints one for a "
            "neptune-frames server."
        )
        raise ArchiveError(
            f"Archives are directories, or URLs of object stores ({kinds}), not {url.scheme}://."
            f"{server if url.scheme.lower() in ('http', 'https') else ''}"
        )
    if url.username or url.password or url.query or url.fragment:
        raise ArchiveError(
            f"The URL of an archive in {url.hostname} holds more than a bucket and a path. Credentials belong in "
            f"the environment: {_CREDENTIALS[url.scheme.lower()]}."
        )
    root = text.rstrip("/")
    return ObjectPath(_store_of(root, url.scheme.lower()), root)


def _check_not_collapsed(path: str) -> None:
    """Raises `ArchiveError` for what `pathlib` makes of a URL: a directory of that name is never meant."""
    scheme, separator, rest = path.partition(":/")
    if separator and scheme.lower() in SCHEMES:
        raise ArchiveError(
            f"{path} is a URL that has lost a slash, as in a pathlib.Path. Give the URL as text: {scheme}://{rest}."
        )


def _store_of(url: str, scheme: str) -> ObjectStore:
    try:
        import obstore.store
        from obstore.exceptions import BaseError
    except ImportError as error:
        raise MissingDependencyError("obstore", f"Reading {scheme}:// archives", "cloud") from error
    options: dict[str, Any] = {"retry_config": dict(_RETRIES)}
    if scheme == "s3" and os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        options["client_options"] = {"allow_http": True}
    try:
        return obstore.store.from_url(url, **options)
    except (BaseError, ValueError) as error:
        raise ArchiveError(
            f"{url} cannot be used as an archive ({type(error).__name__}). Check the URL and {_CREDENTIALS[scheme]}."
        ) from None


def size_of(file: Location) -> int:
    """The bytes of a file."""
    return file.size() if isinstance(file, ObjectPath) else file.stat().st_size


def pieces_of(file: Location) -> Iterator[bytes]:
    """A file's content, some megabytes at a time."""
    if isinstance(file, ObjectPath):
        yield from file.stream()
        return
    with file.open("rb") as opened:
        while piece := opened.read(_READ_BYTES):
            yield piece


def sha256_of(file: Location) -> str:
    """The SHA-256 of a file's content."""
    digest = hashlib.sha256()
    for piece in pieces_of(file):
        digest.update(piece)
    return digest.hexdigest()


class RangedReader(io.RawIOBase):
    """An object as a file for readers of Parquet, some ranges of which are fetched ahead, all at once."""

    def __init__(self, path: ObjectPath, size: int) -> None:
        super().__init__()
        self._path = path
        self._size = size
        self._at = 0
        self._starts: list[int] = []
        self._pieces: list[memoryview] = []

    def fetch(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Bring these ranges (start and end) instead of those brought before."""
        wanted = sorted(ranges)
        self._starts = [start for start, _ in wanted]
        self._pieces = self._path.read_ranges(self._starts, [end for _, end in wanted]) if wanted else []

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._at + size, self._size)
        content = self._between(self._at, end) if end > self._at else b""
        self._at += len(content)
        return content

    def readinto(self, buffer: Any) -> int:
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def _between(self, start: int, end: int) -> bytes:
        at = bisect_right(self._starts, start)
        if at:
            first, piece = self._starts[at - 1], self._pieces[at - 1]
            if end <= first + len(piece):
                return bytes(piece[start - first : end - first])
        piece = self._path.read_ranges([start], [min(self._size, max(end, start + _READ_BYTES))])[0]
        self._starts.insert(at, start)
        self._pieces.insert(at, piece)
        return bytes(piece[: end - start])

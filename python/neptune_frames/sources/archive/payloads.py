"""Payloads of file attributes: where they lie, how large they are, of which type; and copying them out.

Their paths come from the archive's rows, so they are not trusted: nothing outside the payload
directory is ever looked at, neither by ``..`` nor through a symbolic link.
"""

from __future__ import annotations

import mimetypes
import os
import re
import stat
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pyarrow as pa

from neptune_frames.progress import progress_bar
from neptune_frames.schemas import FILE
from neptune_frames.sources.archive.object_path import Location, ObjectPath, pieces_of, size_of

#: Payloads in an object store that are fetched side by side.
_DOWNLOADS = 8
#: Paths of payloads that need a closer look: components that name nothing or the way up, drives, other separators.
_UNUSUAL = re.compile(r"[\\:\0]|(^|/)\.{0,2}(/|$)")
#: Paths with more directories are looked at as a whole.
_MOST_DIRECTORIES = 64
_DEFAULT_TYPE = "application/octet-stream"
#: `mimetypes` calls these encodings of another type; stored as files they are types of their own.
_COMPRESSED_TYPES = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "compress": "application/x-compress",
    "br": "application/x-brotli",
}


def locate(root: Location, path: str) -> Location | None:
    """The payload that ``path`` (relative, with ``/``) names below ``root``.

    None where there is no such file, or where it would lie outside ``root``. In an object store it is not
    looked at: whether it is there shows when it is read.
    """
    if isinstance(root, ObjectPath):
        # There are no links in an object store, and no way up but by name.
        return root / path if path and not set(path.split("/")) & {"", ".", ".."} else None
    target = _resolved(root, path)
    return target if target is not None and target.is_file() else None


def locate_directory(root: Path, path: str) -> Path | None:
    """The directory of payloads that ``path`` names below ``root``, as `locate` finds files."""
    target = _resolved(root, path)
    return target if target is not None and target.is_dir() else None


def _resolved(root: Path, path: str) -> Path | None:
    """What lies at ``path``, symbolic links followed; None where there is nothing, or it lies outside ``root``."""
    if not path or "\0" in path or path.startswith(("/", "\\")) or Path(path).drive:
        return None
    try:
        base = root.resolve(strict=True)
        target = (base / path).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return None
    return target if target.is_relative_to(base) else None


def describe(root: Location, paths: pl.Series) -> pa.Array:
    """FILE values: each path with the size of its payload and its MIME type, unless they are such values already.

    The size of a missing payload is 0, not null: a server's answers have no null there (protobuf cannot
    tell it from 0), and an archive is to answer as the server in front of it does.
    """
    if isinstance(paths.dtype, pl.Struct):
        return paths.to_arrow().cast(FILE)
    distinct = paths.drop_nulls().unique(maintain_order=True)
    facts = pl.DataFrame(
        {
            "path": distinct,
            "size": pl.Series(_sizes(root, distinct), dtype=pl.Int64),
            "type": pl.Series([mime_type(path) for path in distinct], dtype=pl.String),
        }
    )
    described = pl.DataFrame({"path": paths.cast(pl.String)}).join(facts, on="path", how="left", maintain_order="left")
    children = [
        described[name].to_arrow().cast(field.type) for name, field in zip(described.columns, FILE, strict=True)
    ]
    return pa.StructArray.from_arrays(children, fields=list(FILE), mask=pa.array(paths.is_null()))


def _sizes(root: Location, paths: Iterable[str]) -> list[int]:
    """The bytes of payloads, 0 of those that are missing."""
    if isinstance(root, Path):
        tree = _PayloadTree(root)
        return [tree.size(path) for path in paths]
    return [_located_size(root, path) for path in paths]


def _located_size(root: Location, path: str) -> int:
    found = locate(root, path)
    return 0 if found is None else size_of(found)


class _PayloadTree:
    """Sizes of many payloads below one root on disk, as `locate` finds them, at the cost of one look at each.

    A plain path all of whose directories are directories, and no links, cannot leave the root. Each of these is looked
    at once; every other path is left to `locate`.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        #: None where there is no such directory.
        self._directories: dict[str, str | None] = {"": _real(root)}

    def size(self, path: str) -> int:
        """The bytes of a payload, 0 where it is missing."""
        if _UNUSUAL.search(path) or path.count("/") > _MOST_DIRECTORIES:
            return _located_size(self._root, path)
        directory, _, name = path.rpartition("/")
        try:
            place = self._directory(directory)
            status = None if place is None else _status(f"{place}/{name}")
        except _LinkFound:
            return _located_size(self._root, path)
        return status.st_size if status is not None and stat.S_ISREG(status.st_mode) else 0

    def _directory(self, path: str) -> str | None:
        """Where a directory lies. Raises `_LinkFound` where there is a link on the way."""
        if path not in self._directories:
            above, _, name = path.rpartition("/")
            parent = self._directory(above)
            place = None if parent is None else f"{parent}/{name}"
            status = None if place is None else _status(place)
            self._directories[path] = place if status is not None and stat.S_ISDIR(status.st_mode) else None
        return self._directories[path]


class _LinkFound(Exception):
    """A symbolic link is to be followed."""


def _real(root: Path) -> str | None:
    try:
        return str(root.resolve(strict=True))
    except (OSError, RuntimeError):
        return None


def _status(place: str) -> os.stat_result | None:
    """What lies at a place, None where there is nothing. Raises `_LinkFound`."""
    try:
        status = os.lstat(place)
    except (OSError, ValueError):
        return None
    if stat.S_ISLNK(status.st_mode):
        raise _LinkFound
    return status


def mime_type(path: str) -> str:
    """The MIME type that a path's extension stands for.

    >>> mime_type("a/b.png"), mime_type("data.tar.gz"), mime_type("model")
    ('image/png', 'application/gzip', 'application/octet-stream')
    """
    guessed, encoding = mimetypes.guess_type(Path(path).name, strict=False)
    return _COMPRESSED_TYPES.get(encoding, _DEFAULT_TYPE) if encoding else guessed or _DEFAULT_TYPE


def copy_out(sources: Sequence[Location | None], targets: Sequence[Path], *, progress: bool) -> list[bool]:
    """Copy payloads to their targets, each written aside and renamed; False where there is no payload."""
    with progress_bar(len(sources), "files", enabled=progress) as bar:

        def copy(pair: tuple[Location | None, Path]) -> bool:
            source, target = pair
            copied = source is not None and copy_payload(source, target)
            bar.advance(1)
            return copied

        pairs = list(zip(sources, targets, strict=True))
        if not any(isinstance(source, ObjectPath) for source in sources):
            return [copy(pair) for pair in pairs]
        with ThreadPoolExecutor(_DOWNLOADS, thread_name_prefix="neptune-frames-payload") as pool:
            return list(pool.map(copy, pairs))


def copy_payload(source: Location, target: Path) -> bool:
    """Copy one payload, written aside and renamed; False where it is missing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    pieces = pieces_of(source)
    try:
        first = next(pieces, b"")
    except FileNotFoundError:
        return False
    # A name of its own: other threads, and other processes, may be copying to the same target.
    aside = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with aside.open("wb") as copy:
            copy.write(first)
            copy.writelines(pieces)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    return True

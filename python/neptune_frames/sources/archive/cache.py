"""Inventories kept on disk, so that opening a large archive again does not read it again.

One file per project directory, named after its resolved path: a line that names the format, the
checksum of the rest, a JSON header, and Arrow IPC tables. Whether its content is still true is for the
caller to see: it comes with the size and time of every part file it was made from. A file that is
damaged, or of another format, counts as absent. Files are written aside and renamed, so that readers
and writers in several processes do not meet.
"""

from __future__ import annotations

import json
import os
import re
import struct
import tempfile
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from neptune_frames.config import CACHE_DIR
from neptune_frames.sources.archive.inventory import Inventory
from neptune_frames.sources.archive.layout import FileState, encoded_name
from neptune_frames.sources.archive.object_path import Location

#: Raise the number whenever `Inventory`, or how it is made, changes its meaning.
_FORMAT = b"neptune-frames archive catalog 4\n"
_SEPARATORS = re.compile(r"[\\/]" if os.sep == "\\" else "/")
_PREFIX = struct.Struct("<IQ")  # checksum of all that follows it, length of the header
_SUFFIX = ".catalog"
#: Names of the files that are ours: others in the directory are left alone.
_CATALOG = re.compile(r".*-[0-9a-f]{16}\.catalog", re.DOTALL)
_ASIDE_PREFIX, _ASIDE = "neptune-frames-", ".aside"

#: Reading fewer bytes of part files than this again is not worth a file.
LEAST_BYTES = 4 * 1024 * 1024
#: Nor is it worth a new file while it is less than this part of the archive.
_LEAST_SHARE = 0.05
#: The oldest files go when all together are larger than this.
MOST_BYTES = 2 * 1024**3
#: A file that changed this shortly before it was listed may change again within the same time stamp.
_SETTLED_NS = 1_000_000_000
_ABANDONED_SECONDS = 3600.0
#: What a damaged file can raise on its way through JSON and Arrow.
_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    struct.error,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)


@dataclass(frozen=True)
class Kept:
    """An inventory, and the state of each part file when they were listed, at ``listed_ns``."""

    inventory: Inventory
    parts: Mapping[str, FileState]
    listed_ns: int


def cache_directory() -> Path | None:
    """Where inventories are kept: `CACHE_DIR`, by default the user's cache; None where it says ``off``."""
    chosen = CACHE_DIR.get()
    if chosen is not None:
        return None if chosen.lower() == "off" else Path(chosen).expanduser()
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neptune-frames"
    except RuntimeError:  # a user without a home
        return None


def load(directory: Location) -> Kept | None:
    """What was kept of a project directory; None where there is nothing usable."""
    file = _file_of(directory)
    if file is None:
        return None
    try:
        kept = _decoded(file.read_bytes(), directory)
    except _UNREADABLE:
        return None
    # The least recently used files go first. A cache that can only be read is of use all the same.
    with suppress(OSError):
        os.utime(file)
    return kept


def store(directory: Location, kept: Kept, unsaved_bytes: int) -> bool:
    """Keep the inventory of a project directory, if that saves reading enough again. True where it was kept.

    ``unsaved_bytes`` is the size of the part files that were read since it was kept last.

    Where the cache cannot be written, nothing is kept, and nothing is said.
    """
    total = sum(state.size for state in kept.parts.values())
    file = _file_of(directory)
    if file is None or unsaved_bytes < max(LEAST_BYTES, _LEAST_SHARE * total):
        return False
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(prefix=_ASIDE_PREFIX, suffix=_ASIDE, dir=file.parent)
        try:
            with os.fdopen(descriptor, "wb") as target:
                target.write(_encoded(directory, kept))
            Path(aside).replace(file)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise
        _make_room(file)
    except OSError:
        return False
    return True


def _file_of(directory: Location) -> Path | None:
    cache = cache_directory()
    if cache is None:
        return None
    resolved = directory.resolve() if isinstance(directory, Path) else directory
    # The digest is that of the identity; the readable part is for whoever looks into the cache.
    return cache / f"{resolved.name[:100]}{encoded_name(_identity(directory))[-17:]}{_SUFFIX}"


def _identity(directory: Location) -> str:
    """What tells a project directory from all others."""
    return str(directory.resolve()) if isinstance(directory, Path) else directory.identity


def _encoded(directory: Location, kept: Kept) -> bytes:
    inventory, settled_ns = kept.inventory, kept.listed_ns - _SETTLED_NS
    states = [kept.parts[name] for name in inventory.files]
    tables = {
        "files": pl.DataFrame(
            {
                "name": [_SEPARATORS.split(name)[-1] for name in inventory.files],
                # No file has a negative size: one that may have changed unnoticed is read again.
                "size": [state.size if state.modified_ns < settled_ns else -1 for state in states],
                "modified_ns": [state.modified_ns for state in states],
            },
            schema={"name": pl.String, "size": pl.Int64, "modified_ns": pl.Int64},
        ),
        "runs": inventory.runs.to_frame("text"),
        "attributes": inventory.attributes.to_frame("text"),
        "owners": inventory.owners,
        **{f"values/{kind}": table for kind, table in inventory.tables.items()},
    }
    blobs = {name: _arrow(table) for name, table in tables.items()}
    header = json.dumps(
        {
            "directory": _identity(directory),
            "listed_ns": kept.listed_ns,
            "project": inventory.project,
            "ignored_types": sorted(inventory.ignored_types),
            "tables": {name: len(blob) for name, blob in blobs.items()},
        }
    ).encode()
    checksum = 0
    for piece in (header, *blobs.values()):
        checksum = zlib.crc32(piece, checksum)
    return b"".join([_FORMAT, _PREFIX.pack(checksum, len(header)), header, *blobs.values()])


def _arrow(table: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    table.write_ipc(buffer, compression="zstd")
    return buffer.getvalue()


def _decoded(content: bytes, directory: Location) -> Kept:
    """Raises one of `_UNREADABLE` where the content is not what `_encoded` wrote for this directory."""
    if not content.startswith(_FORMAT):
        raise ValueError("another format")
    view = memoryview(content)[len(_FORMAT) :]
    checksum, header_length = _PREFIX.unpack_from(view)
    body = view[_PREFIX.size :]
    if zlib.crc32(body) != checksum:
        raise ValueError("damaged")
    header: dict[str, Any] = json.loads(bytes(body[:header_length]))
    if header["directory"] != _identity(directory):
        raise ValueError("of another directory")
    tables, start = {}, header_length
    for name, length in header["tables"].items():
        tables[name] = pl.read_ipc(BytesIO(body[start : start + length]))
        start += length
    files, separator = tables["files"], os.sep if isinstance(directory, Path) else "/"
    names = [f"{directory}{separator}{name}" for name in files["name"]]
    inventory = Inventory(
        header["project"],
        pl.Series("files", names, pl.String),
        tables["runs"]["text"].alias("runs"),
        tables["attributes"]["text"].alias("attributes"),
        tables["owners"],
        {name.partition("/")[2]: table for name, table in tables.items() if name.startswith("values/")},
        frozenset(header["ignored_types"]),
    )
    states = map(FileState, files["size"].to_list(), files["modified_ns"].to_list())
    return Kept(inventory, dict(zip(names, states, strict=True)), header["listed_ns"])


def _make_room(newest: Path) -> None:
    """Remove the least recently used files beyond `MOST_BYTES`, and what writers that died left behind."""
    found = []
    for path in newest.parent.iterdir():
        # Other processes remove files too, and some may be another user's.
        with suppress(OSError):
            status = path.stat()
            if _CATALOG.fullmatch(path.name):
                found.append((path == newest, status.st_mtime, status.st_size, path))
            elif _is_aside(path.name) and time.time() - status.st_mtime > _ABANDONED_SECONDS:
                path.unlink()
    total = 0
    for _, _, size, path in sorted(found, reverse=True):
        total += size
        if total > MOST_BYTES and path != newest:
            with suppress(OSError):
                path.unlink()


def _is_aside(name: str) -> bool:
    return name.startswith(_ASIDE_PREFIX) and name.endswith(_ASIDE)

"""Which source answers: what the caller names, else the environment's archive, else its server."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from neptune_frames import config
from neptune_frames.errors import (
    NeptuneApiTokenNotProvided,
    NeptuneError,
    NeptuneProjectNotProvided,
    NeptuneUserError,
)
from neptune_frames.sources.token_text import check_place, looks_like_token, unquoted
from neptune_frames.sources.urls import is_url

if TYPE_CHECKING:
    from neptune_frames.sources.base import Source

_lock = threading.Lock()
_sources: dict[tuple[str, str], Source] = {}
_api_token: str | None = None


def set_api_token(api_token: str) -> None:
    """Use this API token from the next call on, in all threads; it takes precedence over NEPTUNE_API_TOKEN.

    Args:
        api_token: The token. Whether it is valid is checked when it is used.

    Raises:
        NeptuneUserError: ``api_token`` is not a string.
    """
    global _api_token
    if not isinstance(api_token, str):
        raise NeptuneUserError(f"An API token is a string, not {type(api_token).__name__}.")
    _api_token = api_token


def open_source(explicit: Source | str | os.PathLike[str] | None = None) -> Source:
    """Open a source: an archive or a server. Pass the result as ``source=`` to read several of them in one process.

    Args:
        explicit: The directory or URL of an archive, an API token, or a source (which is returned as it is). None takes
            the first of NEPTUNE_ARCHIVE, `neptune_query.set_api_token` and NEPTUNE_API_TOKEN.

    Returns:
        The source. There is one for each archive or token in a process, shared by all threads.

    Raises:
        NeptuneApiTokenNotProvided: Neither an archive nor a token is given.
        InvalidApiTokenError: The token cannot be decoded.
        ArchiveError: There is no archive at this place, or the text is empty.
        TypeError: ``explicit`` is none of these.

    Example:
        >>> import os
        >>> archive = nf.open_source(os.environ["NEPTUNE_ARCHIVE"])
        >>> archive is nf.open_source()
        True
        >>> archive.project_name("team/vision")
        'team/vision'
    """
    if explicit is None:
        return default_source()
    if isinstance(explicit, os.PathLike):
        return open_archive(explicit)
    if isinstance(explicit, str):
        return open_server(explicit) if looks_like_token(explicit) else open_archive(explicit)
    if not hasattr(explicit, "search"):
        raise TypeError(
            "source must be what open_source() gives, the directory or URL of an archive, or an API token, "
            f"got {type(explicit).__name__}."
        )
    return explicit


def project_not_provided(explicit: Source | str | os.PathLike[str] | None = None) -> NeptuneProjectNotProvided:
    """The error that no project was given, which names those of the archive that would be read."""
    try:
        return NeptuneProjectNotProvided(open_source(explicit).projects()["project"].to_pylist())
    except (NeptuneError, TypeError):  # no archive, or nothing to read at all
        return NeptuneProjectNotProvided()


def close_sources() -> None:
    """Close all shared sources; the next call opens them anew."""
    with _lock:
        sources = list(_sources.values())
        _sources.clear()
    for source in sources:
        source.close()


def default_source(api_token: str | None = None, proxies: Mapping[str, str] | None = None) -> Source:
    """The source of a token, or the one the environment names.

    Without ``api_token`` that is NEPTUNE_ARCHIVE, else what `set_api_token` set, else NEPTUNE_API_TOKEN.
    ``proxies`` are those of `RemoteSource`, and do not matter to an archive.
    """
    if proxies is not None:
        from neptune_frames.sources.remote.proxies import check_mapping

        check_mapping(proxies)
    if api_token is None:
        archive = config.ARCHIVE.get()
        if archive is not None:
            return open_archive(archive)
        api_token = _api_token if _api_token is not None else config.API_TOKEN.get()
    if api_token is None or not api_token.strip():
        raise NeptuneApiTokenNotProvided
    return open_server(api_token, proxies)


def open_archive(location: str | os.PathLike[str]) -> Source:
    """The process's source for an archive, its payloads where NEPTUNE_ARCHIVE_FILES says."""
    place, files = os.fspath(location), config.ARCHIVE_FILES.get()
    check_place(place)
    # Absolute from now on: what is read later must not depend on a chdir() in between.
    if not is_url(place):
        place = _absolute(place)
    if files is not None:
        files = _absolute(files)

    def open_one() -> Source:
        from neptune_frames.sources.archive import ArchiveSource

        return ArchiveSource(place, files)

    return _shared("archive", f"{place}\n{files}", open_one)


def open_server(api_token: str, proxies: Mapping[str, str] | None = None) -> Source:
    """The process's source for a server, named by an API token (and reached through these proxies)."""

    def open_one() -> Source:
        from neptune_frames.sources.remote import RemoteSource

        return RemoteSource(api_token, proxies=proxies)

    routes = "" if not proxies else "\n".join(sorted(f"{scheme}\t{url}" for scheme, url in proxies.items()))
    return _shared("remote", f"{unquoted(api_token)}\n{routes}", open_one)


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def _shared(kind: str, identity: str, open_one: Callable[[], Source]) -> Source:
    """The process's source of that identity, which is kept as a digest: it may be a token."""
    key = kind, hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    with _lock:
        source = _sources.get(key)
        if source is None:
            source = _sources[key] = open_one()
        return source


def _forget_sources() -> None:
    """After a fork: connections must not be shared with the parent, and the lock may have been held."""
    global _lock
    _lock = threading.Lock()
    _sources.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_sources)

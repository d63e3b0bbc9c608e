"""Every environment variable the library reads, in one table, read when it is needed.

`python -c "import neptune_frames.config as c; print(c.describe())"` prints the table; docs/configuration.md shows it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from neptune_frames.errors import InvalidSettingError

T = TypeVar("T")
Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Setting(Generic[T]):
    """One environment variable. ``get()`` parses it; empty or unset gives the default.

    Aliases are older names of the same setting, looked up in order when the first is unset.
    """

    name: str
    default: T
    parse: Callable[[str], T]
    meaning: str
    aliases: tuple[str, ...] = ()
    #: What an empty text means, where it differs from "unset".
    empty: Any = None

    def get(self) -> T:
        for name in (self.name, *self.aliases):
            text = os.environ.get(name)
            if text is None:
                continue
            if not text.strip():
                return self.empty if self.empty is not None else self.default
            try:
                return self.parse(text.strip())
            except ValueError as error:
                raise InvalidSettingError(name, text, error) from None
        return self.default


def _whole_number(text: str) -> int:
    value = _number(text, int)
    if value is None:
        raise ValueError("it must be a whole number")
    return value


def _count(text: str) -> int:
    value = _number(text, int)
    if value is None or value < 0:
        raise ValueError("it must be a whole number, 0 or more")
    return value


def _positive_int(text: str) -> int:
    value = _number(text, int)
    if value is None or value < 1:
        raise ValueError("it must be a whole number, 1 or more")
    return value


def _seconds(text: str) -> float:
    value = _number(text, float)
    if value is None or not value >= 0:
        raise ValueError("it must be a number of seconds, 0 or more")
    return value


def _timeout(text: str) -> float:
    value = _number(text, float)
    if value is None or not 0 < value < UNLIMITED:
        raise ValueError("it must be a number of seconds, more than 0")
    return value


def _number(text: str, kind: Callable[[str], Number]) -> Number | None:
    """A number, None for what is none."""
    try:
        return kind(text)
    except ValueError:
        return None


def _flag(text: str) -> bool:
    # No other word is taken for "no": it would turn off what keeps connections safe.
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    raise ValueError("it must be true, 1, yes or on, or else false, 0, no or off")


UNLIMITED = float("inf")

API_TOKEN = Setting("NEPTUNE_API_TOKEN", None, str, "API token of a server")
PROJECT = Setting("NEPTUNE_PROJECT", None, str, "default project, workspace/name")
ARCHIVE = Setting("NEPTUNE_ARCHIVE", None, str, "directory or URL of a Parquet archive to read instead of a server")
ARCHIVE_FILES = Setting(
    "NEPTUNE_ARCHIVE_FILES", None, str, "directory of the archive's file payloads (default: `files` beside the data)"
)
HTTP_TIMEOUT = Setting(
    "NEPTUNE_HTTP_REQUEST_TIMEOUT_SECONDS",
    60.0,
    _timeout,
    "seconds without a sign of the server, while connecting, sending or receiving, after which a request has failed",
)
VERIFY_SSL = Setting("NEPTUNE_VERIFY_SSL", True, _flag, "verify TLS certificates")
RETRY_SOFT_TIMEOUT = Setting(
    "NEPTUNE_QUERY_RETRY_SOFT_TIMEOUT",
    1800.0,
    _seconds,
    "seconds of retries, waits asked for by the server not counted; empty: no limit",
    ("NEPTUNE_FETCHER_RETRY_SOFT_TIMEOUT",),
    UNLIMITED,
)
RETRY_HARD_TIMEOUT = Setting(
    "NEPTUNE_QUERY_RETRY_HARD_TIMEOUT",
    3600.0,
    _seconds,
    "seconds of retries in all; empty: no limit",
    ("NEPTUNE_FETCHER_RETRY_HARD_TIMEOUT",),
    UNLIMITED,
)
MAX_WORKERS = Setting(
    "NEPTUNE_QUERY_MAX_WORKERS", 10, _positive_int, "requests in flight at most", ("NEPTUNE_FETCHER_MAX_WORKERS",)
)
SEARCH_PAGE_SIZE = Setting(
    "NEPTUNE_QUERY_EXPERIMENT_SYS_ATTRS_BATCH_SIZE",
    10_000,
    _positive_int,
    "runs in one search page",
    ("NEPTUNE_FETCHER_EXPERIMENT_SYS_ATTRS_BATCH_SIZE",),
)
DEFINITIONS_PAGE_SIZE = Setting(
    "NEPTUNE_QUERY_ATTRIBUTE_DEFINITIONS_BATCH_SIZE",
    10_000,
    _positive_int,
    "definitions in one page",
    ("NEPTUNE_FETCHER_ATTRIBUTE_DEFINITIONS_BATCH_SIZE",),
)
VALUES_PAGE_SIZE = Setting(
    "NEPTUNE_QUERY_ATTRIBUTE_VALUES_BATCH_SIZE",
    10_000,
    _positive_int,
    "attribute values in one page and request",
    ("NEPTUNE_FETCHER_ATTRIBUTE_VALUES_BATCH_SIZE", "NEPTUNE_FETCH_COLUMNS_BATCH_SIZE"),
)
MAX_REQUEST_SIZE = Setting(
    "NEPTUNE_QUERY_MAX_REQUEST_SIZE",
    220_000,
    _positive_int,
    "bytes of ids and names in one request",
    ("NEPTUNE_FETCHER_QUERY_SIZE_LIMIT",),
)
MAX_NAME_FILTER_SIZE = Setting(
    "NEPTUNE_QUERY_MAX_ATTRIBUTE_FILTER_SIZE", 60_000, _positive_int, "bytes of exact names in one name filter"
)
MAX_PROJECTED_ATTRIBUTES = Setting(
    "NEPTUNE_QUERY_ENTRIES_SEARCH_MAX_PROJECTION_ATTRIBUTES",
    1000,
    _count,
    "longest list of names asked for within the search itself (0: none is)",
)
SERIES_BATCH_SIZE = Setting(
    "NEPTUNE_QUERY_SERIES_BATCH_SIZE",
    10_000,
    _positive_int,
    "series in one request",
    ("NEPTUNE_FETCHER_SERIES_BATCH_SIZE",),
)
LONGEST_FIELD_NAME = Setting(
    "NEPTUNE_MAX_ACCEPTABLE_PATH_SIZE", 1024, _positive_int, "bytes of the longest name that `field_names` lists"
)
LARGE_TABLE = Setting(
    "NEPTUNE_WARN_AT_DATAFRAME_SIZE",
    1_000_000,
    _whole_number,
    "cells from which neptune_fetcher warns of a large table (0: never)",
)
FILES_BATCH_SIZE = Setting("NEPTUNE_QUERY_FILES_BATCH_SIZE", 200, _positive_int, "files signed in one request")
FILES_TIMEOUT = Setting(
    "NEPTUNE_QUERY_FILES_TIMEOUT",
    None,
    _timeout,
    "the same for transfers of files (default: that of requests)",
    ("NEPTUNE_FETCHER_FILES_TIMEOUT",),
)
METADATA = Setting("NEPTUNE_QUERY_METADATA", "", str, "text or JSON sent along with each request")
PROGRESS_BAR = Setting("NEPTUNE_PROGRESS_BAR", True, _flag, "progress bars on a terminal")
SERVER_SECRET = Setting(
    "NEPTUNE_FRAMES_SECRET",
    None,
    str,
    "secret of a server started with `neptune-frames serve`, for that command and `token`",
)
CACHE_DIR = Setting(
    "NEPTUNE_FRAMES_CACHE", None, str, "directory of catalogs of large archives (default: the user's cache), or `off`"
)
FILE_COPIES_BYTES = Setting(
    "NEPTUNE_FRAMES_FILE_COPIES_BYTES",
    2 * 1024**3,
    _positive_int,
    "bytes of files that a server over an object store keeps copies of, in the temporary directory",
)

SETTINGS: tuple[Setting[Any], ...] = tuple(value for value in list(globals().values()) if isinstance(value, Setting))


def describe() -> str:
    """The table of settings as Markdown."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for setting in SETTINGS:
        names = ", ".join(f"`{name}`" for name in (setting.name, *setting.aliases))
        default = "" if setting.default in (None, "") else f"`{setting.default}`"
        rows.append(f"| {names} | {default} | {setting.meaning} |")
    return "\n".join(rows)

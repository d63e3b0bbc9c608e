"""Every error of the library.

    Exception
    └─ NeptuneError(message)
       ├─ NeptuneUserError                    the caller can fix it
       │  ├─ NeptuneProjectNotProvided
       │  ├─ NeptuneApiTokenNotProvided
       │  ├─ NeptuneInvalidCredentialsError
       │  ├─ InvalidApiTokenError             (also ValueError)
       │  ├─ InvalidSettingError              (also ValueError) an environment variable
       │  ├─ QuerySyntaxError                 (also ValueError, NeptuneUnexpectedResponseError) NQL text or
       │  │                                   regular expression
       │  └─ MissingDependencyError           (also ImportError)
       ├─ NeptuneFailedToFetchClientConfig
       ├─ NeptuneProjectInaccessible
       │  └─ ProjectNotFoundError             (also NeptuneUnexpectedResponseError) a server's 404
       ├─ AttributeTypeInferenceError
       ├─ ConflictingAttributeTypes
       ├─ NeptuneUnexpectedResponseError
       │  └─ NotNeptuneServerError            something else answers at the address
       ├─ NeptuneRetryError
       ├─ NeptuneFileDownloadError
       ├─ WireDecodingError                   (also ValueError) bytes that are not the message they claim
       │  └─ MismatchedAnswerError            a message, but no answer to what was asked
       └─ ArchiveError
          ├─ DamagedFileError
          └─ ForkedProcessError                an archive or a scan read in a process forked from one that used Polars

The classes that `neptune_query.exceptions` documents keep their constructors. Each message says what
happened, to what, and what to do next; the parts are attributes too, and every error pickles.
"""

from __future__ import annotations

import copyreg
import re
from collections.abc import Iterable, Sequence
from typing import Any

from neptune_frames.counted import counted

#: What the drop-in packages call the argument that gives each type its own column.
SUFFIX_PARAMETER = "type_suffix_in_column_names"

_CONTENT_SHOWN = 1000
_NAMES_SHOWN = 10
#: API tokens and the parts of access tokens: base64 of JSON.
_TOKEN = re.compile(r"\beyJ[\w+/=.-]{24,}")


class NeptuneError(Exception):
    """Base of all errors. ``message`` is formatted with the keyword arguments, if there are any.

    Whatever got into a message by mistake, a token as the name of a project or an address with a password for example,
    no secret is shown.
    """

    def __init__(self, message: str, **kwargs: Any) -> None:
        text = message.format(**kwargs) if kwargs else message
        super().__init__(without_secrets(text) if isinstance(text, str) else text)

    def _reword(self, message: str) -> None:
        """Say something else."""
        self.args = (without_secrets(message),)

    def __reduce__(self) -> tuple[Any, ...]:
        # Rebuild without calling __init__, whose parameters differ from class to class.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class NeptuneUserError(NeptuneError):
    """Something the caller can fix."""


class NeptuneProjectNotProvided(NeptuneUserError):
    """``held`` are the projects of the archive that would have been read."""

    def __init__(self, held: Sequence[str] = ()) -> None:
        among = f" The archive holds {_first_of(held)}." if held else ""
        super().__init__(
            "No project was given. Pass project='workspace/name', or set the environment variable NEPTUNE_PROJECT."
            f"{among}"
        )


class NeptuneApiTokenNotProvided(NeptuneUserError):
    def __init__(self) -> None:
        super().__init__(
            "There is nothing to read from: no API token and no archive is set. Pass source= (neptune_frames) or call "
            "set_api_token() (neptune_query), set NEPTUNE_API_TOKEN, or set NEPTUNE_ARCHIVE to the directory of a "
            "Parquet export."
        )


class NeptuneInvalidCredentialsError(NeptuneUserError):
    """The server rejected the API token; ``reason`` is what it says of it, if it does."""

    def __init__(self, reason: str | None = None) -> None:
        said = "" if reason is None else f" It says: {reason[:_CONTENT_SHOWN]}"
        super().__init__(
            "The server rejected the API token. Put a valid one into NEPTUNE_API_TOKEN or pass it to set_api_token()."
            f"{said}"
        )


class InvalidApiTokenError(NeptuneUserError, ValueError):
    """The API token cannot be read. The token itself is never part of the message."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The API token cannot be used: {reason}. Copy it again from the server "
            "(`neptune-frames token URL` prints one for a neptune-frames server)."
        )


class InvalidSettingError(NeptuneUserError, ValueError):
    """An environment variable has a value that cannot be used."""

    def __init__(self, variable: str, value: str, reason: object) -> None:
        super().__init__(f"The environment variable {variable}={value!r} cannot be used: {reason}")


class MissingDependencyError(NeptuneUserError, ImportError):
    def __init__(self, package: str, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs {package}. Install it with: pip install 'neptune-frames[{extra}]'")


class NeptuneFailedToFetchClientConfig(NeptuneError):
    def __init__(self, exception: BaseException | str) -> None:
        super().__init__(f"The server's client configuration could not be fetched: {exception}")


class NeptuneProjectInaccessible(NeptuneError):
    """There is no such project. For an archive, the message says where it is and which projects it holds."""

    def __init__(self, project: str | None = None, *, archive: str | None = None, held: Sequence[str] = ()) -> None:
        self.project = project
        named = "The project" if project is None else f"Project {project!r}"
        if archive is None:
            problem = (
                "does not exist or is not accessible. Check its name (workspace/name) and the token's permissions."
            )
        elif held:
            problem = f"does not exist in the archive {archive}, which holds {_first_of(held)}."
        else:
            problem = f"does not exist in the archive {archive}, which holds no project."
        NeptuneError.__init__(self, f"{named} {problem}")


class AttributeTypeInferenceError(NeptuneError):
    def __init__(self, attribute_names: Iterable[str], details: Iterable[str] | None = None) -> None:
        self.attribute_names = list(attribute_names)
        self.details = list(details or ())
        lines = "".join(f"\n  {line}" for line in self.details)
        super().__init__(
            f"The type of {_quoted(self.attribute_names)} could not be determined.{lines}\n"
            'Give the type: Attribute("name", type="float").'
        )


class ConflictingAttributeTypes(NeptuneError):
    """``parameter`` names the argument that gives each type its own column."""

    def __init__(self, attribute_names: Iterable[str], parameter: str = SUFFIX_PARAMETER) -> None:
        self.attribute_names = list(attribute_names)
        have = "has" if len(self.attribute_names) == 1 else "have"
        super().__init__(
            f"{_quoted(self.attribute_names)} {have} several types across the selected runs. Pass "
            f"{parameter}=True for one column per type, or narrow the types with "
            'AttributeFilter(name=..., type="...").'
        )


class NeptuneUnexpectedResponseError(NeptuneError):
    """The server answered with a status that is neither a success nor worth a retry. ``url`` is what was asked."""

    def __init__(self, status_code: int | None, content: bytes | str | None, *, url: str | None = None) -> None:
        self.status_code = None if status_code is None else int(status_code)
        self.content = content
        self.url = url
        asked = "" if url is None else f" a request to {url}"
        super().__init__(
            f"The server answered{asked} unexpectedly: HTTP status {self.status_code}: {_extract(content)}"
        )


class NotNeptuneServerError(NeptuneUnexpectedResponseError):
    """What answers at ``url``, the address in the API token, is no Neptune server."""

    def __init__(self, status_code: int, content: bytes | str | None, *, url: str) -> None:
        super().__init__(status_code, content, url=url)
        self._reword(
            f"{url} does not answer as a Neptune server: HTTP status {self.status_code}: "
            f"{_extract(content)}. Check the address in the API token, and proxies."
        )


class ProjectNotFoundError(NeptuneProjectInaccessible, NeptuneUnexpectedResponseError):
    """A server knows no such project: both what callers are told to catch, and the status 404 it answered with."""

    def __init__(self, project: str | None, content: bytes | str | None = None) -> None:
        self.project = project
        self.status_code = 404
        self.content = content
        named = "The project" if project is None else f"Project {project!r}"
        NeptuneError.__init__(
            self,
            f"{named} does not exist or is not accessible: the server answered HTTP status 404. Check its name "
            "(workspace/name), the token's permissions, and that the token is one of this server.",
        )


class QuerySyntaxError(NeptuneUserError, NeptuneUnexpectedResponseError, ValueError):
    """NQL text or a regular expression that cannot be understood. ``position`` counts characters from 0.

    Also a `NeptuneUnexpectedResponseError`, with the status that a server answers such a query with, since
    that is what callers are documented to catch: an archive has no server to refuse the query, and a
    regular expression is refused before one is asked.
    """

    def __init__(self, message: str, *, query: str | None = None, position: int | None = None) -> None:
        self.query = query
        self.position = position
        self.status_code = 400
        self.content = None
        where = "" if position is None else f" (at character {position + 1})"
        NeptuneUserError.__init__(self, f"{message}{where}")


class NeptuneRetryError(NeptuneError):
    """Retries were used up."""

    def __init__(
        self,
        retries: int,
        time: float,
        last_status_code: int | None = None,
        last_content: bytes | str | None = None,
        url: str | None = None,
        *,
        last_error: BaseException | None = None,
    ) -> None:
        self.retries = retries
        self.time = time
        self.last_status_code = None if last_status_code is None else int(last_status_code)
        self.last_content = last_content
        self.url = url
        at = f" to {url}" if url else ""
        if last_status_code is not None:
            last = f"HTTP status {self.last_status_code}: {_extract(last_content)}"
        else:
            last = "no answer" if last_error is None else f"no answer ({network_failure_told(last_error)})"
        super().__init__(
            f"A request{at} failed after {counted(retries, 'retry')} within {time:.2f} seconds; "
            f"last: {last.rstrip('.')}. The limits are NEPTUNE_QUERY_RETRY_SOFT_TIMEOUT and "
            "NEPTUNE_QUERY_RETRY_HARD_TIMEOUT (seconds)."
        )


class NeptuneFileDownloadError(NeptuneError):
    def __init__(
        self,
        details: str | None = None,
        last_status_code: int | None = None,
        last_content: bytes | str | None = None,
    ) -> None:
        self.details = details
        self.last_status_code = None if last_status_code is None else int(last_status_code)
        self.last_content = last_content
        last = (
            "" if last_status_code is None else f" Last: HTTP status {self.last_status_code}: {_extract(last_content)}"
        )
        super().__init__(f"A file could not be downloaded: {details}.{last}")


class WireDecodingError(NeptuneError, ValueError):
    """Bytes that do not hold the message they should hold.

    ``position`` is a byte offset; ``request`` says what they are the answer to, where that is known.
    """

    def __init__(self, message: str, *, position: int | None = None) -> None:
        self.position = position
        self.request: str | None = None
        self._message = message
        where = "" if position is None else f" at byte {position}"
        self.reason = f"{message}{where}"
        super().__init__(f"The body could not be decoded: {self.reason}")

    def move(self, position: int) -> None:
        """Count from the start of the body: what was decoded was a copy of parts of it."""
        WireDecodingError.__init__(self, self._message, position=position)

    def name_request(self, request: str) -> None:
        """Say what was asked, and what to do: whoever decodes does not know. The first one who does is believed."""
        if self.request is None:
            self.request = request
            self._reword(self._told(request))

    def _told(self, request: str) -> str:
        return (
            f"The answer to {request} could not be decoded: {self.reason}. Check that the address in the API token is "
            "that of a Neptune 3 server, and not of a page in front of it; if it is, please report this message."
        )


class MismatchedAnswerError(WireDecodingError):
    """An answer that can be read and disagrees with what was asked, or never comes to an end."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self._reword(f"The answer does not fit what was asked: {self.reason}")

    def _told(self, request: str) -> str:
        return (
            f"The answer to {request} does not fit what was asked: {self.reason}. The server, or a proxy in front of "
            "it, is at fault: ask again, and if it stays so, report this message to whoever runs it."
        )


class ArchiveError(NeptuneError):
    """An archive cannot be read as asked."""


class DamagedFileError(ArchiveError):
    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(
            f"{path} is damaged: {reason.rstrip('.')}. Restore the file, or move it away to read the rest."
        )


class ForkedProcessError(ArchiveError):
    """An archive or a lazy frame was to be read in a process forked from one that had used Polars."""

    def __init__(self) -> None:
        super().__init__(
            "Archives and lazy frames cannot be read in this process: it was forked from one that had used Polars, "
            'whose threads do not survive a fork. Use multiprocessing.get_context("spawn") (or "forkserver"), or pass '
            'that context to ProcessPoolExecutor(mp_context=...); joblib\'s "loky" backend does this by itself. '
            "Threads work too."
        )


class NeptuneWarning(Warning):
    """Something in a response could not be used."""

    def __init__(self, message: str = "", **kwargs: Any) -> None:
        super().__init__(message.format(**kwargs) if kwargs else message)


def without_secrets(text: str) -> str:
    """A text for people to read: no token is shown, and no password in an address.

    >>> without_secrets("no answer from https://me:secret@host/api")
    'no answer from https://***@host/api'
    """
    return _TOKEN.sub("(a token)", without_passwords(text))


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _first_of(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
    return f"{_quoted(names[:_NAMES_SHOWN])}{more}"


def network_failure_told(error: BaseException) -> str:
    """A network error in one line; addresses in it may hold passwords, those of proxies for example."""
    text = without_passwords(" ".join(str(error).split()))[:_CONTENT_SHOWN]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def without_passwords(text: str) -> str:
    """A text for people to read: addresses in it without the user and password that they may hold.

    >>> without_passwords("no answer from https://me:secret@host/api")
    'no answer from https://***@host/api'
    """
    return re.sub(r"//[^/\s]*@", "//***@", text)


def _extract(content: bytes | str | None) -> str:
    """The beginning of a body that is text or JSON; what a page or binary content is, in words."""
    if not content:
        return "(no content)"
    if isinstance(content, bytes):
        try:
            content = content.decode()
        except UnicodeDecodeError:
            return f"(no text, but {counted(len(content), 'byte')})"
    if content.lstrip().startswith("<"):
        return "(a page of HTML or XML)"
    return content[:_CONTENT_SHOWN]

"""File downloads: URLs are signed in batches (endpoint G) and fetched side by side.

A file is written beside its target and renamed when it is complete. What a broken transfer leaves behind
is kept, and the next one continues after it.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import httpx

from neptune_frames import config
from neptune_frames.errors import (
    MismatchedAnswerError,
    NeptuneFileDownloadError,
    NeptuneRetryError,
    network_failure_told,
)
from neptune_frames.progress import progress_bar
from neptune_frames.sources.base import FileRequest, distinct_files
from neptune_frames.sources.remote.bodies import content_length, read_error, whole_number
from neptune_frames.sources.remote.concurrency import Step, cancellable_sleep, check_cancelled, fetch_unordered
from neptune_frames.sources.remote.connections import Connections
from neptune_frames.sources.remote.responses import RetryableAnswer, answer_to, check, is_retryable
from neptune_frames.sources.remote.retries import RetryPolicy
from neptune_frames.sources.remote.session import Session
from neptune_frames.wire import paths
from neptune_frames.wire.media_types import JSON
from neptune_frames.wire.requests import (
    FileToSign,
    SignedFile,
    SignedUrlAnswer,
    SignedUrlRequest,
    decode_message,
    encode_message,
)

#: Tries of one transfer; each continues where the one before broke off.
TRIES = 6

#: How often one URL is signed anew because it was refused.
NEW_SIGNATURES = 2

#: Statuses of an expired URL: 400 on gcp, 403 on aws, 401 and 403 on azure.
_EXPIRED = frozenset({400, 401, 403})

# httpx logs every URL at INFO; a signed URL opens the file to whoever reads the log.
if logging.getLogger("httpx").level == logging.NOTSET:
    logging.getLogger("httpx").setLevel(logging.WARNING)


class Downloads:
    """Downloads of one server's files. Storage is another host: it is never sent the server's credentials."""

    def __init__(
        self,
        session: Session,
        proxies: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self._session = session
        self._retry_policy = retry_policy or RetryPolicy()
        self._connections = Connections(proxies, transport, timeout=config.FILES_TIMEOUT.get(), follow_redirects=True)

    def fetch(self, files: Sequence[FileRequest], *, progress: bool = True) -> list[bool]:
        """Whether each file exists. Existing ones are at their targets.

        Raises:
            NeptuneFileDownloadError: A file exists but could not be brought; files brought before it stay.
            ValueError: Two different files have the same target.
        """
        unique = distinct_files(files)
        found: dict[FileRequest, bool] = {}
        with progress_bar(len(unique), "files", enabled=progress) as bar:
            for file, exists in fetch_unordered(self._transfers(unique)):
                found[file] = exists
                bar.advance(1)
        return [found[file] for file in files]

    def close(self) -> None:
        self._connections.close()

    def _transfers(self, files: Sequence[FileRequest]) -> Iterator[partial[Step[tuple[FileRequest, bool]]]]:
        """URLs are signed when transfers are about to start, so that they do not expire in the queue."""
        size = config.FILES_BATCH_SIZE.get()
        for start in range(0, len(files), size):
            batch = files[start : start + size]
            for file, signed in zip(batch, self._sign(batch), strict=True):
                yield partial(self._bring, file, signed.url)

    def _bring(self, file: FileRequest, url: str) -> Step[tuple[FileRequest, bool]]:
        transfer = _Transfer(self._connections, file, url, lambda: self._sign([file])[0].url)
        try:
            exists = self._retry_policy.run(
                transfer.attempt,
                url=f"the storage of {file.path!r}",
                sleep=cancellable_sleep(self._retry_policy.sleep),
                tries=TRIES,
            )
        except NeptuneRetryError as error:
            reason = f"{file.path} ({error.retries} tries: {_reason(error)})"
            raise NeptuneFileDownloadError(reason, error.last_status_code, error.last_content) from error
        except httpx.InvalidURL:
            # Neither shown nor chained: what is wrong in a signed URL may stand in what opens the file.
            raise NeptuneFileDownloadError(f"{file.path} (its signed URL is not valid)") from None
        except httpx.HTTPError as error:
            raise NeptuneFileDownloadError(f"{file.path} ({network_failure_told(error)})") from None
        return Step((file, exists))

    def _sign(self, files: Sequence[FileRequest]) -> list[SignedFile]:
        """One URL per file. Answers come by position; the paths they repeat must be those asked for."""
        asked = [FileToSign(path=file.path, permission="read", project_identifier=file.project) for file in files]
        signed: list[SignedFile] = self._session.call(
            "POST",
            paths.SIGNED_URLS,
            lambda body, _: decode_message(body, SignedUrlAnswer).files,
            answers=JSON,
            content=encode_message(SignedUrlRequest(files=asked)),
        )
        with answer_to(paths.SIGNED_URLS):
            if [file.path for file in signed] != [file.path for file in files]:
                raise MismatchedAnswerError("the signed files are not those that were asked for")
        return signed


class _Transfer:
    """One file on its way, over several tries."""

    def __init__(self, connections: Connections, file: FileRequest, url: str, sign_again: Callable[[], str]) -> None:
        self._connections = connections
        self._file = file
        self._url = url
        self._sign_again = sign_again
        self._signatures_left = NEW_SIGNATURES
        self._entity_tag: str | None = None
        self._part = part_path(file)

    def attempt(self) -> bool:
        """Bring the rest of the file. False if it does not exist; an existing local file is left alone then."""
        while True:
            check_cancelled()
            with closing(self._ask()) as response:
                if response.status_code in (200, 206):
                    self._finish(self._receive(response))
                    return True
                if response.status_code == 404:
                    self._part.unlink(missing_ok=True)
                    return False
                if response.status_code == 416:
                    # The part is not the beginning of this file; without it, the next answer is whole.
                    self._part.unlink(missing_ok=True)
                    raise RetryableAnswer(416, b"", None)
                if response.status_code not in _EXPIRED or not self._signatures_left:
                    self._fail(response)
            self._signatures_left -= 1
            self._url = self._sign_again()

    def _ask(self) -> httpx.Response:
        headers = {"Accept-Encoding": "identity"}
        received = self._received()
        if received:
            headers["Range"] = f"bytes={received}-"
            if self._entity_tag is not None:
                headers["If-Range"] = self._entity_tag
        return self._connections.send(httpx.Request("GET", self._url, headers=headers), stream=True)

    def _received(self) -> int:
        try:
            return self._part.stat().st_size
        except FileNotFoundError:
            return 0

    def _receive(self, response: httpx.Response) -> os.stat_result:
        """Write what comes into the part; return which file that is."""
        tag = response.headers.get("ETag", "")
        self._entity_tag = tag if tag.startswith('"') else None
        start, size = _extent(response)
        known = self._file.size_bytes
        if start not in (0, self._received()) or (start and known is not None and size not in (None, known)):
            self._part.unlink(missing_ok=True)
            raise httpx.RemoteProtocolError("the storage continued the file at another place than asked")
        self._part.parent.mkdir(parents=True, exist_ok=True)
        if not start:
            # Another download may be writing it: that one then notices, rather than go on behind a gap.
            self._part.unlink(missing_ok=True)
        with self._part.open("r+b" if start else "wb") as part:
            written = os.fstat(part.fileno())
            part.seek(start)
            for piece in response.iter_raw():
                check_cancelled()
                part.write(piece)
            part.truncate()
            end = part.tell()
        if size is not None and end != size:
            raise httpx.RemoteProtocolError(f"the file ended after {end} of {size} bytes")
        return written

    def _finish(self, written: os.stat_result) -> None:
        try:
            if os.path.samestat(written, self._part.stat()):
                self._part.replace(self._file.target)
                return
        except FileNotFoundError:
            pass
        raise httpx.RemoteProtocolError("another download of the same file came in between")

    def _fail(self, response: httpx.Response) -> None:
        content = read_error(response)
        if is_retryable(response.status_code):
            check(response.status_code, response.headers, content)
        raise NeptuneFileDownloadError(self._file.path, response.status_code, content)


def part_path(file: FileRequest) -> Path:
    """Where a file grows: beside its target, under a short name that no other file shares."""
    identity = "\n".join((file.project, file.path, file.target.name))
    digest = hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    return file.target.parent / f".{digest}.part"


def _extent(response: httpx.Response) -> tuple[int, int | None]:
    """Where the body starts in the file, and how large the whole file is (None if the answer does not say)."""
    if response.status_code == 200:
        return 0, content_length(response)
    span, _, size = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    start = whole_number(span.partition("-")[0].strip())
    if start is None:
        raise httpx.RemoteProtocolError("the storage sent part of a file without saying which")
    return start, whole_number(size)


def _reason(error: NeptuneRetryError) -> str:
    cause = error.__cause__
    return "no usable answer" if cause is None else (str(cause) or type(cause).__name__)

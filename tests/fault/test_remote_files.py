"""Downloads: resumed, signed again, missing, broken; never half a file at its target."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import httpx
import pytest

from neptune_frames.errors import NeptuneFileDownloadError, WireDecodingError
from neptune_frames.sources.base import FileRequest
from neptune_frames.sources.remote.files import TRIES, part_path

SIGN = "/api/storagebridge/v1/signedUrl"
CONTENT = bytes(range(256)) * 400

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def signing(provider: str = "gcp", storage: str = "http://storage.invalid") -> Any:
    """Signs every file; each signature differs, so that a new one can be told."""
    count = iter(range(1000))

    def answer(request: httpx.Request) -> httpx.Response:
        signature = next(count)
        files = [
            {
                "project_identifier": file["project_identifier"],
                "path": file["path"],
                "url": f"{storage}/{file['path']}?X-Goog-Signature=SECRET{signature}",
                "provider": provider,
            }
            for file in json.loads(request.content)["files"]
        ]
        return httpx.Response(200, json={"files": files})

    return answer


def stored(content: bytes = CONTENT, *, ranges: bool = True, breaks_after: int | None = None) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        asked = request.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and ranges else 0
        if start >= len(content) and asked:
            return httpx.Response(416)
        body = content[start:]
        headers = {"Content-Length": str(len(body)), "ETag": '"one"'}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        sent = body if breaks_after is None else body[:breaks_after]
        return httpx.Response(
            206 if start else 200, headers=headers, stream=_Stream(sent, broken=breaks_after is not None)
        )

    return answer


class _Stream(httpx.SyncByteStream):
    def __init__(self, content: bytes, *, broken: bool) -> None:
        self._content = content
        self._broken = broken

    def __iter__(self):
        yield self._content
        if self._broken:
            raise httpx.RemoteProtocolError("peer closed connection")


def file_at(target: Path, path: str = "f", size: int | None = len(CONTENT)) -> FileRequest:
    return FileRequest("acme/vision", path, size, target)


def leftovers(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob("*.part"))


def test_files_arrive_at_their_targets(server, tmp_path, monkeypatch):
    monkeypatch.setenv("NEPTUNE_QUERY_FILES_BATCH_SIZE", "2")
    server.on(SIGN, signing())
    files = [file_at(tmp_path / "deep" / str(index) / "x.bin", f"f{index}") for index in range(5)]
    for file in files:
        server.on(f"/{file.path}", stored())
    assert server.source().fetch_files([*files, files[0]], progress=False) == [True] * 6
    assert all(file.target.read_bytes() == CONTENT for file in files)
    assert leftovers(tmp_path) == []
    assert [len(body["files"]) for body in server.bodies(SIGN)] == [2, 2, 1]
    downloads = [request for request in server.requests if request.url.host == "storage.invalid"]
    assert len(downloads) == 5
    assert not any("Authorization" in request.headers for request in downloads)


def test_an_empty_file_is_a_file(server, tmp_path):
    server.on(SIGN, signing())
    server.on("/f", stored(b""))
    assert server.source().fetch_files([file_at(tmp_path / "x", size=0)]) == [True]
    assert (tmp_path / "x").read_bytes() == b""


def test_a_missing_file_leaves_a_local_one_alone(server, tmp_path):
    server.on(SIGN, signing())
    (tmp_path / "x").write_bytes(b"mine")
    assert server.source().fetch_files([file_at(tmp_path / "x")]) == [False]
    assert (tmp_path / "x").read_bytes() == b"mine"
    assert leftovers(tmp_path) == []


def test_a_broken_transfer_goes_on_where_it_stopped(server, tmp_path):
    server.on(SIGN, signing())
    server.on("/f", stored(breaks_after=1000), stored(breaks_after=500), stored())
    assert server.source().fetch_files([file_at(tmp_path / "x")]) == [True]
    assert (tmp_path / "x").read_bytes() == CONTENT
    ranges = [request.headers.get("Range") for request in server.requests if request.url.path == "/f"]
    assert ranges == [None, "bytes=1000-", "bytes=1500-"]
    assert server.requests[-1].headers["If-Range"] == '"one"'


def test_a_later_call_goes_on_with_what_an_earlier_one_left(server, tmp_path):
    server.on(SIGN, signing())
    file = file_at(tmp_path / "x")
    part_path(file).write_bytes(CONTENT[:777])
    server.on("/f", stored())
    assert server.source().fetch_files([file]) == [True]
    assert file.target.read_bytes() == CONTENT
    assert server.requests[-1].headers["Range"] == "bytes=777-"


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("second_breaks", [False, True])
def test_of_two_downloads_of_one_file_none_spoils_the_other(server, tmp_path, ranges, second_breaks):
    server.on(SIGN, signing())
    file = file_at(tmp_path / "x")
    second = []

    class Overtaken(httpx.SyncByteStream):
        def __iter__(self):
            yield CONTENT[:50_000]  # more than is buffered
            try:
                second.append(server.source().fetch_files([file]))
            except NeptuneFileDownloadError as error:
                second.append(error)
            yield CONTENT[50_000:]

    whole = {"Content-Length": str(len(CONTENT)), "ETag": '"one"'}
    tries = [stored(ranges=ranges, breaks_after=1000)] * TRIES if second_breaks else [stored(ranges=ranges)]
    server.on("/f", httpx.Response(200, headers=whole, stream=Overtaken()), *tries, stored(ranges=ranges))
    assert server.source().fetch_files([file]) == [True]
    assert isinstance(second[0], NeptuneFileDownloadError) if second_breaks else second == [[True]]
    assert file.target.read_bytes() == CONTENT
    assert leftovers(tmp_path) == []


def test_a_storage_without_ranges_starts_over(server, tmp_path):
    server.on(SIGN, signing())
    file = file_at(tmp_path / "x")
    part_path(file).write_bytes(b"z" * 777)
    server.on("/f", stored(ranges=False))
    assert server.source().fetch_files([file]) == [True]
    assert file.target.read_bytes() == CONTENT


@pytest.mark.parametrize("content", [CONTENT[:100], CONTENT * 2])
def test_a_part_that_cannot_belong_to_the_file_is_dropped(server, tmp_path, content):
    server.on(SIGN, signing())
    file = file_at(tmp_path / "x", size=len(content))
    part_path(file).write_bytes(b"z" * 100)
    other = stored(content + b"more") if len(content) > 100 else stored(content)
    server.on("/f", other, stored(content))
    assert server.source().fetch_files([file]) == [True]
    assert file.target.read_bytes() == content


def test_nothing_is_at_the_target_when_a_transfer_fails(server, tmp_path):
    server.on(SIGN, signing())
    server.on("/f", httpx.Response(500, content=b"broken"))
    with pytest.raises(NeptuneFileDownloadError) as caught:
        server.source().fetch_files([file_at(tmp_path / "x")])
    assert (caught.value.last_status_code, caught.value.last_content) == (500, b"broken")
    assert not (tmp_path / "x").exists()
    assert len(server.time.waits) == 5
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(("provider", "status"), [("gcp", 400), ("aws", 403), ("azure", 401), ("azure", 403)])
def test_an_expired_url_is_signed_again(server, tmp_path, provider, status):
    server.on(SIGN, signing(provider))
    server.on("/f", httpx.Response(status, content=b"<Code>Expired</Code>"), stored())
    assert server.source().fetch_files([file_at(tmp_path / "x")]) == [True]
    signatures = [request.url.params["X-Goog-Signature"] for request in server.requests if request.url.path == "/f"]
    assert signatures == ["SECRET0", "SECRET1"]


def test_a_url_refused_again_and_again_is_an_error(server, tmp_path):
    server.on(SIGN, signing())
    server.on("/f", httpx.Response(403, content=b"no"))
    with pytest.raises(NeptuneFileDownloadError) as caught:
        server.source().fetch_files([file_at(tmp_path / "x")])
    assert caught.value.last_status_code == 403
    assert server.paths().count("/f") == 3


def test_signatures_for_other_files_are_an_error(server, tmp_path):
    wrong = [{"project_identifier": "a/b", "path": "other", "url": "http://storage.invalid/f", "provider": "gcp"}]
    for files in ([], wrong, wrong * 2):
        server.on(SIGN, httpx.Response(200, json={"files": files}))
        with pytest.raises(WireDecodingError):
            server.source().fetch_files([file_at(tmp_path / "x")])


def test_two_files_with_one_target_are_refused_before_any_request(server, tmp_path):
    with pytest.raises(ValueError, match="same target"):
        server.source().fetch_files([file_at(tmp_path / "x", "f"), file_at(tmp_path / "x", "g")])
    assert server.requests == []


def test_redirects_of_a_storage_are_followed(server, tmp_path):
    server.on(SIGN, signing())
    server.on("/f", httpx.Response(302, headers={"Location": "http://storage.invalid/moved"}))
    server.on("/moved", stored())
    assert server.source().fetch_files([file_at(tmp_path / "x")]) == [True]
    assert (tmp_path / "x").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("storage", "told"),
    [
        ("http://storage.invalid:SECRET", "not valid"),
        ("http://\x00", "not valid"),
        ("ftp://storage.invalid", "unsupported protocol"),
        ("http://storage.invalid", "redirects"),
    ],
)
def test_a_storage_that_no_request_reaches_is_a_failed_download(server, tmp_path, storage, told):
    """The last one redirects to itself, for ever."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.scheme == "ftp":
            raise httpx.UnsupportedProtocol("Request URL has an unsupported protocol 'ftp://'.")  # as the network does
        return httpx.Response(302, headers={"Location": str(request.url)})

    server.on(SIGN, signing(storage=storage))
    server.on("/f", answer)
    with pytest.raises(NeptuneFileDownloadError, match=told) as caught:
        server.source().fetch_files([file_at(tmp_path / "f")], progress=False)
    assert "f (" in str(caught.value)
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


def test_a_short_body_is_not_taken_for_the_file(server, tmp_path):
    def short(request: httpx.Request) -> httpx.Response:
        headers = {"Content-Length": str(len(CONTENT)), "Accept-Ranges": "bytes"}
        return httpx.Response(200, headers=headers, stream=_Stream(CONTENT[:10], broken=False))

    server.on(SIGN, signing())
    server.on("/f", short, stored())
    assert server.source().fetch_files([file_at(tmp_path / "x")]) == [True]
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_a_number_that_is_none_is_not_read_as_one(server, tmp_path):
    """Latin-1 has digits that are no decimal ones."""
    server.on(SIGN, signing())
    unreadable = httpx.Response(200, headers=[(b"Content-Length", b"\xb2")], stream=_Stream(CONTENT, broken=False))
    server.on("/f", unreadable)
    assert server.source().fetch_files([file_at(tmp_path / "x")]) == [True]
    part_path(file_at(tmp_path / "y")).write_bytes(CONTENT[:777])
    spans = [b"bytes \xb2-\xb3/\xb9", b"bytes " + b"9" * 5000 + b"-/*"]
    parts = [httpx.Response(206, headers=[(b"Content-Range", span)], content=b"?") for span in spans]
    server.on("/f", *parts, stored())
    assert server.source().fetch_files([file_at(tmp_path / "y")]) == [True]
    assert (tmp_path / "y").read_bytes() == CONTENT


def test_a_long_file_name_leaves_room_for_the_part(server, tmp_path):
    server.on(SIGN, signing())
    server.on("/f", stored())
    file = file_at(tmp_path / ("n" * 255))
    assert server.source().fetch_files([file]) == [True]
    assert file.target.read_bytes() == CONTENT

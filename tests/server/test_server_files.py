"""Signed URLs and the payloads behind them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from neptune_frames.archives.converting import convert
from neptune_frames.errors import NeptuneWarning
from neptune_frames.server.limits import Limits
from neptune_frames.server.testing import RunningServer, serve_in_thread
from neptune_frames.sources.archive import object_path
from neptune_frames.sources.archive.batch_layout import project_directory
from neptune_frames.sources.archive.object_path import ObjectPath, open_location
from server.small_archive import PAYLOAD, PROJECT, write_small_archive

SIGN = "/api/storagebridge/v1/signedUrl"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    archive = write_small_archive(tmp_path_factory.mktemp("files"))
    with serve_in_thread(archive, limits=Limits(files=50)) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer, connect: Any) -> httpx.Client:
    connected: httpx.Client = connect(server)
    return connected


@pytest.fixture(scope="module")
def stranger() -> Iterator[httpx.Client]:
    """A client without any token: file URLs are fetched by other libraries, which carry none."""
    with httpx.Client(trust_env=False) as plain:
        yield plain


def sign(client: httpx.Client, *paths: str, project: str = PROJECT, permission: str = "read") -> httpx.Response:
    files = [{"project_identifier": project, "path": path, "permission": permission} for path in paths]
    return client.post(SIGN, json={"files": files})


def url_of(client: httpx.Client, path: str, project: str = PROJECT) -> str:
    answer = sign(client, path, project=project)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["files"][0]["url"])


def test_signed_files_come_in_the_order_asked_for(client: httpx.Client) -> None:
    paths = ["run-a/model.bin", "missing", "run-a/model.bin", "run-a/0.txt"]
    files = sign(client, *paths).json()["files"]
    assert [file["path"] for file in files] == paths
    assert {file["provider"] for file in files} == {"gcp"}
    assert {file["project_identifier"] for file in files} == {PROJECT}
    assert sign(client).json() == {"files": []}


def test_signing_leaves_the_event_loop_free(
    server: RunningServer, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = server.state.authority
    sign_one, loops = authority.sign, []

    def watched_sign(text: str, purpose: str) -> str:
        with contextlib.suppress(RuntimeError):
            loops.append(asyncio.get_running_loop())
        return str(sign_one(text, purpose))

    monkeypatch.setattr(authority, "sign", watched_sign)
    assert sign(client, "run-a/model.bin").status_code == 200
    assert loops == []


def test_payload_needs_no_token(client: httpx.Client, stranger: httpx.Client) -> None:
    answer = stranger.get(url_of(client, "run-a/model.bin"))
    assert answer.status_code == 200
    assert answer.content == PAYLOAD
    assert answer.headers["content-type"] == "application/octet-stream"
    assert int(answer.headers["content-length"]) == len(PAYLOAD)


@pytest.mark.parametrize(
    ("range_header", "status", "content"),
    [
        ("bytes=0-9", 206, PAYLOAD[:10]),
        ("bytes=990-", 206, PAYLOAD[990:]),
        ("bytes=-5", 206, PAYLOAD[-5:]),
        ("bytes=0-100000", 206, PAYLOAD),
        ("bytes=100000-", 416, None),
        ("bytes=0-" + "9" * 18, 206, PAYLOAD),
        ("bytes=-0", 416, None),
        ("lines=1-2", 200, PAYLOAD),
        # What is no range, or many, is no mistake of the URL, of which a 400 would tell.
        ("bytes=-", 200, PAYLOAD),
        ("bytes=5-2", 200, PAYLOAD),
        ("bytes=" + "9" * 5000 + "-", 200, PAYLOAD),
        ("bytes=0-" + "9" * 5000, 200, PAYLOAD),
        ("bytes=" + "0-," * 10_000 + "0-", 200, PAYLOAD),
        ("bytes=abc", 200, PAYLOAD),
        ("", 200, PAYLOAD),
    ],
)
def test_ranges(
    client: httpx.Client, stranger: httpx.Client, range_header: str, status: int, content: bytes | None
) -> None:
    answer = stranger.get(url_of(client, "run-a/model.bin"), headers={"Range": range_header})
    assert answer.status_code == status
    assert content is None or answer.content == content


def test_head(client: httpx.Client, stranger: httpx.Client) -> None:
    answer = stranger.head(url_of(client, "run-a/model.bin"))
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(PAYLOAD)
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    "path",
    [
        "run-a/missing.bin",
        "",
        ".",
        "run-a",
        "../secret.txt",
        "../../../../../../etc/passwd",
        "run-a/../../secret.txt",
        "/etc/passwd",
        "//etc/passwd",
        "..\\secret.txt",
        "%2e%2e/secret.txt",
        "run-a/model.bin\x00.txt",
        "a" * 5000,
        "\ud800",
    ],
)
def test_nothing_but_payloads_is_reached(client: httpx.Client, stranger: httpx.Client, path: str) -> None:
    if path == "\ud800":
        body = b'{"files":[{"project_identifier":"acme/vision","path":"\\ud800","permission":"read"}]}'
        assert client.post(SIGN, content=body).status_code in (200, 400)
        return
    answer = stranger.get(url_of(client, path))
    assert answer.status_code == 404
    assert answer.json()["errorType"] == "FILE_NOT_FOUND"


def test_links_out_of_the_payloads_are_not_followed(tmp_path: Path, connect: Any, stranger: httpx.Client) -> None:
    archive = write_small_archive(tmp_path)
    payloads = next((archive / "files").glob("acme_vision-*"))
    (payloads / "link.txt").symlink_to(archive / "files" / "secret.txt")
    with serve_in_thread(archive) as server:
        assert stranger.get(url_of(connect(server), "link.txt")).status_code == 404


def test_unknown_project(client: httpx.Client, stranger: httpx.Client) -> None:
    answer = stranger.get(url_of(client, "run-a/model.bin", project="no/where"))
    assert answer.status_code == 404
    assert answer.json()["errorType"] == "FILE_NOT_FOUND"


def test_changed_urls_are_refused(client: httpx.Client, stranger: httpx.Client) -> None:
    url = url_of(client, "run-a/model.bin")
    other = base64.urlsafe_b64encode(json.dumps([PROJECT, "run-a/0.txt"]).encode()).rstrip(b"=").decode()
    name = urlsplit(url).path.rpartition("/")[2]
    expires = parse_qs(urlsplit(url).query)["X-Goog-Expires"][0]
    for changed in (
        url.replace(name, other),
        url.replace(f"X-Goog-Expires={expires}", "X-Goog-Expires=99999999"),
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.partition("?")[0],
        url.replace("X-Goog-Signature", "signature"),
    ):
        answer = stranger.get(changed)
        assert answer.status_code == 403, changed
        assert answer.json()["message"]


def test_lifetime_is_in_the_url_and_expiry_is_a_400(tmp_path: Path, connect: Any, stranger: httpx.Client) -> None:
    with serve_in_thread(write_small_archive(tmp_path), file_url_lifetime=0) as server:
        url = url_of(connect(server), "run-a/model.bin")
        # Clients sign again on 400, and on 400 alone.
        assert stranger.get(url).status_code == 400
    parameters = parse_qs(urlsplit(url).query)
    signed_at = time.mktime(time.strptime(parameters["X-Goog-Date"][0], "%Y%m%dT%H%M%SZ")) - time.timezone
    assert abs(signed_at - time.time()) < 3600
    assert parameters["X-Goog-Expires"] == ["0"]


def test_refused_signing_requests(client: httpx.Client, stranger: httpx.Client, server: RunningServer) -> None:
    assert sign(client, "x", permission="write").status_code == 400
    assert sign(client, *["x"] * 51).status_code == 400
    assert client.post(SIGN, json={}).status_code == 400
    assert stranger.post(server.url + SIGN, json={"files": []}).status_code == 401
    azure = client.post("/api/storagebridge/v1/azure/signedUrl", json={"files": []})
    assert azure.status_code == 410
    assert "signedUrl" in azure.json()["message"]


def test_urls_of_another_server_are_refused(client: httpx.Client, stranger: httpx.Client, tmp_path: Path) -> None:
    url = url_of(client, "run-a/model.bin")
    with serve_in_thread(write_small_archive(tmp_path), token="other") as other:
        parts = urlsplit(url)
        assert stranger.get(f"{other.url}{parts.path}?{parts.query}").status_code == 403


def test_files_of_an_archive_in_an_object_store(
    tmp_path: Path, connect: Any, stranger: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are served from copies, which are called otherwise: the type is still that of the file's name."""
    memory = pytest.importorskip("obstore.store").MemoryStore()
    monkeypatch.setattr(object_path, "_store_of", lambda url, scheme: memory)
    monkeypatch.setenv("NEPTUNE_FRAMES_FILE_COPIES_BYTES", "1")
    with pytest.warns(NeptuneWarning, match="files could not be found"):
        convert(write_small_archive(tmp_path), "s3://bucket/archive", progress_bar=False)
    archive = open_location("s3://bucket/archive")
    assert isinstance(archive, ObjectPath)
    (project_directory(archive, PROJECT) / "files" / "run-a" / "plot.png").write_bytes(b"picture")
    with serve_in_thread(archive) as running:
        url = url_of(connect(running), "run-a/plot.png")
        for _ in range(2):
            answer = stranger.get(url)
            assert (answer.status_code, answer.content) == (200, b"picture")
            assert answer.headers["content-type"] == "image/png"

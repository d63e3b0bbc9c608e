"""Whoever prints an object, by hand or in a traceback that shows locals, prints no secret."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

import neptune_frames as nf
from archive_layout_small import write_small_run
from neptune_frames.cli import main
from neptune_frames.errors import NeptuneError
from neptune_frames.server.auth import Authority, TokenPair
from neptune_frames.server.serve import RunningServer, ServeOptions
from neptune_frames.sources.choose import close_sources
from neptune_frames.sources.remote.credentials import ApiToken
from neptune_frames.sources.remote.token_flow import AccessToken
from neptune_frames.wire.requests import ExchangedTokens, RefreshedTokens, SignedFile, SignedUrlAnswer

SECRET = "s3cret-in-clear"
API_TOKEN = base64.b64encode(json.dumps({"api_url": "https://a", "api_key": SECRET}).encode()).decode()
SIGNED_FILE = SignedFile("a/b", "path", f"https://storage.invalid/path?signature={SECRET}", "gcp")


@pytest.mark.parametrize(
    "holder",
    [
        ApiToken(API_TOKEN),
        AccessToken(SECRET, SECRET, 0.0, "issuer", "client"),
        ExchangedTokens(SECRET, SECRET, "user"),
        RefreshedTokens(SECRET, SECRET),
        SIGNED_FILE,
        SignedUrlAnswer([SIGNED_FILE]),
        Authority(SECRET),
        TokenPair(SECRET, SECRET),
        ServeOptions(Path("data"), token=SECRET),
        RunningServer("http://127.0.0.1:1", API_TOKEN, None),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_no_repr_shows_a_secret(holder: object) -> None:
    for text in (repr(holder), str(holder), repr([holder])):
        assert SECRET not in text
        assert API_TOKEN not in text


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    write_small_run(tmp_path / "exported", 1, points=3)
    return tmp_path / "exported"


LONG_TOKEN = base64.b64encode(
    json.dumps({"api_url": "http://127.0.0.1:9/" + "long/" * 60, "api_key": SECRET}).encode()
).decode()
DAMAGED = [LONG_TOKEN[:-5], API_TOKEN[:-5], LONG_TOKEN[3:], f'"{API_TOKEN}', f"'{LONG_TOKEN[:-2]}'"]


@pytest.mark.parametrize("text", DAMAGED)
def test_no_message_shows_a_damaged_token(
    text: str, sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NeptuneError) as caught:
        nf.list_experiments(source=text, project="ws/proj")
    shown = [str(caught.value)]
    for arguments in (
        ["info", text],
        ["verify", text],
        ["verify", str(sweep), "--against", text],
        ["convert", text, str(tmp_path / "new")],
        ["convert", str(sweep), text],
        ["export", text, "--project", "ws/proj", "--source", str(sweep)],
        ["export", str(tmp_path / "new"), "--project", "ws/proj", "--source", text],
        ["serve", text],
    ):
        assert main(arguments) == 1, arguments
    monkeypatch.setenv("NEPTUNE_ARCHIVE", text)
    assert main(["export", str(tmp_path / "new"), "--project", "ws/proj"]) == 1
    shown += capsys.readouterr()
    monkeypatch.setenv("NEPTUNE_ARCHIVE", "")
    monkeypatch.setenv("NEPTUNE_API_TOKEN", text)
    with pytest.raises(NeptuneError) as caught:
        nf.list_experiments(project="ws/proj")
    shown.append(str(caught.value))
    bare = text.strip("\"'")
    assert not any(bare[start : start + 16] in part for part in shown for start in range(0, len(bare) - 16, 8))


def test_no_message_shows_a_token_in_another_argument(sweep: Path, tmp_path: Path) -> None:
    with pytest.raises(NeptuneError) as caught:
        nf.list_runs(project=API_TOKEN, source=sweep)
    assert API_TOKEN[:16] not in str(caught.value)


@pytest.mark.parametrize("quotes", ["", '"', "'", " "])
def test_a_token_is_a_source_in_quotation_marks_too(quotes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{quotes}{API_TOKEN}{quotes}"
    monkeypatch.setenv("NEPTUNE_API_TOKEN", text)
    for source in (nf.open_source(text), nf.open_source()):
        assert repr(source) == "RemoteSource('https://a')"
    assert nf.open_source(text) is nf.open_source(API_TOKEN)


def test_a_directory_may_be_called_as_a_token_is(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sweep.parent)
    sweep.rename(API_TOKEN)
    assert nf.list_runs(project="ws/proj", source=API_TOKEN) == ["run-1"]


def test_an_archive_can_be_verified_against_a_token(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("starlette")
    from neptune_frames.server.testing import serve_in_thread

    with serve_in_thread(sweep) as server:
        assert main(["verify", str(sweep), "--against", server.api_token]) == 0
        close_sources()
    shown = capsys.readouterr()
    assert f"compared with the server {server.url}: 1 run, " in shown.out
    assert server.api_token not in shown.out + shown.err

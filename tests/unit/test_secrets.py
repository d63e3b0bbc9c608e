"""Whoever prints an object, by hand or in a traceback that shows locals, prints no secret."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from neptune_frames.server.auth import Authority, TokenPair
from neptune_frames.server.serve import RunningServer, ServeOptions
from neptune_frames.sources.remote.credentials import ApiToken
from neptune_frames.sources.remote.token_flow import AccessToken
from neptune_frames.wire.requests import AccessTokens, ExchangedTokens, SignedFile, SignedUrlAnswer

SECRET = "s3cret-in-clear"
API_TOKEN = base64.b64encode(json.dumps({"api_url": "https://a", "api_key": SECRET}).encode()).decode()
SIGNED_FILE = SignedFile("a/b", "path", f"https://storage.invalid/path?signature={SECRET}", "gcp")


@pytest.mark.parametrize(
    "holder",
    [
        ApiToken(API_TOKEN),
        AccessToken(SECRET, SECRET, 0.0, "issuer", "client"),
        ExchangedTokens(SECRET, SECRET, "user"),
        AccessTokens(SECRET, SECRET),
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

"""Tokens: exchange, refresh, expiry, and what a wrong one gets."""

from __future__ import annotations

import base64
import hmac
import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import pytest

from neptune_frames.server.api_tokens import PUBLIC_SECRET, make_api_token, read_api_key
from neptune_frames.server.auth import TOKEN_ENDPOINT_PATH, Authority
from neptune_frames.server.errors import ApiError
from neptune_frames.server.testing import RunningServer, serve_in_thread
from server.http_api import refused

TOKEN_PATH = "/api/backend/v1/authorization/oauth-token"
PROJECT_PATH = "/api/backend/v1/projects/get?projectIdentifier=a/b"
URL = "http://127.0.0.1:1"


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return decoded


def refusal(error: pytest.ExceptionInfo[ApiError]) -> tuple[int, str]:
    return error.value.status, error.value.error_type


def test_access_token_carries_the_claims_clients_read() -> None:
    authority = Authority(clock=Clock(), lifetime=600)
    found = claims(authority.exchange(make_api_token(URL), URL).access)
    assert found["exp"] == 1_000_000_600
    assert found["iss"] == f"{URL}/auth/realms/neptune"
    assert found["azp"]


def test_issuer_and_token_endpoint_fit_together() -> None:
    # Clients refresh at <iss>/protocol/openid-connect/token (http-api.md 3.2).
    issuer = claims(Authority().exchange(make_api_token(URL), URL).access)["iss"]
    assert f"{issuer}/protocol/openid-connect/token" == URL + TOKEN_ENDPOINT_PATH


@pytest.mark.parametrize(
    "api_token",
    [
        "",
        "not base64!",
        base64.b64encode(b"not json").decode(),
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b"{}").decode(),
        base64.b64encode(b'{"api_key": 5}').decode(),
        base64.b64encode(b'{"api_key": "\\ud800"}').decode(),
        base64.b64encode(b"[" * 100_000).decode(),
        base64.b64encode(b"\xff\xfe").decode(),
        make_api_token(URL, "wrong"),
        make_api_token(URL, "schlüssel"),
    ],
)
def test_wrong_api_token_is_a_401(api_token: str) -> None:
    with pytest.raises(ApiError) as error:
        Authority("right").exchange(api_token, URL)
    assert refusal(error) == (401, "UNAUTHORIZED")


def test_api_token_round_trip() -> None:
    assert read_api_key(make_api_token(URL, "geheim ß")) == "geheim ß"
    assert read_api_key(f"  {make_api_token(URL)}\n") == PUBLIC_SECRET


def test_a_secret_may_be_no_valid_text() -> None:
    secret = b"caf\xe9".decode("utf-8", "surrogateescape")  # as in an environment variable
    authority = Authority(secret)
    authority.check_bearer(f"Bearer {authority.exchange(make_api_token(URL, secret), URL).access}")


def test_access_token_expires() -> None:
    clock = Clock()
    authority = Authority(clock=clock, lifetime=60)
    token = authority.exchange(make_api_token(URL), URL).access
    clock.now += 59
    authority.check_bearer(f"Bearer {token}")
    clock.now += 1
    with pytest.raises(ApiError) as error:
        authority.check_bearer(f"Bearer {token}")
    assert refusal(error) == (401, "AUTHORIZATION_TOKEN_EXPIRED")


def test_refresh_outlives_the_access_token() -> None:
    clock = Clock()
    authority = Authority(clock=clock, lifetime=60, refresh_lifetime=600)
    pair = authority.exchange(make_api_token(URL), URL)
    clock.now += 300
    authority.check_bearer(f"Bearer {authority.refresh(pair.refresh, URL).access}")
    clock.now += 300
    with pytest.raises(ApiError):
        authority.refresh(pair.refresh, URL)


def test_tokens_serve_one_purpose_each() -> None:
    authority = Authority()
    pair = authority.exchange(make_api_token(URL), URL)
    with pytest.raises(ApiError):
        authority.check_bearer(f"Bearer {pair.refresh}")
    with pytest.raises(ApiError):
        authority.refresh(pair.access, URL)


def test_keys_are_derived_once(monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority()
    digest = Mock(wraps=hmac.digest)
    monkeypatch.setattr(hmac, "digest", digest)
    signatures = {authority.sign(text, purpose) for text in ("a", "b", "c") for purpose in ("file", "access")}
    assert len(signatures) == 6
    assert digest.call_count == 6 + 2


def test_tokens_survive_a_restart_but_not_another_secret() -> None:
    token = Authority("one").exchange(make_api_token(URL, "one"), URL).access
    Authority("one").check_bearer(f"Bearer {token}")
    with pytest.raises(ApiError):
        Authority("two").check_bearer(f"Bearer {token}")


@pytest.mark.parametrize("change", ["claims", "signature", "algorithm", "truncated"])
def test_tampered_access_token_is_refused(change: str) -> None:
    authority = Authority()
    header, payload, signature = authority.exchange(make_api_token(URL), URL).access.split(".")
    later = base64.urlsafe_b64encode(json.dumps({"exp": 9e9}).encode()).rstrip(b"=").decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    tampered = {
        "claims": f"{header}.{later}.{signature}",
        "signature": f"{header}.{payload}.{signature[::-1]}",
        "algorithm": f"{none}.{payload}.",
        "truncated": f"{header}.{payload}",
    }[change]
    with pytest.raises(ApiError) as error:
        authority.check_bearer(f"Bearer {tampered}")
    assert refusal(error) == (401, "UNAUTHORIZED")


def test_secret_is_not_in_the_repr() -> None:
    assert "geheim" not in repr(Authority("geheim"))


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Basic YTpi", "Bearer x.y.z", "Bearer ü"])
def test_data_needs_a_bearer(empty_server: RunningServer, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1").decode("latin-1")}
    if authorization == "Bearer ü":
        answer = httpx.get(
            empty_server.url + PROJECT_PATH, headers=[(b"Authorization", b"Bearer \xfc")], trust_env=False
        )
    else:
        answer = httpx.get(empty_server.url + PROJECT_PATH, headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert answer.json()["errorType"] == "UNAUTHORIZED"
    assert answer.json()["code"] == 401


def test_exchange_and_refresh_over_http(empty_server: RunningServer) -> None:
    with httpx.Client(base_url=empty_server.url, trust_env=False) as client:
        exchanged = client.get(TOKEN_PATH, headers={"X-Neptune-Api-Token": empty_server.api_token}).json()
        assert exchanged.keys() == {"accessToken", "refreshToken", "username"}
        form = {
            "grant_type": "refresh_token",
            "refresh_token": exchanged["refreshToken"],
            "client_id": claims(exchanged["accessToken"])["azp"],
            "expires_in": "-10.29",
        }
        refreshed = client.post(TOKEN_ENDPOINT_PATH, data=form).json()
        bearer = {"Authorization": f"Bearer {refreshed['access_token']}"}
        assert client.get(PROJECT_PATH, headers=bearer).status_code == 404
        assert refreshed["refresh_token"]


def test_refused_exchanges_are_401(empty_server: RunningServer) -> None:
    # Any other status would be retried by clients for half an hour.
    url = empty_server.url + TOKEN_PATH
    assert httpx.get(url, trust_env=False).status_code == 401
    wrong = {"X-Neptune-Api-Token": make_api_token(empty_server.url, "wrong")}
    assert httpx.get(url, headers=wrong, trust_env=False).status_code == 401


@pytest.mark.parametrize(
    "body",
    [b"", b"grant_type=password", b"grant_type=refresh_token", b"grant_type=refresh_token&refresh_token=x", b"\xff"],
)
def test_refused_refreshes_are_4xx_json(empty_server: RunningServer, body: bytes) -> None:
    answer = httpx.post(empty_server.url + TOKEN_ENDPOINT_PATH, content=body, trust_env=False)
    assert answer.status_code in (400, 401)
    assert answer.json()["message"]


def test_discovery_leads_to_the_token_endpoint(empty_server: RunningServer) -> None:
    with httpx.Client(trust_env=False) as client:
        config = client.get(f"{empty_server.url}/api/backend/v1/clients/config").json()
        assert config["security"]["clientId"]
        assert config["apiUrl"] == empty_server.url
        discovery = client.get(config["security"]["openIdDiscovery"]).json()
    assert discovery["token_endpoint"] == empty_server.url + TOKEN_ENDPOINT_PATH
    assert discovery["authorization_endpoint"]


@pytest.mark.parametrize("path", ["/", TOKEN_PATH, "/api/storagebridge/v1/files/x"])
def test_public_secret_is_for_requests_to_this_machine(empty_server: RunningServer, path: str) -> None:
    """A web page whose name leads to 127.0.0.1 must not read the data through a browser (DNS rebinding)."""
    url = httpx.URL(empty_server.url)

    def ask(host: str) -> httpx.Response:
        headers = {"Host": f"{host}:{url.port}", "X-Neptune-Api-Token": empty_server.api_token}
        return httpx.get(url.join(path), headers=headers, trust_env=False)

    assert len({ask(host).status_code for host in ("127.0.0.1", "localhost", "[::1]")} - {200, 403}) == 0
    message = refused(ask("evil.example"), 401, "UNAUTHORIZED")["message"]
    assert "'evil.example:" in message
    assert "--secret" in message


def test_server_with_a_secret_has_any_name(tmp_path: Path) -> None:
    with serve_in_thread(tmp_path, token="s3cret") as server:
        assert httpx.get(server.url, headers={"Host": "runs.example.org"}, trust_env=False).status_code == 200


def test_server_with_a_secret(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serve_in_thread(tmp_path_factory.mktemp("secret"), token="s3cret") as server:
        assert read_api_key(server.api_token) == "s3cret"
        url = server.url + TOKEN_PATH
        assert httpx.get(url, headers={"X-Neptune-Api-Token": server.api_token}, trust_env=False).status_code == 200
        public = {"X-Neptune-Api-Token": make_api_token(server.url)}
        assert httpx.get(url, headers=public, trust_env=False).status_code == 401

"""Client configuration, tokens, OpenID discovery, projects: what a client asks before its first question."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from neptune_frames.server.auth import CLIENT_ID, REALM_PATH, TOKEN_ENDPOINT_PATH, unauthorized
from neptune_frames.server.errors import ApiError, bad_request
from neptune_frames.server.limits import read_body
from neptune_frames.server.state import Query, ServerState, base_url, check_bearer

_FORM_BYTES = 64 << 10


def organization_uuid(name: str) -> str:
    """The UUID of a workspace, derived from its name."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"workspace:{name}"))


async def client_config(request: Request) -> JSONResponse:
    """CFG. The version bounds are open: any client may try."""
    url = base_url(request)
    return JSONResponse(
        {
            "apiUrl": url,
            "applicationUrl": url,
            "pyLibVersions": {"minRecommendedVersion": "0.0.0", "minCompatibleVersion": "0.0.0"},
            "security": {
                "clientId": CLIENT_ID,
                "openIdDiscovery": f"{url}{REALM_PATH}/.well-known/openid-configuration",
            },
        }
    )


async def exchange_api_token(request: Request) -> JSONResponse:
    """TOK. A missing token is a 401 too: other refusals would be retried for half an hour."""
    api_token = request.headers.get("x-neptune-api-token")
    if not api_token:
        raise unauthorized("The header X-Neptune-Api-Token is missing.")
    pair = ServerState.of(request).authority.exchange(api_token, base_url(request))
    return JSONResponse({"accessToken": pair.access, "refreshToken": pair.refresh, "username": "reader"})


async def openid_discovery(request: Request) -> JSONResponse:
    """OIDC-D."""
    url = base_url(request)
    return JSONResponse(
        {
            "issuer": f"{url}{REALM_PATH}",
            "authorization_endpoint": f"{url}{REALM_PATH}/protocol/openid-connect/auth",
            "token_endpoint": f"{url}{TOKEN_ENDPOINT_PATH}",
            "grant_types_supported": ["refresh_token"],
        }
    )


async def refresh_token(request: Request) -> JSONResponse:
    """OIDC-T: a form with ``grant_type=refresh_token`` and the refresh token."""
    body = await read_body(request, _FORM_BYTES)
    try:
        form = parse_qs(body.decode("ascii"), max_num_fields=20)
    except ValueError:
        raise bad_request("The body is not a URL-encoded form.") from None
    if form.get("grant_type") != ["refresh_token"]:
        raise bad_request("Only grant_type=refresh_token is answered here.")
    token = form.get("refresh_token", [""])[0]
    authority = ServerState.of(request).authority
    pair = authority.refresh(token, base_url(request))
    return JSONResponse(
        {
            "access_token": pair.access,
            "refresh_token": pair.refresh,
            "token_type": "Bearer",
            "expires_in": authority.lifetime,
        }
    )


async def get_project(request: Request) -> JSONResponse:
    """PRJ: a project by name or UUID."""
    state = check_bearer(request)
    identifier = Query(request.query_params).required("projectIdentifier")
    return JSONResponse(await run_in_threadpool(_describe_project, state, identifier))


def _describe_project(state: ServerState, identifier: str) -> dict[str, Any]:
    found = state.find_projects([identifier])
    if not found:
        raise ApiError(HTTPStatus.NOT_FOUND, "PROJECT_NOT_FOUND", f"Project {identifier!r} does not exist here.")
    organization, _, name = found[0]["project"].partition("/")
    return {
        "id": found[0]["uuid"],
        "name": name,
        "organizationId": organization_uuid(organization),
        "organizationName": organization,
        "projectKey": _project_key(name),
        "version": 3,
    }


def _project_key(name: str) -> str:
    """The prefix of run ids is not known for an archive; the name's first letters are as good as any."""
    letters = "".join(character for character in name if character.isalnum())
    return letters[:3].upper() or "PRJ"

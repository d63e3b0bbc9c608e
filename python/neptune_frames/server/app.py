"""The routes: which path is answered by what (http-api.md, section 1)."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from neptune_frames.server import backend, buckets, definitions, files, float_series, object_series, search, values
from neptune_frames.server.auth import REALM_PATH, TOKEN_ENDPOINT_PATH
from neptune_frames.server.errors import EXCEPTION_HANDLERS
from neptune_frames.server.state import JSON_PATH, PROTO_PATH, ServerState, endpoint
from neptune_frames.server.unexpected import UnexpectedErrors

_BACKEND = "/api/backend/v1"
_LEADERBOARD = "/api/leaderboard/v1"
_STORAGE = "/api/storagebridge/v1"
_PROTO = f"{_LEADERBOARD}/proto"


def create_app(state: ServerState) -> Starlette:
    """The ASGI application that answers for what ``state`` holds."""
    app = Starlette(
        routes=[*_account_routes(), *_search_routes(), *_series_routes(), *_file_routes()],
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=[Middleware(UnexpectedErrors)],
    )
    # A path with and one without a slash at its end are different endpoints; nobody follows redirects.
    app.router.redirect_slashes = False
    app.state.server = state
    return app


def _account_routes() -> list[Route]:
    return [
        Route("/", welcome, methods=["GET"]),
        Route(f"{_BACKEND}/clients/config", backend.client_config, methods=["GET"]),
        Route(f"{_BACKEND}/authorization/oauth-token", backend.exchange_api_token, methods=["GET"]),
        Route(f"{_BACKEND}/projects/get", backend.get_project, methods=["GET"]),
        Route(f"{REALM_PATH}/.well-known/openid-configuration", backend.openid_discovery, methods=["GET"]),
        Route(TOKEN_ENDPOINT_PATH, backend.refresh_token, methods=["POST"]),
    ]


def _search_routes() -> list[Route]:
    definitions_of_run = f"{_LEADERBOARD}/attributes/queryAttributeDefinitions"
    return [
        Route(f"{_PROTO}/leaderboard/entries/search/", endpoint(search.search, PROTO_PATH), methods=["POST"]),
        Route(f"{_LEADERBOARD}/leaderboard/entries/search", endpoint(search.search, JSON_PATH), methods=["POST"]),
        Route(
            f"{_PROTO}/leaderboard/entries/global/search/",
            endpoint(search.search_globally, PROTO_PATH),
            methods=["POST"],
        ),
        Route(
            f"{_LEADERBOARD}/leaderboard/attributes/definitions/query",
            endpoint(definitions.query_definitions, JSON_PATH),
            methods=["POST"],
        ),
        Route(f"{_PROTO}/leaderboard/attributes/query", endpoint(values.query_values, PROTO_PATH), methods=["POST"]),
        Route(
            f"{_LEADERBOARD}/leaderboard/attributes/query", endpoint(values.query_values, JSON_PATH), methods=["POST"]
        ),
        Route(
            f"{_PROTO}/attributes/queryAttributeDefinitions",
            endpoint(definitions.run_definitions, PROTO_PATH),
            methods=["GET"],
        ),
        Route(definitions_of_run, endpoint(definitions.run_definitions, JSON_PATH), methods=["GET", "POST"]),
        Route(f"{_PROTO}/attributes/attributes", endpoint(values.run_attributes, PROTO_PATH), methods=["POST"]),
        Route(
            f"{_LEADERBOARD}/attributes/attributes", endpoint(values.run_attributes, JSON_PATH), methods=["GET", "POST"]
        ),
    ]


def _series_routes() -> list[Route]:
    return [
        Route(
            f"{_PROTO}/attributes/series/float", endpoint(float_series.query_float_series, PROTO_PATH), methods=["POST"]
        ),
        Route(
            f"{_PROTO}/attributes/series/float", endpoint(float_series.one_float_series, PROTO_PATH), methods=["GET"]
        ),
        Route(
            f"{_LEADERBOARD}/attributes/series/float",
            endpoint(float_series.one_float_series, JSON_PATH),
            methods=["GET"],
        ),
        Route(f"{_PROTO}/attributes/series", endpoint(object_series.query_object_series, PROTO_PATH), methods=["POST"]),
        Route(
            f"{_LEADERBOARD}/attributes/series",
            endpoint(object_series.query_object_series, JSON_PATH),
            methods=["POST"],
        ),
        Route(f"{_PROTO}/attributes/timeseries/buckets", endpoint(buckets.query_buckets, PROTO_PATH), methods=["POST"]),
    ]


def _file_routes() -> list[Route]:
    return [
        Route(f"{_STORAGE}/signedUrl", files.sign_urls, methods=["POST"]),
        Route(f"{_STORAGE}/azure/signedUrl", files.sign_azure_urls, methods=["POST"]),
        Route(f"{files.FILE_PATH}/{{name}}", files.download, methods=["GET"]),
    ]


async def welcome(request: Request) -> JSONResponse:
    """For a person or a health check: what this is."""
    return JSONResponse({"service": "neptune-frames", "access": "read-only"})

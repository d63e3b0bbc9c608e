"""The routes: which path is answered by what (http-api.md, section 1)."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from neptune_frames.server import backend, buckets, definitions, files, float_series, object_series, search, values
from neptune_frames.server.api_tokens import is_public
from neptune_frames.server.auth import REALM_PATH, TOKEN_ENDPOINT_PATH
from neptune_frames.server.errors import EXCEPTION_HANDLERS
from neptune_frames.server.local_requests import LocalRequestsOnly
from neptune_frames.server.state import JSON_ONLY, JSON_PATH, PAGED_PATH, PROTO_PATH, ServerState, endpoint
from neptune_frames.server.unexpected import UnexpectedErrors
from neptune_frames.wire import paths


def create_app(state: ServerState) -> Starlette:
    """The ASGI application that answers for what ``state`` holds."""
    middleware = [Middleware(UnexpectedErrors)]
    if is_public(state.authority.secret):
        middleware.append(Middleware(LocalRequestsOnly))
    app = Starlette(
        routes=[*_account_routes(), *_search_routes(), *_series_routes(), *_file_routes()],
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=middleware,
    )
    # A path with and one without a slash at its end are different endpoints; nobody follows redirects.
    app.router.redirect_slashes = False
    app.state.server = state
    return app


def _account_routes() -> list[Route]:
    return [
        Route("/", welcome, methods=["GET"]),
        Route(paths.CLIENT_CONFIG, backend.client_config, methods=["GET"]),
        Route(paths.TOKEN_EXCHANGE, backend.exchange_api_token, methods=["GET"]),
        Route(paths.PROJECT, backend.get_project, methods=["GET"]),
        Route(f"{REALM_PATH}/.well-known/openid-configuration", backend.openid_discovery, methods=["GET"]),
        Route(TOKEN_ENDPOINT_PATH, backend.refresh_token, methods=["POST"]),
    ]


def _search_routes() -> list[Route]:
    return [
        Route(paths.SEARCH, endpoint(search.search, PROTO_PATH), methods=["POST"]),
        Route(paths.SEARCH_IN_JSON, endpoint(search.search, JSON_PATH), methods=["POST"]),
        Route(
            paths.GLOBAL_SEARCH,
            endpoint(search.search_globally, PROTO_PATH),
            methods=["POST"],
        ),
        Route(
            paths.DEFINITIONS,
            endpoint(definitions.query_definitions, PAGED_PATH),
            methods=["POST"],
        ),
        Route(paths.VALUES, endpoint(values.query_values, PROTO_PATH), methods=["POST"]),
        Route(paths.VALUES_IN_JSON, endpoint(values.query_values, JSON_PATH), methods=["POST"]),
        Route(
            paths.RUN_DEFINITIONS,
            endpoint(definitions.run_definitions, PROTO_PATH),
            methods=["GET"],
        ),
        Route(paths.RUN_DEFINITIONS_IN_JSON, endpoint(definitions.run_definitions, JSON_PATH), methods=["GET", "POST"]),
        Route(paths.RUN_VALUES, endpoint(values.run_attributes, PROTO_PATH), methods=["POST"]),
        Route(paths.RUN_VALUES_IN_JSON, endpoint(values.run_attributes, JSON_PATH), methods=["GET", "POST"]),
    ]


def _series_routes() -> list[Route]:
    return [
        Route(paths.FLOAT_SERIES, endpoint(float_series.query_float_series, PROTO_PATH), methods=["POST"]),
        Route(paths.FLOAT_SERIES, endpoint(float_series.one_float_series, PROTO_PATH), methods=["GET"]),
        Route(
            paths.FLOAT_SERIES_IN_JSON,
            endpoint(float_series.one_float_series, JSON_PATH),
            methods=["GET"],
        ),
        Route(paths.OBJECT_SERIES, endpoint(object_series.query_object_series, PROTO_PATH), methods=["POST"]),
        Route(
            paths.OBJECT_SERIES_IN_JSON,
            endpoint(object_series.query_object_series, JSON_PATH),
            methods=["POST"],
        ),
        Route(paths.BUCKETS, endpoint(buckets.query_buckets, PROTO_PATH), methods=["POST"]),
    ]


def _file_routes() -> list[Route]:
    return [
        Route(paths.SIGNED_URLS, endpoint(files.sign_urls, JSON_ONLY), methods=["POST"]),
        Route(paths.AZURE_SIGNED_URLS, files.sign_azure_urls, methods=["POST"]),
        Route(f"{paths.FILES}/{{name}}", files.download, methods=["GET"]),
    ]


async def welcome(request: Request) -> JSONResponse:
    """For a person or a health check: what this is."""
    return JSONResponse({"service": "neptune-frames", "access": "read-only"})

"""Where the HTTP API answers what (http-api.md, section 1), for those who ask and for the server.

Paths are below the address of a server. Those with ``/proto/`` answer in protobuf unless asked otherwise; those of the
same name that end in ``_IN_JSON``, which no client of ours asks, in JSON.
"""

from __future__ import annotations

_BACKEND = "/api/backend/v1"
#: What all paths of runs, attributes and series begin with.
LEADERBOARD = "/api/leaderboard/v1"
_PROTO = f"{LEADERBOARD}/proto"
_STORAGE = "/api/storagebridge/v1"

CLIENT_CONFIG = f"{_BACKEND}/clients/config"
TOKEN_EXCHANGE = f"{_BACKEND}/authorization/oauth-token"
PROJECT = f"{_BACKEND}/projects/get"

# With a slash at the end: a path with and one without it are different ones.
SEARCH = f"{_PROTO}/leaderboard/entries/search/"
SEARCH_IN_JSON = f"{LEADERBOARD}/leaderboard/entries/search"
GLOBAL_SEARCH = f"{_PROTO}/leaderboard/entries/global/search/"

DEFINITIONS = f"{LEADERBOARD}/leaderboard/attributes/definitions/query"
RUN_DEFINITIONS = f"{_PROTO}/attributes/queryAttributeDefinitions"
RUN_DEFINITIONS_IN_JSON = f"{LEADERBOARD}/attributes/queryAttributeDefinitions"

VALUES = f"{_PROTO}/leaderboard/attributes/query"
VALUES_IN_JSON = f"{LEADERBOARD}/leaderboard/attributes/query"
RUN_VALUES = f"{_PROTO}/attributes/attributes"
RUN_VALUES_IN_JSON = f"{LEADERBOARD}/attributes/attributes"

FLOAT_SERIES = f"{_PROTO}/attributes/series/float"
FLOAT_SERIES_IN_JSON = f"{LEADERBOARD}/attributes/series/float"
OBJECT_SERIES = f"{_PROTO}/attributes/series"
OBJECT_SERIES_IN_JSON = f"{LEADERBOARD}/attributes/series"
BUCKETS = f"{_PROTO}/attributes/timeseries/buckets"

SIGNED_URLS = f"{_STORAGE}/signedUrl"
AZURE_SIGNED_URLS = f"{_STORAGE}/azure/signedUrl"
#: Where a server of ours keeps the files themselves; clients go where a signed URL leads.
FILES = f"{_STORAGE}/files"

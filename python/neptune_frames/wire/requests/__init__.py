"""Request bodies, and the small JSON answers around them, in both directions.

The client encodes with `encode_message` what the server decodes with `decode_message`: one definition
per message. Series requests, which list up to 10,000 series each, are built and read as columns by
``encode_float_series_request`` and its siblings. The buckets request is in `neptune_frames.wire.protobuf`,
which is its one format.
"""

from __future__ import annotations

from neptune_frames.wire.requests.account import (
    ClientConfig,
    ExchangedTokens,
    OpenIdConfiguration,
    Project,
    PythonLibraryVersions,
    RefreshedTokens,
    Security,
)
from neptune_frames.wire.requests.attributes import (
    AttributeTypeFilter,
    DefinitionsRequest,
    NameFilter,
    NextPage,
    RunAttributesRequest,
    ValuesRequest,
)
from neptune_frames.wire.requests.files import FileToSign, SignedFile, SignedUrlAnswer, SignedUrlRequest
from neptune_frames.wire.requests.message import decode_message, encode_message
from neptune_frames.wire.requests.search import (
    AttributePath,
    GlobalSearchRequest,
    Pagination,
    Query,
    SearchRequest,
    SortBy,
    Sorting,
)
from neptune_frames.wire.requests.series import (
    SERIES_REQUESTS,
    FloatSeriesRequest,
    ObjectSeriesRequest,
    decode_float_series_request,
    decode_object_series_request,
    encode_float_series_request,
    encode_object_series_request,
)
from neptune_frames.wire.requests.series_terms import SeriesTerms

__all__ = [
    "SERIES_REQUESTS",
    "AttributePath",
    "AttributeTypeFilter",
    "ClientConfig",
    "DefinitionsRequest",
    "ExchangedTokens",
    "FileToSign",
    "FloatSeriesRequest",
    "GlobalSearchRequest",
    "NameFilter",
    "NextPage",
    "ObjectSeriesRequest",
    "OpenIdConfiguration",
    "Pagination",
    "Project",
    "PythonLibraryVersions",
    "Query",
    "RefreshedTokens",
    "RunAttributesRequest",
    "SearchRequest",
    "Security",
    "SeriesTerms",
    "SignedFile",
    "SignedUrlAnswer",
    "SignedUrlRequest",
    "SortBy",
    "Sorting",
    "ValuesRequest",
    "decode_float_series_request",
    "decode_message",
    "decode_object_series_request",
    "encode_float_series_request",
    "encode_message",
    "encode_object_series_request",
]

"""The source that asks a Neptune server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

import pyarrow as pa

from neptune_frames.errors import NeptuneUserError
from neptune_frames.query.selection import ALL_NEEDED, AttributeSelector, RunNeeds, RunQuery, SeriesOptions
from neptune_frames.schemas import RUNS
from neptune_frames.sources.base import FileRequest, SearchAnswer, SeriesKeys
from neptune_frames.sources.remote.buckets import fetch_buckets
from neptune_frames.sources.remote.credentials import ApiToken
from neptune_frames.sources.remote.definitions import fetch_definitions
from neptune_frames.sources.remote.files import Downloads
from neptune_frames.sources.remote.float_series import fetch_float_points
from neptune_frames.sources.remote.object_series import fetch_object_points
from neptune_frames.sources.remote.projects import fetch_project_name
from neptune_frames.sources.remote.retries import RetryPolicy
from neptune_frames.sources.remote.search import search
from neptune_frames.sources.remote.session import Session
from neptune_frames.sources.remote.values import fetch_values

if TYPE_CHECKING:
    import httpx


class RemoteSource:
    """A Neptune 3.x server, or one of ours. Thread-safe; see `neptune_frames.sources.base.Source`.

    Args:
        api_token: The token as text. It is decoded here; no request is made before the first question.
        proxies: Proxy URL by scheme: ``{"https": "http://proxy:3128"}``. None uses the proxies of the environment.
        transport: An ``httpx`` transport instead of the network, for tests.
        retry_policy: Waits and limits of retries instead of those of the environment.

    Raises:
        InvalidApiTokenError: ``api_token`` is not an API token.
    """

    def __init__(
        self,
        api_token: str,
        *,
        proxies: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        token = ApiToken(api_token)
        self._address = token.api_url
        self._session = Session(token, proxies=proxies, transport=transport, retry_policy=retry_policy)
        self._downloads = Downloads(self._session, proxies, transport, retry_policy)

    def __repr__(self) -> str:
        return f"RemoteSource({self._address!r})"

    def __str__(self) -> str:
        return f"server {self._address}"

    def search(self, query: RunQuery, projection: Sequence[str] = (), needs: RunNeeds = ALL_NEEDED) -> SearchAnswer:
        return search(self._session, query, projection, needs)

    def definitions(self, projects: Sequence[str], runs: pa.Table | None, selector: AttributeSelector) -> pa.Table:
        return fetch_definitions(self._session, projects, runs, selector)

    def values(self, runs: pa.Table, selector: AttributeSelector) -> Iterator[tuple[str, pa.RecordBatch]]:
        return fetch_values(self._session, runs, selector)

    def resolve_custom_ids(self, project: str, run_ids: Sequence[str]) -> pa.Table:
        """Answered without a request: servers resolve ``CUSTOM/project/run_id`` themselves."""
        unique = list(dict.fromkeys(run_ids))
        count = len(unique)
        columns = [
            pa.repeat(pa.scalar(project), count),
            pa.nulls(count, pa.string()),
            pa.array(unique, pa.string()),
            pa.nulls(count, pa.string()),
        ]
        return pa.Table.from_arrays(columns, schema=RUNS)

    def float_points(self, keys: SeriesKeys, options: SeriesOptions) -> Iterator[pa.RecordBatch]:
        return fetch_float_points(self._session, keys, options)

    def object_points(self, keys: SeriesKeys, options: SeriesOptions) -> Iterator[pa.RecordBatch]:
        return fetch_object_points(self._session, keys, options)

    def buckets(self, keys: SeriesKeys, options: SeriesOptions, limit: int, *, statistics: bool = True) -> pa.Table:
        return fetch_buckets(self._session, keys, options, limit, statistics=statistics)

    def fetch_files(self, files: Sequence[FileRequest], *, progress: bool = True) -> list[bool]:
        return self._downloads.fetch(files, progress=progress)

    def project_name(self, identifier: str) -> str:
        return fetch_project_name(self._session, identifier)

    def projects(self) -> NoReturn:
        """Archives list their projects, servers do not.

        Raises:
            NeptuneUserError: Always.
        """
        raise NeptuneUserError(
            f"The server {self._address} does not list its projects; only archives do. Name one: "
            "project='workspace/name', or the environment variable NEPTUNE_PROJECT."
        )

    def close(self) -> None:
        self._downloads.close()
        self._session.close()

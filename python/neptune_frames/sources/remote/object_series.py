"""Points of string, histogram and file series (endpoint R), by the tokens the server hands out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import MismatchedAnswerError
from neptune_frames.query.selection import SeriesOptions
from neptune_frames.schemas import OBJECT_POINT, series_points_schema
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.sources.remote.point_lists import PointLists
from neptune_frames.sources.remote.series_pages import NOTHING, Rows, SeriesPage, SeriesPages
from neptune_frames.sources.remote.series_requests import (
    SeriesBatch,
    is_from_the_end,
    selects_nothing,
    series_batches,
    series_terms,
)
from neptune_frames.sources.remote.session import Session
from neptune_frames.sources.remote.splitting import object_series_parts
from neptune_frames.wire import decode_object_series, paths
from neptune_frames.wire.requests import encode_object_series_request

_SCHEMA = series_points_schema(OBJECT_POINT)


def fetch_object_points(session: Session, keys: SeriesKeys, options: SeriesOptions) -> Iterator[pa.RecordBatch]:
    """SERIES_POINTS batches; pieces of one series come in step order. Series without points do not appear."""
    if selects_nothing(options) or len(keys) == 0:
        return
    reading = _Reading(session, options)
    pages = SeriesPages(paths.OBJECT_SERIES, _SCHEMA, is_from_the_end(options), reading.ask)
    yield from pages.read(series_batches(keys, object_series_parts(keys.attributes, keys.positions()[1])))


class _Reading:
    """Series go on after the tokens that the answer before gave, in the order of the batch."""

    def __init__(self, session: Session, options: SeriesOptions) -> None:
        self._session = session
        self._options = options

    def ask(self, batch: SeriesBatch, tokens: pa.Array | None) -> SeriesPage[pa.Array]:
        """A series that has no entry does not exist; one whose entry has no ``searchAfter`` found no room in
        the answer and is asked for again, as long as the answer brought anything at all.
        """
        page = self._send(batch, tokens)
        rows = batch.rows_of(page.column("request_id"))
        lists = PointLists(page.column("points"))
        finished = page.column("finished")
        unfinished = np.flatnonzero(pc.invert(finished.fill_null(False)).to_numpy(zero_copy_only=False))
        if len(unfinished) == 0 or finished.null_count == len(finished):
            return SeriesPage(rows[lists.rows], lists, NOTHING)
        following = _next_tokens(tokens, rows, page).take(pa.array(unfinished))
        return SeriesPage(rows[lists.rows], lists, rows[unfinished], following)

    def _send(self, batch: SeriesBatch, tokens: pa.Array | None) -> pa.RecordBatch:
        terms = series_terms(self._options, self._options.tail_limit)
        content = encode_object_series_request(batch.request_ids, batch.holders, batch.names, terms, tokens)
        params = {"useDeprecatedStringFields": "false"}
        return self._session.call(
            "POST", paths.OBJECT_SERIES, decode_object_series, params=params, content=content, project=batch.projects
        )


def _next_tokens(tokens: pa.Array | None, rows: Rows, page: pa.RecordBatch) -> pa.Array:
    """The token to continue each entry's series with: the new one, else the one it was asked with."""
    new = page.column("token")
    if tokens is None:
        return new
    asked = tokens.take(pa.array(rows))
    moved = pc.fill_null(pc.not_equal(new, asked), pc.is_valid(new))
    if not pc.any(pc.or_(moved, page.column("finished").fill_null(False)), min_count=0).as_py():
        raise MismatchedAnswerError("the server sent the same token again for every series, which would never end")
    return pc.coalesce(new, asked)

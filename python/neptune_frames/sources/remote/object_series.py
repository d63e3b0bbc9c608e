"""Points of string, histogram and file series (endpoint R), by the tokens the server hands out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.query.selection import SeriesOptions
from neptune_frames.schemas import OBJECT_POINT, series_points_schema
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.sources.remote.paging import TokenTrail
from neptune_frames.sources.remote.point_lists import PointLists
from neptune_frames.sources.remote.series_pages import NOTHING, SeriesPage, SeriesPages, check_progress
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


@dataclass(frozen=True)
class _Place:
    """Series go on after these tokens, and have come to these steps. ``pointless`` are tokens that brought no point."""

    tokens: pa.Array
    reached: npt.NDArray[np.float64]
    pointless: TokenTrail


class _Reading:
    """Series go on after the tokens that the answer before gave, in the order of the batch."""

    def __init__(self, session: Session, options: SeriesOptions) -> None:
        self._session = session
        self._options = options
        self._from_the_end = is_from_the_end(options)

    def ask(self, batch: SeriesBatch, place: _Place | None) -> SeriesPage[_Place]:
        """A series that has no entry does not exist; one whose entry has no ``searchAfter`` found no room in
        the answer and is asked for again, as long as the answer brought anything at all.
        """
        place = place or self._beginning(len(batch))
        page = self._send(batch, place.tokens)
        entries = batch.rows_of(page.column("request_id"))
        lists = PointLists(page.column("points"))
        rows = entries[lists.rows]
        check_progress(lists, place.reached[rows], self._from_the_end, "searchAfter")
        finished = page.column("finished")
        open_entries = np.flatnonzero(pc.invert(finished.fill_null(False)).to_numpy(zero_copy_only=False))
        if len(open_entries) == 0 or finished.null_count == len(finished):
            return SeriesPage(rows, lists, NOTHING)
        unfinished = entries[open_entries]
        # The new token, else the one that was asked with.
        tokens = pc.coalesce(page.column("token").take(pa.array(open_entries)), place.tokens.take(pa.array(unfinished)))
        if len(lists) == 0 and len(unfinished) == len(batch):
            place.pointless.follow(str(tokens.to_pylist()))
        reached = place.reached.copy()
        reached[rows] = lists.last_steps
        return SeriesPage(rows, lists, unfinished, _Place(tokens, reached[unfinished], place.pointless))

    def _beginning(self, count: int) -> _Place:
        before_all = np.full(count, np.inf if self._from_the_end else -np.inf)
        return _Place(pa.nulls(count, pa.string()), before_all, TokenTrail("points of series"))

    def _send(self, batch: SeriesBatch, tokens: pa.Array) -> pa.RecordBatch:
        terms = series_terms(self._options, self._options.tail_limit)
        content = encode_object_series_request(batch.request_ids, batch.holders, batch.names, terms, tokens)
        params = {"useDeprecatedStringFields": "false"}
        return self._session.call(
            "POST", paths.OBJECT_SERIES, decode_object_series, params=params, content=content, project=batch.projects
        )

"""Points of float series (endpoint F): as many of each as one answer has room for, after the last step so far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from neptune_frames.errors import MismatchedAnswerError
from neptune_frames.query.selection import SeriesOptions
from neptune_frames.schemas import float_point, series_points_schema
from neptune_frames.sources.base import SeriesKeys
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
from neptune_frames.sources.remote.splitting import series_parts
from neptune_frames.wire import decode_float_series, paths
from neptune_frames.wire.media_types import POINT_COLUMNS_HEADER
from neptune_frames.wire.requests import arrow_series, encode_float_series_request

#: Points in one answer, all series together.
POINTS_PER_ANSWER = 1_000_000


def fetch_float_points(session: Session, keys: SeriesKeys, options: SeriesOptions) -> Iterator[pa.RecordBatch]:
    """SERIES_POINTS batches; pieces of one series come in step order. Series without points do not appear."""
    if selects_nothing(options) or len(keys) == 0:
        return
    point = float_point(time=options.include_time, preview=options.include_previews)
    reading = _Reading(session, options, {POINT_COLUMNS_HEADER: ",".join(field.name for field in point)})
    pages = SeriesPages(paths.FLOAT_SERIES, series_points_schema(point), is_from_the_end(options), reading.ask)
    yield from pages.read(series_batches(keys, series_parts(keys.attributes, keys.positions()[1])))


@dataclass(frozen=True)
class _Place:
    """Series go on after these steps. All of them have had ``received`` points."""

    after_steps: npt.NDArray[np.float64]
    received: int


class _Reading:
    def __init__(self, session: Session, options: SeriesOptions, headers: dict[str, str]) -> None:
        self._session = session
        self._options = options
        self._headers = headers
        self._from_the_end = is_from_the_end(options)
        #: Points of one series, all answers together.
        self._most = options.tail_limit if self._from_the_end else options.head_limit

    def ask(self, batch: SeriesBatch, place: _Place | None) -> SeriesPage[_Place]:
        """A series goes on where as many points came as were allowed."""
        received = 0 if place is None else place.received
        limit = self._limit(len(batch), received)
        page = self._send(batch, place, limit)
        lists = PointLists(page.column("points"))
        rows = batch.rows_of(page.column("request_id"))[lists.rows]
        lengths = np.diff(lists.offsets)
        if (lengths > limit).any():
            raise MismatchedAnswerError(f"it holds more than the {limit} points that were asked for of each series")
        if place is not None:
            check_progress(lists, place.after_steps[rows], self._from_the_end, "afterStep")
        unfinished = np.flatnonzero(lengths == limit)
        if len(unfinished) == 0 or received + limit == self._most:
            return SeriesPage(rows, lists, NOTHING)
        self._check_order(lists)
        return SeriesPage(rows, lists, rows[unfinished], _Place(lists.last_steps[unfinished], received + limit))

    def _limit(self, series: int, received: int) -> int:
        limit = max(1, POINTS_PER_ANSWER // series)
        return limit if self._most is None else min(limit, self._most - received)

    def _send(self, batch: SeriesBatch, place: _Place | None, limit: int) -> pa.RecordBatch:
        options = self._options
        after_steps = None if place is None else pa.array(place.after_steps)
        arguments = batch.request_ids, batch.holders, batch.names, series_terms(options, limit), after_steps
        return self._session.call(
            "POST",
            paths.FLOAT_SERIES,
            partial(decode_float_series, time=options.include_time, preview=options.include_previews),
            content=partial(encode_float_series_request, *arguments),
            arrow_content=partial(arrow_series.encode_float_series_request, *arguments),
            headers=self._headers,
            project=batch.projects,
        )

    def _check_order(self, lists: PointLists) -> None:
        if lists.direction() == (1 if self._from_the_end else -1) and (lists.first_steps != lists.last_steps).any():
            raise MismatchedAnswerError("the points are not in the order that was asked for")

"""Points of float series (endpoint F).

Whole series are read in ascending order, so that each page can be handed on as it comes. The last points
of series (``tail_limit``) can be found from the end only; their pages are put in order when all are there.
"""

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
from neptune_frames.sources.remote.concurrency import Step, fetch_unordered, large_answers_ahead
from neptune_frames.sources.remote.point_lists import PointLists
from neptune_frames.sources.remote.series_requests import (
    SeriesBatch,
    entity_type,
    finite_step_range,
    lineage,
    selects_nothing,
    series_batches,
)
from neptune_frames.sources.remote.session import LEADERBOARD, Session
from neptune_frames.sources.remote.splitting import series_parts
from neptune_frames.wire import decode_float_series
from neptune_frames.wire.media_types import POINT_COLUMNS_HEADER
from neptune_frames.wire.requests import encode_float_series_request

_PATH = f"{LEADERBOARD}/proto/attributes/series/float"

#: Points in one answer, all series together.
POINTS_PER_ANSWER = 1_000_000

Pieces = tuple[pa.RecordBatch, ...]


def fetch_float_points(session: Session, keys: SeriesKeys, options: SeriesOptions) -> Iterator[pa.RecordBatch]:
    """SERIES_POINTS batches; pieces of one series come in step order. Series without points do not appear."""
    if selects_nothing(options) or len(keys) == 0:
        return
    reading = _Reading(session, options)
    parts = series_parts(keys.attributes, keys.positions()[1])
    chains = (partial(reading.page, _Progress(batch)) for batch in series_batches(keys, parts))
    for pieces in fetch_unordered(chains, large_answers_ahead()):
        yield from pieces


@dataclass(frozen=True)
class _Progress:
    """How far a batch has come: the unfinished series, all of which have had ``received`` points.

    ``held`` are the pages of a tail that wait for earlier ones, the latest steps first.
    """

    batch: SeriesBatch
    after_steps: npt.NDArray[np.float64] | None = None
    received: int = 0
    held: Pieces = ()


class _Reading:
    def __init__(self, session: Session, options: SeriesOptions) -> None:
        self._session = session
        self._options = options
        self._from_the_end = options.tail_limit is not None
        #: Points of one series, all answers together.
        self._most = options.tail_limit if self._from_the_end else options.head_limit
        point = float_point(time=options.include_time, preview=options.include_previews)
        self._headers = {POINT_COLUMNS_HEADER: ",".join(field.name for field in point)}
        self._schema = series_points_schema(point)

    def page(self, progress: _Progress) -> Step[Pieces]:
        """One answer, and what remains to be asked: a series goes on where as many points came as were allowed."""
        batch, limit = progress.batch, self._limit(progress)
        page = self._ask(progress, limit)
        rows = batch.rows_of(page.column("request_id"))
        lists = PointLists(page.column("points"))
        rows = rows[lists.rows]
        lengths = np.diff(lists.offsets)
        if (lengths > limit).any():
            raise MismatchedAnswerError(f"it holds more than the {limit} points that were asked for of each series")
        self._check_progress(progress, rows, lists)
        pieces = progress.held
        if len(rows):
            columns = [pa.array(batch.runs[rows]), pa.array(batch.attributes[rows]), lists.ascending()]
            pieces = (*pieces, pa.RecordBatch.from_arrays(columns, schema=self._schema))
        received = progress.received + limit
        unfinished = np.flatnonzero(lengths == limit)
        if len(unfinished) == 0 or received == self._most:
            return Step(tuple(reversed(pieces)) if self._from_the_end else pieces)
        self._check_order(lists)
        held = pieces if self._from_the_end else ()
        following = _Progress(batch.take(rows[unfinished]), lists.last_steps[unfinished], received, held)
        return Step(() if self._from_the_end else pieces, partial(self.page, following))

    def _limit(self, progress: _Progress) -> int:
        limit = max(1, POINTS_PER_ANSWER // len(progress.batch))
        return limit if self._most is None else min(limit, self._most - progress.received)

    def _ask(self, progress: _Progress, limit: int) -> pa.RecordBatch:
        batch, options = progress.batch, self._options
        content = encode_float_series_request(
            batch.request_ids,
            batch.holders,
            batch.names,
            lineage=lineage(options),
            entity_type=entity_type(options),
            include_preview=options.include_previews,
            per_series_points_limit=limit,
            step_range=finite_step_range(options) or (None, None),
            order="descending" if self._from_the_end else "ascending",
            after_steps=None if progress.after_steps is None else pa.array(progress.after_steps),
        )
        decode = partial(decode_float_series, time=options.include_time, preview=options.include_previews)
        return self._session.call("POST", _PATH, decode, content=content, headers=self._headers)

    def _check_progress(self, progress: _Progress, rows: npt.NDArray[np.int64], lists: PointLists) -> None:
        """A server that does not continue after the step it was given would send the same points for ever."""
        if progress.after_steps is None or len(rows) == 0:
            return
        after = progress.after_steps[rows]
        nearest = np.minimum(lists.first_steps, lists.last_steps)
        if self._from_the_end:
            nearest = np.maximum(lists.first_steps, lists.last_steps)
        if not (nearest < after if self._from_the_end else nearest > after).all():
            raise MismatchedAnswerError("the server sent points again that it had sent before (afterStep was ignored)")

    def _check_order(self, lists: PointLists) -> None:
        if lists.direction() == (1 if self._from_the_end else -1) and (lists.first_steps != lists.last_steps).any():
            raise MismatchedAnswerError("the points are not in the order that was asked for")
